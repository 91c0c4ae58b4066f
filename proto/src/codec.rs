//! Records and their bytes.
//!
//! A record is text: a header line of JSON, then one line for each item. An item line starts with what a reader needs to
//! skip it unparsed (a partition, an execution id), then a blank, then JSON. JSON never holds a raw line break, so lines can be
//! found with a byte search, and every language can read the log with a few lines of code.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    definitions::Definition,
    event::Event,
    id::{DeliveryId, ExecutionId, Fingerprint},
    input::Input,
    time::Timestamp,
};

/// Version of the records that are written. Older ones stay readable; newer ones are refused by name.
pub const FORMAT: u32 = 1;

/// Version of the rules by which events are decided. A commit of another version is folded, not decided again.
pub const LOGIC_VERSION: u32 = 1;

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer Windhover.
    #[error(
        "the record has format {found}, this version reads up to {FORMAT}; use the version that wrote it, or a newer one"
    )]
    Newer {
        /// Its format.
        found: u32,
    },
    /// Not the kind of record that was expected here.
    #[error("the record is {found:?}, expected {wanted:?}")]
    Kind {
        /// Its kind.
        found: String,
        /// The expected kind.
        wanted: &'static str,
    },
    /// Not a record of ours, or damaged.
    #[error("line {line} of the record cannot be read: {reason}")]
    Malformed {
        /// 1-based line inside the record.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

fn malformed(line: usize, reason: impl fmt::Display) -> DecodeError {
    DecodeError::Malformed { line, reason: reason.to_string() }
}

/// Hash of a record's bytes; each commit carries its predecessor's.
pub type RecordHash = Fingerprint;

/// The hash of a record.
pub fn hash(record: &[u8]) -> RecordHash {
    RecordHash::from_bytes(Sha256::digest(record).into())
}

#[derive(Serialize, Deserialize)]
struct Opening {
    windhover: String,
    format: u32,
}

/// Reads the kind and version of a header line before anything else in it is trusted.
fn check_opening(header: &str, wanted: &'static str) -> Result<(), DecodeError> {
    let opening: Opening = serde_json::from_str(header).map_err(|error| malformed(1, error))?;
    if opening.format > FORMAT {
        return Err(DecodeError::Newer { found: opening.format });
    }
    if opening.windhover != wanted {
        return Err(DecodeError::Kind { found: opening.windhover, wanted });
    }
    Ok(())
}

fn as_text(record: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(record).map_err(|error| malformed(1, error))
}

/// Writes JSON of plain data.
fn write_json(into: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(into, value).unwrap_or_else(|error| unreachable!("plain data and memory: {error}"));
}

/// An input, encoded and addressed: one line of an inbox record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxLine(Vec<u8>);

impl InboxLine {
    /// Encodes an input for the partition that owns its execution.
    pub fn new(input: &Input, partitions: u16) -> Self {
        let mut bytes = format!("{} ", input.execution().partition(partitions)).into_bytes();
        write_json(&mut bytes, input);
        bytes.push(b'\n');
        Self(bytes)
    }

    /// Size in a record, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.0.len()
    }
}

/// Size of an inbox record's header line, in bytes, at most.
pub const INBOX_HEADER_BYTES_MAX: usize = 64;

/// Joins lines to one inbox record.
pub fn encode_inbox(lines: &[InboxLine]) -> Vec<u8> {
    let mut record =
        Vec::with_capacity(INBOX_HEADER_BYTES_MAX + lines.iter().map(InboxLine::size_bytes).sum::<usize>());
    record.extend_from_slice(format!("{{\"windhover\":\"inbox\",\"format\":{FORMAT}}}\n").as_bytes());
    lines.iter().for_each(|line| record.extend_from_slice(&line.0));
    record
}

/// One line of an inbox record whose input is not parsed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxItem<'a> {
    /// The partition that decides it.
    pub partition: u16,
    /// The input's JSON.
    json: &'a str,
}

impl InboxItem<'_> {
    /// Parses the input.
    ///
    /// # Errors
    /// When it is not an input of this version.
    pub fn input(&self) -> Result<Input, DecodeError> {
        serde_json::from_str(self.json).map_err(|error| malformed(0, error))
    }
}

