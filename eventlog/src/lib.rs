//! The log: one trait, two implementations, one contract.
