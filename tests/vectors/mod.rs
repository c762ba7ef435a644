//! Published test vectors, a file each kind. They lie in the folder that `FERNLOG_VECTORS` names.

/// Tokens: the three files of the Fernet spec.
mod fernet;
/// Notes, note keys, checkpoints and witness requests of the C2SP family.
mod notes;
/// Inclusion and consistency proofs.
mod proofs;
/// A whole log, made by another program.
mod sample;
/// Tokens: ours, what other libraries write and what only we refuse.
mod tokens;
/// The RFC 6962 reference tree and real logs whose roots are known.
mod trees;
/// The primitives below tokens and notes, through our glue where it can be reached.
mod wycheproof;