/// Who came with a key, read without the rest of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The execution that the key stands for.
    pub execution: ExecutionId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// When it was received.
    pub received_at: Timestamp,
}

#[derive(Deserialize)]
enum SeenInput {
    WebhookReceived(SeenStart),
    ExecutionRequested(SeenStart),
    KillRequested(serde::de::IgnoredAny),
    DeletionRequested(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct SeenStart {
    execution: ExecutionId,
    delivery: SeenDelivery,
}

#[derive(Deserialize)]
struct SeenDelivery {
    id: DeliveryId,
    received_at: Timestamp,
    #[serde(default)]
    key: Option<serde::de::IgnoredAny>,
}

impl InboxItem<'_> {
    /// Reads who came, when it came with a key.
    ///
    /// # Errors
    /// When it is not an input of this version.
    pub fn arrival(&self) -> Result<Option<Arrival>, DecodeError> {
        // A text inside of JSON cannot hold these bytes, since its quotes are escaped: without them there is no key.
        if memchr::memmem::find(self.json.as_bytes(), KEY_MEMBER).is_none() {
            return Ok(None);
        }
        if let Some(arrival) = self.arrival_as_written() {
            return Ok(Some(arrival));
        }
        let seen = serde_json::from_str(self.json).map_err(|error| malformed(0, error))?;
        let (SeenInput::WebhookReceived(start) | SeenInput::ExecutionRequested(start)) = seen else { return Ok(None) };
        let SeenDelivery { id, received_at, key } = start.delivery;
        Ok(key.map(|_| Arrival { execution: start.execution, delivery: id, received_at }))
    }

    /// The same of a keyed delivery whose members stand as [`InboxLine`] writes them: most of the line, the request, is not read.
    fn arrival_as_written(&self) -> Option<Arrival> {
        let (execution, rest) = self.json.strip_prefix(r#"{"WebhookReceived":{"execution":""#)?.split_once('"')?;
        let (_, rest) = rest.split_once(r#","delivery":{"id":""#)?;
        let (delivery, rest) = rest.split_once('"')?;
        let (between, rest) = rest.split_once(r#""received_at":"#)?;
        let (received_at, rest) = rest.split_once(',')?;
        // Only the name of the trigger stands in between, and the key comes next: else it is another order of members.
        let as_written = !between.contains(['{', '}']) && rest.as_bytes().starts_with(KEY_MEMBER);
        let received_at = received_at.parse().ok().map(Timestamp::from_millis)?;
        as_written.then_some(Arrival {
            execution: execution.parse().ok()?,
            delivery: delivery.parse().ok()?,
            received_at,
        })
    }
}

/// How the key of a delivery begins in JSON.
const KEY_MEMBER: &[u8] = br#""key":{"#;

/// The lines of an inbox record, in order.
///
/// # Errors
/// When the record is not an inbox record of a version that is read here.
pub fn decode_inbox(record: &[u8]) -> Result<Vec<InboxItem<'_>>, DecodeError> {
    let mut lines = as_text(record)?.lines();
    check_opening(lines.next().unwrap_or_default(), "inbox")?;
    lines.enumerate().map(|(index, line)| inbox_item(index + 2, line)).collect()
}

fn inbox_item(number: usize, line: &str) -> Result<InboxItem<'_>, DecodeError> {
    let (partition, json) = line.split_once(' ').ok_or_else(|| malformed(number, "no partition"))?;
    let partition = partition.parse().map_err(|error| malformed(number, error))?;
    Ok(InboxItem { partition, json })
}

/// How far a partition has consumed the inbox. It stands in the same record as what followed from the inputs: exactly once
/// is this one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Consumed {
    /// Every inbox record up to this position is consumed.
    #[serde(rename = "inbox_through")]
    pub through: u64,
    /// Of the next record with inputs for the partition, this many of these are consumed too: a turn may end inside a record.
    #[serde(rename = "inbox_within", default, skip_serializing_if = "is_zero")]
    pub within: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a commit says besides its events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitHeader {
    /// The partition.
    pub partition: u16,
    /// Which ownership wrote it; a new owner's first commit raises it.
    pub epoch: u64,
    /// Time of the turn: never before the previous commit's.
    pub now: Timestamp,
    /// Randomness of the turn: the seeds of new executions derive from it.
    pub seed: u64,
    /// The rules by which the events were decided.
    pub logic_version: u32,
    /// The `definitions` position that the rules were applied with.
    pub definitions_at: u64,
    /// How far the inbox is consumed.
    #[serde(flatten)]
    pub consumed: Consumed,
    /// Position of the previous commit; 0 for the first one.
    pub prev_position: u64,
    /// Hash of the previous commit's record; absent for the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev_hash: Option<RecordHash>,
}

#[derive(Serialize)]
struct CommitOpening<'a> {
    windhover: &'static str,
    format: u32,
    #[serde(flatten)]
    header: &'a CommitHeader,
}

/// The events of one execution in one commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When they happened.
    pub at: Timestamp,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// Joins a header and the events of executions to one commit record.
pub fn encode_commit<'a>(header: &CommitHeader, lines: impl IntoIterator<Item = (ExecutionId, &'a Line)>) -> Vec<u8> {
    let lines = lines.into_iter();
    let mut record = Vec::with_capacity(512 + 2048 * lines.size_hint().0);
    write_json(&mut record, &CommitOpening { windhover: "commit", format: FORMAT, header });
    record.push(b'\n');
    for (execution, line) in lines {
        record.extend_from_slice(execution.to_string().as_bytes());
        record.push(b' ');
        write_json(&mut record, line);
        record.push(b'\n');
    }
    record
}

