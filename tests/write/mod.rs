mod appending;
mod plain;
mod recovery;
mod rolling;
