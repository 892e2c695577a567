// SPDX-License-Identifier: MIT

//! Senders and receivers as std's, between processes: the tests start this program again as
//! the other one.

use shmchan::{
    sync_channel, Channel, ErrorKind, Options, Receiver, RecvError, RecvTimeoutError, Role,
    SendError, SendTimeoutError, Sender, Timeout, TryRecvError, TrySendError,
};
use std::io;
use std::os::unix::io::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

shmchan::plain! {
    #[derive(Debug, PartialEq)]
    struct Point { x: f64, y: f64 }
}

// A channel's name, which is removed at the end.
struct Name(String);

impl Name {
    fn new() -> Name {
        static N: AtomicU32 = AtomicU32::new(0);
        let n = N.fetch_add(1, Ordering::Relaxed);
        Name(format!("t{}.rust.{n}", std::process::id()))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = shmchan::remove(&self.0);
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

// Another process of this program, in which `other_process` does what `job` names.
fn start(job: &str, name: &Name) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "other_process", "--nocapture"])
        .env("SHMCHAN_TEST_JOB", format!("{job} {}", name.0))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn other_process() {
    let job = match std::env::var("SHMCHAN_TEST_JOB") {
        Ok(job) => job,
        Err(_) => return,
    };
    let (job, name) = job.split_once(' ').unwrap();
    match job {
        "count" => {
            let tx = Sender::<u64>::open(name).unwrap();
            (0..10000).for_each(|n| tx.send(n).unwrap());
        }
        "echo" => {
            let (rx, tx) = (
                Receiver::<Point>::open(name).unwrap(),
                Sender::<Point>::open(&format!("{name}.back")).unwrap(),
            );
            rx.iter()
                .for_each(|p| tx.send(Point { x: p.y, y: p.x }).unwrap());
        }
        "take" => {
            let rx = Receiver::<u64>::open(name).unwrap();
            let tx = Sender::<u64>::open(&format!("{name}.back")).unwrap();
            let lease = rx.take().unwrap();
            tx.send(*lease).unwrap();
            loop {
                thread::park(); // until it is killed
            }
        }
        "wait" => {
            let rx = Receiver::<u64>::open(name).unwrap();
            let _ = rx.recv();
        }
        _ => panic!("what is '{job}'?"),
    }
}

// Until a process waits in a call on the channel's receiving side.
fn until(what: impl Fn() -> bool) {
    let end = std::time::Instant::now() + LONG;
    while !what() {
        assert!(std::time::Instant::now() < end, "never");
        thread::sleep(Duration::from_millis(1));
    }
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
}

#[test]
fn it_is_as_in_std() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    fn is_clone<T: Clone>() {}
    is_send::<Sender<u8>>();
    is_sync::<Sender<u8>>();
    is_clone::<Sender<u8>>();
    is_send::<Receiver<u8>>();

    let name = Name::new();
    let (tx, rx) = sync_channel::<i32>(&name, 3).unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(
        rx.recv_timeout(Duration::from_millis(10)),
        Err(RecvTimeoutError::Timeout)
    );
    for n in 1..=3 {
        tx.try_send(n).unwrap();
    }
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
    let clones: Vec<_> = (0..4).map(|_| tx.clone()).collect();
    drop(tx);
    let threads: Vec<_> = clones
        .into_iter()
        .map(|tx| thread::spawn(move || (0..1000).for_each(|n| tx.send(n).unwrap())))
        .collect();
    assert_eq!(rx.iter().sum::<i32>(), 4 * 499500);
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(rx.recv(), Err(RecvError));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(rx.cause().unwrap().kind(), ErrorKind::Closed);
    assert_eq!(rx.into_iter().next(), None);
}

#[test]
fn an_error_gives_the_value_back() {
    let name = Name::new();
    let (tx, rx) = sync_channel::<Vec<u8>>(&name, 1).unwrap();
    let long = vec![7; 65536];
    tx.send(long.clone()).unwrap();
    assert_eq!(
        tx.try_send(long.clone()),
        Err(TrySendError::Full(long.clone()))
    );
    assert_eq!(
        tx.send_timeout(long.clone(), Duration::from_millis(10)),
        Err(SendTimeoutError::Timeout(long.clone()))
    );
    let longer = vec![7; 65537];
    assert_eq!(tx.send(longer.clone()), Err(SendError(longer)));
    assert_eq!(tx.cause().unwrap().kind(), ErrorKind::TooLarge);
    assert_eq!(rx.recv().unwrap(), long);
    drop(rx);
    assert_eq!(tx.send(vec![1]), Err(SendError(vec![1])));
    assert_eq!(
        tx.try_send(vec![1]),
        Err(TrySendError::Disconnected(vec![1]))
    );
}

