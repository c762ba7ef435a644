//! The `fernlog` command.

#![expect(dead_code, reason = "the commands that use this are added one by one")]

mod args;
mod colour;
mod escape;
mod exit;
mod failure;
mod index;
mod keyguard;
mod out;
mod process;
mod progress;
mod time;
mod ui;
mod usage;

fn main() {}
