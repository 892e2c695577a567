// SPDX-License-Identifier: MIT

use std::mem::{align_of, size_of};

/// A type that is plain data: it can go from one process to another as its bytes.
///
/// Integers, floats and arrays of these are plain, and so is a structure that
/// [`plain!`](crate::plain!) defines.
///
/// # Safety
///
/// Any bytes are a valid value, there are no bytes between or behind the fields, and no
/// pointer is among them.
pub unsafe trait Plain: Copy + Send + Sync + 'static {
    /// What the type is, for programs that were built apart: the same number for the same
    /// meaning.
    const ID: u64;
}

/// FNV-1a, for [`Plain::ID`].
#[doc(hidden)]
pub const fn hash(mut h: u64, text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        h = mix(h, bytes[i] as u64);
        i += 1;
    }
    h
}

#[doc(hidden)]
pub const fn mix(h: u64, n: u64) -> u64 {
    (h ^ n).wrapping_mul(0x100_0000_01b3)
}

#[doc(hidden)]
pub const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// The number that stands for a type in a channel's header: its id, size and alignment in
/// one.
pub(crate) const fn type_number<T: Plain>() -> u64 {
    assert!(align_of::<T>() <= 16, "a message is aligned to 16 bytes");
    let n = mix(
        mix(mix(BASIS, T::ID), size_of::<T>() as u64),
        align_of::<T>() as u64,
    );
    if n == 0 {
        1
    } else {
        n
    }
}

macro_rules! plain_numbers {
    ($($t:ty)*) => {
        $(
            // SAFETY: a number has no invalid bytes.
            unsafe impl Plain for $t {
                const ID: u64 = hash(BASIS, stringify!($t));
            }
        )*
    };
}

plain_numbers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);

// SAFETY: an array is its elements in a row.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {
    const ID: u64 = mix(mix(hash(BASIS, "array"), T::ID), N as u64);
}

/// Define a structure whose values can be sent: `repr(C)`, `Copy`, and [`Plain`].
///
/// Each field has to be plain, and there may be no padding, which is checked when it is
/// compiled.  The id of the type is made of its name and of the names and types of its fields,
/// in their order, so two programs that define it alike agree.
///
/// ```
/// shmchan::plain! {
///     /// Where something is.
///     #[derive(Debug, PartialEq)]
///     pub struct Point {
///         pub x: f64,
///         pub y: f64,
///     }
/// }
/// let p = Point { x: 1.0, y: 2.0 };
/// assert_eq!(p, p.clone());
/// ```
///
/// ```compile_fail
/// shmchan::plain! {
///     struct Padded { a: u8, b: u32 } // three bytes of no field lie between them
/// }
/// ```
///
/// ```compile_fail
/// shmchan::plain! {
///     struct Pointer { text: &'static str } // means nothing in another process
/// }
/// ```
#[macro_export]
macro_rules! plain {
    (
        $(#[$attribute:meta])*
        $visible:vis struct $name:ident {
            $( $(#[$of_field:meta])* $field_visible:vis $field:ident : $type:ty ),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy)]
        #[repr(C)]
        $visible struct $name {
            $( $(#[$of_field])* $field_visible $field: $type ),+
        }

        // SAFETY: each field is plain, and they are all of it.
        unsafe impl $crate::Plain for $name {
            const ID: u64 = {
                assert!(
                    0 $(+ ::std::mem::size_of::<$type>())+ == ::std::mem::size_of::<$name>(),
                    "there is padding between the fields or behind them"
                );
                let h = $crate::hash($crate::BASIS, stringify!($name));
                $( let h = $crate::mix($crate::hash(h, stringify!($field)),
                    <$type as $crate::Plain>::ID); )+
                h
            };
        }

        const _: u64 = <$name as $crate::Plain>::ID;
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    mod here {
        crate::plain! { pub struct Point { pub x: f64, pub y: f64 } }
    }
    mod there {
        crate::plain! { pub struct Point { pub x: f64, pub y: f64 } }
    }
    mod elsewhere {
        crate::plain! { pub struct Point { pub x: f64, pub z: f64 } }
        crate::plain! { pub struct Place { pub x: f64, pub y: f64 } }
        crate::plain! { pub struct Whole { pub point: Point, pub n: [u16; 4] } }
    }

    #[test]
    fn types_that_are_alike_have_the_same_number() {
        assert_eq!(type_number::<here::Point>(), type_number::<there::Point>());
    }

    #[test]
    fn types_that_differ_have_other_numbers() {
        let numbers = [
            type_number::<here::Point>(),
            type_number::<elsewhere::Point>(),
            type_number::<elsewhere::Place>(),
            type_number::<elsewhere::Whole>(),
            type_number::<u64>(),
            type_number::<i64>(),
            type_number::<f64>(),
            type_number::<[u32; 2]>(),
            type_number::<[u8; 8]>(),
        ];
        for (i, n) in numbers.iter().enumerate() {
            assert!(*n != 0 && !numbers[..i].contains(n));
        }
    }
}
