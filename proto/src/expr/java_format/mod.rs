//! The number patterns (`#,##0.00`) and the `%` formats of the host language.

pub(crate) mod decimal_format;
pub(crate) mod digits;
pub(crate) mod printf;
