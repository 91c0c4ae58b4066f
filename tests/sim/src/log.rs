//! A log in memory with the one operation that everything rests on: compare-and-set on the head.

use std::rc::Rc;

/// The bytes of a record, shared.
pub(crate) type Bytes = Rc<[u8]>;

/// What must hold for an append to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing.
    Anything,
    /// The newest record stands here; 0: there is none.
    Head(u64),
}

/// An append whose condition did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict;

/// Records in order, at positions from 1.
#[derive(Debug, Default)]
pub(crate) struct Log(Vec<Bytes>);

impl Log {
    /// The position of the newest record; 0 when there is none.
    pub(crate) fn head(&self) -> u64 {
        self.0.len() as u64
    }

    /// Appends a record when the condition holds, and answers its position.
    ///
    /// # Errors
    /// When it does not hold; nothing is stored then.
    pub(crate) fn append(&mut self, expect: Expect, record: Bytes) -> Result<u64, Conflict> {
        match expect {
            Expect::Head(head) if head != self.head() => Err(Conflict),
            Expect::Head(_) | Expect::Anything => {
                self.0.push(record);
                Ok(self.head())
            }
        }
    }

    /// The record at a position that was appended.
    pub(crate) fn record(&self, position: u64) -> &Bytes {
        &self.0[position as usize - 1]
    }
}
