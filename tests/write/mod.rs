mod appending;
#[cfg(feature = "zstd")]
mod compression;
mod moved;
mod plain;
mod queue;
mod recovery;
mod retention;
mod rolling;
mod schedule;
mod threads;
