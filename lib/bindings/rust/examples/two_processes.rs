// SPDX-License-Identifier: MIT

//! What std's documentation of `sync_channel` does with two threads, between two processes:
//! the program starts itself again as the one that sends.

use shmchan::{sync_channel, Sender};
use std::env;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = match env::args().nth(1) {
        Some(name) => return Ok(send(&name)?),
        None => format!("two_processes.{}", std::process::id()),
    };
    let (sender, receiver) = sync_channel::<i32>(&name, 1)?;

    // This returns immediately.
    sender.send(1)?;

    let mut child = Command::new(env::current_exe()?).arg(&name).spawn()?;

    assert_eq!(receiver.recv()?, 1);
    assert_eq!(receiver.recv()?, 2);
    child.wait()?;
    drop(sender); // the last sender of all processes
    assert!(receiver.recv().is_err());
    println!("received 1 and 2, and then the end");
    Ok(())
}

fn send(name: &str) -> std::io::Result<()> {
    let sender = Sender::open(name)?;
    sender.send(2).expect("there is a receiver");
    Ok(())
}
