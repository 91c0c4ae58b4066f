//! Dates: reading, adding, writing, and the calendar.

pub(crate) mod calendar;
pub(crate) mod format;
pub(crate) mod holidays;
pub(crate) mod input;
pub(crate) mod named;
pub(crate) mod names;
pub(crate) mod parse;
pub(crate) mod pattern;
pub(crate) mod zone;
