mod appending;
mod moved;
mod plain;
mod recovery;
mod rolling;
mod threads;
