//! The pure core as a specification: given a flow, when something happens, then these events follow.
//!
//! Every step goes through `partition::turn`, and every commit is folded back: that the fold gives what the turn gave is checked
//! by each test without being mentioned.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod calls;
mod codec;
mod creation;
mod duplicates;
mod exits;
mod failures;
mod recorded;
mod requests;
mod retries;
mod secrets;
mod world;
