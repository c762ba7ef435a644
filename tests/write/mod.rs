mod appending;
mod plain;
mod queue;
mod recovery;
mod rolling;