/// A commit record whose lines are not parsed yet.
#[derive(Clone, Debug)]
pub struct Commit<'a> {
    /// Its header.
    pub header: CommitHeader,
    /// Execution and JSON of each line.
    items: Vec<(ExecutionId, &'a str)>,
}

impl<'a> Commit<'a> {
    /// The executions in this commit, in order, each with its line unparsed.
    pub fn items(&self) -> impl Iterator<Item = (ExecutionId, &'a str)> + '_ {
        self.items.iter().copied()
    }
}

/// Parses the events of one line of a commit.
///
/// # Errors
/// When they are not events of this version.
pub fn decode_line(json: &str) -> Result<Line, DecodeError> {
    serde_json::from_str(json).map_err(|error| malformed(0, error))
}

/// Splits a commit record into its lines.
///
/// # Errors
/// When the record is not a commit of a version that is read here.
pub fn decode_commit(record: &[u8]) -> Result<Commit<'_>, DecodeError> {
    let mut lines = as_text(record)?.lines();
    let opening = lines.next().unwrap_or_default();
    check_opening(opening, "commit")?;
    let header = serde_json::from_str(opening).map_err(|error| malformed(1, error))?;
    let items = lines.enumerate().map(|(index, line)| commit_item(index + 2, line)).collect::<Result<_, _>>()?;
    Ok(Commit { header, items })
}

fn commit_item(number: usize, line: &str) -> Result<(ExecutionId, &str), DecodeError> {
    let (execution, json) = line.split_once(' ').ok_or_else(|| malformed(number, "no execution id"))?;
    Ok((execution.parse().map_err(|error| malformed(number, error))?, json))
}

/// Joins definitions to one record.
pub fn encode_definitions(definitions: &[Definition]) -> Vec<u8> {
    let mut record = format!("{{\"windhover\":\"definitions\",\"format\":{FORMAT}}}\n").into_bytes();
    for definition in definitions {
        write_json(&mut record, definition);
        record.push(b'\n');
    }
    record
}

/// The definitions of a record.
///
/// # Errors
/// When the record is not one of definitions of a version that is read here.
pub fn decode_definitions(record: &[u8]) -> Result<Vec<Definition>, DecodeError> {
    let mut lines = as_text(record)?.lines();
    check_opening(lines.next().unwrap_or_default(), "definitions")?;
    lines.enumerate().map(|(index, line)| serde_json::from_str(line).map_err(|e| malformed(index + 2, e))).collect()
}
