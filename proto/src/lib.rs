//! The language of Windhover: ids, events, inputs, flow documents, expressions, codec, limits, and the pure core.
//!
//! Nothing here awaits, reads a clock, draws a random number or opens a file: the same arguments give the same answers on
//! every machine and on every replay. Time, seeds and everything that was read from outside are arguments.

pub mod api;
mod charset;
pub mod codec;
pub mod content;
pub mod core;
pub mod definitions;
pub mod delivery;
pub mod event;
pub mod expr;
pub mod flow;
pub mod id;
pub mod input;
pub mod limit;
pub mod problem;
pub mod request;
pub mod seal;
pub mod sight;
pub mod state;
pub mod time;
pub mod trigger;
