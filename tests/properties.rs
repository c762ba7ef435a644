//! Round trips of generated values that no single example covers.
