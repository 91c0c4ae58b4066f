//! What a search reads of an execution, in few bytes: a search reads every row.

use windhover_proto::state::State;

use super::store::Failed;

/// Number of a row's layout; a row of another one is damage, and the view is made again.
const LAYOUT: u8 = 1;

/// Bytes of a row before its texts.
const FIXED_BYTES: usize = 26;

/// Stands for "not ended".
const NOT_ENDED: i64 = i64::MIN;

/// One execution in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// When it was created, in milliseconds.
    pub(crate) start_ms: i64,
    /// When it ended, in milliseconds.
    pub(crate) end_ms: Option<i64>,
    /// The commit that created it.
    pub(crate) first_commit: u64,
    /// The state now.
    pub(crate) state: State,
    /// Its tenant.
    pub(crate) tenant: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its flow.
    pub(crate) flow: String,
    /// Its labels.
    pub(crate) labels: Vec<(String, String)>,
}

/// A row, read where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowView<'a> {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: Option<i64>,
    pub(crate) first_commit: u64,
    pub(crate) state: State,
    pub(crate) tenant: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) flow: &'a str,
    labels: &'a [u8],
}

impl Row {
    /// The bytes that [`RowView::read`] reads.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(160);
        bytes.push(LAYOUT);
        bytes.push(number_of(self.state));
        bytes.extend(self.start_ms.to_be_bytes());
        bytes.extend(self.end_ms.unwrap_or(NOT_ENDED).to_be_bytes());
        bytes.extend(self.first_commit.to_be_bytes());
        let labels = self.labels.iter().flat_map(|(key, value)| [key, value]);
        for text in [&self.tenant, &self.namespace, &self.flow].into_iter().chain(labels) {
            write_text(&mut bytes, text);
        }
        bytes
    }
}

/// A length in two bytes, then the text. Labels are cut at 65 535 bytes, which is far above their own limit.
fn write_text(bytes: &mut Vec<u8>, text: &str) {
    let cut = text.floor_char_boundary(usize::from(u16::MAX));
    let length = u16::try_from(cut).unwrap_or(u16::MAX);
    bytes.extend(length.to_be_bytes());
    bytes.extend(&text.as_bytes()[..cut]);
}

fn read_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

impl<'a> RowView<'a> {
    /// Reads a row.
    ///
    /// # Errors
    /// When the bytes are no row of this layout.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Failed> {
        Self::parse(bytes).ok_or_else(|| Failed::new("a row that nobody wrote"))
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (fixed, mut texts) = bytes.split_at_checked(FIXED_BYTES)?;
        let (layout, fixed) = fixed.split_first()?;
        let (state, fixed) = fixed.split_first()?;
        let number = |at: usize| fixed.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
        let time = |at: usize| number(at).map(u64::cast_signed);
        if *layout != LAYOUT {
            return None;
        }
        Some(Self {
            start_ms: time(0)?,
            end_ms: Some(time(8)?).filter(|end_ms| *end_ms != NOT_ENDED),
            first_commit: number(16)?,
            state: *STATES.get(usize::from(*state))?,
            tenant: read_text(&mut texts)?,
            namespace: read_text(&mut texts)?,
            flow: read_text(&mut texts)?,
            labels: texts,
        })
    }

    /// The labels, in order.
    pub(crate) fn labels(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.labels;
        std::iter::from_fn(move || Some((read_text(&mut rest)?, read_text(&mut rest)?)))
    }

    /// The row on its own.
    pub(crate) fn to_row(self) -> Row {
        Row {
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            first_commit: self.first_commit,
            state: self.state,
            tenant: self.tenant.to_owned(),
            namespace: self.namespace.to_owned(),
            flow: self.flow.to_owned(),
            labels: self.labels().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        }
    }
}

/// The states by the number that a row has for them; new ones go to the end.
const STATES: [State; 17] = [
    State::Created,
    State::Submitted,
    State::Running,
    State::Paused,
    State::Queued,
    State::Restarted,
    State::Retrying,
    State::Killing,
    State::Breakpoint,
    State::Success,
    State::Warning,
    State::Failed,
    State::Killed,
    State::Cancelled,
    State::Retried,
    State::Skipped,
    State::Resubmitted,
];

const fn number_of(state: State) -> u8 {
    match state {
        State::Created => 0,
        State::Submitted => 1,
        State::Running => 2,
        State::Paused => 3,
        State::Queued => 4,
        State::Restarted => 5,
        State::Retrying => 6,
        State::Killing => 7,
        State::Breakpoint => 8,
        State::Success => 9,
        State::Warning => 10,
        State::Failed => 11,
        State::Killed => 12,
        State::Cancelled => 13,
        State::Retried => 14,
        State::Skipped => 15,
        State::Resubmitted => 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read_as_it_was_written() {
        for state in STATES {
            for end_ms in [None, Some(0), Some(-5), Some(i64::MAX)] {
                let labels = vec![("a".to_owned(), "b".to_owned()), ("\u{fc}".to_owned(), String::new())];
                let (tenant, namespace, flow) = ("main".to_owned(), "company.team".to_owned(), "echo".to_owned());
                let row = Row { start_ms: 7, end_ms, first_commit: 9, state, tenant, namespace, flow, labels };
                assert_eq!(RowView::read(&row.to_bytes()).unwrap().to_row(), row);
            }
        }
    }

    #[test]
    fn what_is_no_row_is_an_error() {
        for bytes in [&b""[..], b"junk", &[LAYOUT; 26], &[LAYOUT + 1; 80]] {
            assert!(RowView::read(bytes).is_err());
        }
    }
}
