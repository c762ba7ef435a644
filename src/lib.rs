//! fernlog
