//! fernlog
pub mod crypto;
pub mod format;
pub use format::{Level, Record};