#[test]
fn the_bound_has_room_for_as_many() {
    let name = Name::new();
    for bound in [1, 10, 127, 128, 1000] {
        let (tx, _rx) = sync_channel::<[u64; 5]>(&name, bound).unwrap();
        let n = (0..).take_while(|n| tx.try_send([*n; 5]).is_ok()).count();
        assert!((bound..=bound + 4096 / 64).contains(&n), "{n} for {bound}");
    }
    for bound in [1, 100] {
        let (tx, _rx) = sync_channel::<Vec<u8>>(&name, bound).unwrap();
        assert!(
            (0..bound).all(|_| tx.try_send(vec![0; 1008]).is_ok()),
            "{bound}"
        );
    }
    let (tx, rx) = sync_channel::<u8>(&name, 0).unwrap();
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    let receives = thread::spawn(move || rx.recv());
    tx.send(1).unwrap();
    assert_eq!(receives.join().unwrap(), Ok(1));
}

#[test]
fn a_name_is_used_once() {
    let name = Name::new();
    let both = sync_channel::<u8>(&name, 1).unwrap();
    assert_eq!(
        sync_channel::<u8>(&name, 1).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    drop(both);
    assert_eq!(
        Sender::<u8>::open(&name).unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
    sync_channel::<u16>(&name, 1).unwrap();
    let e = sync_channel::<u8>("no\0name", 1).unwrap_err();
    assert_eq!(e.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn another_type_is_refused() {
    let name = Name::new();
    let _both = sync_channel::<Point>(&name, 1).unwrap();
    assert!(Sender::<Point>::open(&name).is_ok());
    for refused in [
        Receiver::<u8>::open(&name).map(drop).unwrap_err(),
        Sender::<[f64; 2]>::open(&name).map(drop).unwrap_err(), // of the same size
        Receiver::<Vec<u8>>::open(&name).map(drop).unwrap_err(),
    ] {
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert!(
            refused.to_string().contains("another type than "),
            "{refused}"
        );
    }
}

#[test]
fn a_channel_that_does_not_say_its_type_is_looked_at_message_by_message() {
    let name = Name::new();
    shmchan::create(&name, &Options::new()).unwrap();
    let c = Channel::open(&name, Role::SEND, &Options::new()).unwrap();
    let rx = Receiver::<u64>::open(&name).unwrap();
    c.send(&7u64.to_ne_bytes(), Timeout::Never).unwrap();
    assert_eq!(rx.recv(), Ok(7));
    c.send(b"abc", Timeout::Never).unwrap();
    assert!(rx.take().is_err()); // and it goes back
    assert!(rx.recv().is_err());
    assert_eq!(rx.cause().unwrap().kind(), ErrorKind::Damaged);
    assert!(rx
        .cause()
        .unwrap()
        .to_string()
        .contains("3 bytes is no u64"));
}

#[test]
fn the_last_sender_of_all_processes_ends_it() {
    let name = Name::new();
    let (tx, rx) = sync_channel::<u64>(&name, 100).unwrap();
    let mut child = start("count", &name);
    until(|| tx.channel().stat().unwrap().senders() == 2);
    drop(tx);
    assert!(rx.iter().eq(0..10000));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_killed_sender_ends_it() {
    let name = Name::new();
    let (tx, rx) = sync_channel::<u64>(&name, 1).unwrap();
    let child = start("count", &name);
    until(|| tx.channel().stat().unwrap().depth() > 1); // it sends
    drop(tx);
    let receives = thread::spawn(move || rx.iter().zip(0..).all(|(got, n)| got == n));
    kill(child);
    assert!(receives.join().unwrap());
}

#[test]
fn values_go_both_ways() {
    let name = Name::new();
    let back = Name(format!("{}.back", name.0));
    let (tx, rx) = sync_channel::<Point>(&name, 1).unwrap();
    let (tx_back, rx_back) = sync_channel::<Point>(&back, 1).unwrap();
    let mut child = start("echo", &name);
    until(|| rx_back.channel().stat().unwrap().senders() == 2);
    drop((rx, tx_back));
    for n in 0..1000 {
        let (x, y) = (n.into(), 0.5);
        tx.send(Point { x, y }).unwrap();
        assert_eq!(rx_back.recv(), Ok(Point { x: y, y: x }));
    }
    drop(tx);
    assert_eq!(rx_back.recv(), Err(RecvError));
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_a_killed_receiver_took_comes_again() {
    let name = Name::new();
    let back = Name(format!("{}.back", name.0));
    let (tx, rx) = sync_channel::<u64>(&name, 1).unwrap();
    let (_tx, rx_back) = sync_channel::<u64>(&back, 1).unwrap();
    tx.send(7).unwrap();
    let child = start("take", &name);
    assert_eq!(rx_back.recv(), Ok(7)); // it has taken it
    kill(child);
    let lease = rx.take_timeout(LONG).unwrap();
    assert_eq!((*lease, lease.attempt()), (7, 2));
    lease.ack().unwrap();
}

#[test]
fn a_killed_receiver_that_waits_takes_nothing() {
    let name = Name::new();
    let (tx, rx) = sync_channel::<u64>(&name, 1).unwrap();
    let child = start("wait", &name);
    until(|| tx.channel().stat().unwrap().receivers() == 2);
    kill(child);
    tx.send(7).unwrap();
    assert_eq!(rx.recv_timeout(LONG), Ok(7));
}

#[test]
fn a_panic_redelivers() {
    let name = Name::new();
    let (tx, rx) = sync_channel::<u64>(&name, 1).unwrap();
    tx.send(7).unwrap();
    let died = thread::scope(|s| {
        s.spawn(|| {
            let lease = rx.take().unwrap();
            assert_eq!(*lease, 8, "this is to panic");
            lease.ack().unwrap();
        })
        .join()
    });
    assert!(died.is_err());
    let lease = rx.try_take().unwrap();
    assert_eq!((*lease, lease.attempt(), lease.seq()), (7, 2, 1));
    lease.untake().unwrap();
    let lease = rx.take().unwrap();
    assert_eq!(lease.attempt(), 2);
    lease.ack().unwrap();
    assert_eq!(rx.try_take().unwrap_err(), TryRecvError::Empty);
}

#[test]
fn a_loan_is_sent_or_not() {
    let name = Name::new();
    let (tx, rx) = sync_channel::<Point>(&name, 1).unwrap();
    drop(tx.loan().unwrap());
    let mut place = tx.loan().unwrap();
    assert_eq!(tx.loan().map(drop).unwrap_err().kind(), ErrorKind::Deadlock);
    *place = Point { x: 1.0, y: 2.0 };
    place.y = 3.0;
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    place.send().unwrap();
    assert_eq!(rx.recv(), Ok(Point { x: 1.0, y: 3.0 }));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn bytes_in_place() {
    let name = Name::new();
    let (tx, rx) = sync_channel::<Vec<u8>>(&name, 1).unwrap();
    let mut place = tx.loan_bytes(100).unwrap();
    place[..5].copy_from_slice(b"hello");
    place.send_prefix(5).unwrap();
    let lease = rx.take().unwrap();
    assert_eq!(&*lease, b"hello");
    lease.ack().unwrap();
}

#[test]
fn a_descriptor_is_readable_when_there_is_a_value() {
    extern "C" {
        fn poll(fds: *mut [i32; 2], n: u64, timeout: i32) -> i32;
    }
    fn readable(fd: impl AsFd) -> bool {
        let mut p = [fd.as_fd().as_raw_fd(), 1]; // POLLIN, and no revents
        unsafe { poll(&mut p, 1, 0) == 1 }
    }
    let name = Name::new();
    let (tx, rx) = sync_channel::<u8>(&name, 1).unwrap();
    let fd = rx.fd().unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert!(!readable(fd));
    tx.send(1).unwrap();
    assert!(readable(fd));
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn an_error_says_what_the_library_says() {
    let name = Name::new();
    let e = Channel::open(&name, Role::SEND, &Options::new()).unwrap_err();
    assert_eq!((e.kind(), e.errno()), (ErrorKind::NotFound, 2));
    assert!(e.to_string().starts_with("no such channel"), "{e}");
    let e = shmchan::create(&name, &Options::new().capacity(4096).max_message(65536)).unwrap_err();
    assert!(e.detail().starts_with("max_message: "), "{e}");
    assert_eq!(io::Error::from(e).kind(), io::ErrorKind::InvalidInput);
    let e = Options::new().dead_letter(&"x".repeat(256)).unwrap_err();
    assert!(e.to_string().contains("dead_letter: "), "{e}");
    let letters = Options::new().dead_letter("a/b/c").unwrap();
    let e = shmchan::create(&name, &letters).unwrap_err();
    assert!(e.detail().starts_with("dead_letter: "), "{e}");
    assert!(shmchan::version().starts_with("0."));
    assert!(!shmchan::list().unwrap().contains(&name.0));
}
