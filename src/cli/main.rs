//! The `fernlog` command.

#![expect(dead_code, reason = "the commands that use this are added one by one")]

mod args;
mod escape;
mod exit;
mod index;
mod keyguard;
mod process;
mod time;

fn main() {}
