//! fernlog
pub mod crypto;
mod error;
pub mod format;
pub mod keyfile;
pub mod read;
pub mod write;

pub use crypto::{Key, KeyId, Keyring, SigningKey, VerifierKey};
pub use error::{Conflict, Error, Result};
pub use format::{Exception, Level, Record, UnixTime};
pub use write::{AuditLog, Durability, Head, Receipt, Upkeep};
