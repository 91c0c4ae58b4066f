//! What every log promises, as tests that run against any of them.
//!
//! An implementation brings a [`Backend`]; [`contract_tests`](crate::contract_tests) makes one test of each claim.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture};

use crate::{Append, AppendError, Expect, Layout, LogName, ObjectName, Position, ReadError, Reader, Record, SharedLog};

/// The layout that backends open their logs with.
pub const LAYOUT: Layout = Layout { format: 1, partitions: 4, shards: 1 };

/// No single step of any claim takes longer, else the log hangs.
const STEP_MAX: Duration = Duration::from_secs(30);

/// A store that survives its users: it can be opened, left, and opened again.
pub trait Backend: Send + Sync {
    /// Opens the logs; at the second call the same ones, as after a restart. The log of the first call was dropped.
    fn open(&self) -> BoxFuture<'_, SharedLog>;
}

/// All claims by name, given to another macro: the one list.
#[macro_export]
macro_rules! with_claims {
    ($callback:ident ! ($($before:tt)*)) => {
        $crate::$callback! { $($before)* =>
            appended_bytes_come_back_unchanged
            positions_rise_and_the_head_is_the_newest
            an_empty_log_has_no_head_and_no_records
            logs_do_not_mix
            exactly_one_of_many_racers_for_a_head_wins
            a_stale_head_is_refused_and_the_refusal_names_the_newest
            the_origin_is_a_head_to_expect
            conflicts_do_not_disturb_the_others
            every_append_of_many_tasks_stands_once_in_the_order_of_its_task
            dropping_an_append_does_not_cancel_it
            a_reader_gets_history_then_what_arrives
            a_reader_resumes_after_any_position
            a_reader_of_an_empty_log_waits_for_the_first_record
            a_waiting_reader_wakes_at_once
            a_long_history_is_read_whole_and_in_order
            a_history_of_large_records_is_read_whole
            a_reader_that_wants_trimmed_records_is_told
            a_reader_that_trimming_overtakes_is_told_and_sees_no_gap
            a_reader_beyond_the_head_is_told
            a_record_is_found_by_its_position
            trimming_keeps_the_newest_record_and_the_head
            trimming_again_changes_nothing
            what_was_acknowledged_is_there_after_reopening
            what_was_trimmed_stays_trimmed_after_reopening
            positions_are_not_reused_after_trimming_and_reopening
            a_record_over_the_limit_is_refused_and_not_stored
            a_record_of_the_largest_size_is_stored
            a_record_sent_again_is_there
            objects_are_replaced_listed_and_deleted
            objects_are_there_after_reopening
            a_large_object_comes_back_unchanged
            usage_grows_with_what_is_stored
        }
    };
}

/// Makes a test of each claim of the contract. The expression makes a future of a fresh, empty [`Backend`].
#[macro_export]
macro_rules! contract_tests {
    ($backend:expr => $($claim:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() {
                let backend = $backend.await;
                $crate::contract::$claim(&backend).await;
            }
        )*
    };
    ($backend:expr) => {
        $crate::with_claims! { contract_tests!($backend) }
    };
}

/// A claim that can be kept in a list.
pub type Claim = for<'a> fn(&'a dyn Backend) -> BoxFuture<'a, ()>;

/// All claims with their names, for stores that are too costly to start for each.
pub fn claims() -> Vec<(&'static str, Claim)> {
    crate::with_claims! { contract_list!() }
}

/// Makes the list of [`contract::claims`](crate::contract::claims).
#[doc(hidden)]
#[macro_export]
macro_rules! contract_list {
    (=> $($claim:ident)*) => {
        vec![$((stringify!($claim), |backend| Box::pin($crate::contract::$claim(backend)))),*]
    };
}

fn executions(partition: u16) -> LogName {
    LogName::Executions { partition }
}

fn inbox() -> LogName {
    LogName::Inbox { shard: 0 }
}

fn append_of(log: LogName, bytes: impl Into<Bytes>, expect: Expect) -> Append {
    Append { log, bytes: bytes.into(), expect, resend_id: None }
}

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(STEP_MAX, future).await.unwrap_or_else(|_| panic!("{what} hangs"))
}

async fn append(log: &SharedLog, name: LogName, bytes: impl Into<Bytes>) -> Position {
    let appended = in_time("an append", log.append(append_of(name, bytes, Expect::Anything))).await;
    appended.expect("an append")
}

async fn append_at(log: &SharedLog, name: LogName, head: Position) -> Result<Position, AppendError> {
    in_time("an append", log.append(append_of(name, "at", Expect::Head(head)))).await
}

async fn append_many(log: &SharedLog, name: &LogName, count: usize) -> Vec<Position> {
    let mut positions = Vec::with_capacity(count);
    for number in 0..count {
        positions.push(append(log, name.clone(), format!("record {number}")).await);
    }
    positions
}

async fn next(reader: &mut Reader) -> Result<Record, ReadError> {
    in_time("a reader", reader.next()).await.expect("a reader never ends without an error")
}

async fn take(log: &SharedLog, name: &LogName, after: Position, count: usize) -> Vec<Record> {
    let mut reader = log.read(name.clone(), after);
    let mut records = Vec::with_capacity(count);
    for _ in 0..count {
        records.push(next(&mut reader).await.expect("a record"));
    }
    records
}

async fn take_positions(log: &SharedLog, name: &LogName, after: Position, count: usize) -> Vec<Position> {
    take(log, name, after, count).await.iter().map(|record| record.position).collect()
}

async fn head(log: &SharedLog, name: &LogName) -> Position {
    in_time("the head", log.head(name.clone())).await.expect("the head")
}

async fn first(log: &SharedLog, name: &LogName) -> Position {
    in_time("the first", log.first(name.clone())).await.expect("the first")
}

async fn trim(log: &SharedLog, name: &LogName, below: Position) {
    in_time("a trim", log.trim(name.clone(), below)).await.expect("a trim");
}

fn object_name(text: &str) -> ObjectName {
    ObjectName::new(text).expect("an object name")
}

/// Bytes without pattern, so that compression does not shrink them.
fn noise(count: usize, seed: u64) -> Bytes {
    let mut state = seed | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..count).map(next).collect::<Vec<_>>().into()
}

/// Claim.
pub async fn appended_bytes_come_back_unchanged(backend: &dyn Backend) {
    let log = backend.open().await;
    let every_byte: Bytes = (0..=255u8).collect::<Vec<_>>().into();
    let sent = [Bytes::new(), every_byte, Bytes::from_static(b"\r\n\0\xff"), noise(300_000, 1)];
    for bytes in &sent {
        append(&log, inbox(), bytes.clone()).await;
    }
    let got = take(&log, &inbox(), Position::ORIGIN, sent.len()).await;
    assert!(got.iter().map(|record| &record.bytes).eq(&sent));
}

/// Claim.
pub async fn positions_rise_and_the_head_is_the_newest(backend: &dyn Backend) {
    let log = backend.open().await;
    let mut before = Position::ORIGIN;
    for number in 0..20 {
        let position = append(&log, inbox(), format!("{number}")).await;
        assert!(position > before, "{position} after {before}");
        assert_eq!(head(&log, &inbox()).await, position);
        before = position;
    }
}

/// Claim.
pub async fn an_empty_log_has_no_head_and_no_records(backend: &dyn Backend) {
    let log = backend.open().await;
    assert_eq!(head(&log, &inbox()).await, Position::ORIGIN);
    assert_eq!(first(&log, &inbox()).await, Position(1));
    let record = in_time("a record", log.record(inbox(), Position(1))).await.expect("no error");
    assert_eq!(record, None);
}

/// Claim.
pub async fn logs_do_not_mix(backend: &dyn Backend) {
    let log = backend.open().await;
    let names = [
        inbox(),
        executions(0),
        executions(1),
        LogName::Definitions,
        LogName::Refusals,
        LogName::Kv { namespace: "company.team".into() },
        LogName::Kv { namespace: "company".into() },
    ];
    for round in 0..3 {
        for name in &names {
            append(&log, name.clone(), format!("{name} {round}")).await;
        }
    }
    for name in &names {
        let got = take(&log, name, Position::ORIGIN, 3).await;
        let wanted: Vec<_> = (0..3).map(|round| Bytes::from(format!("{name} {round}"))).collect();
        assert!(got.iter().map(|record| &record.bytes).eq(&wanted), "{name}");
    }
}

/// Claim.
pub async fn exactly_one_of_many_racers_for_a_head_wins(backend: &dyn Backend) {
    let log = backend.open().await;
    let mut at = append(&log, executions(1), "start").await;
    for round in 0..10 {
        let racers = (0..8).map(|_| append_at(&log, executions(1), at));
        let results = futures_util::future::join_all(racers).await;
        let winners: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}: {results:?}");
        for lost in results.iter().filter_map(|result| result.as_ref().err()) {
            // Two servers may also say "somebody is at it": not stored either way.
            assert!(matches!(lost, AppendError::Conflict { .. } | AppendError::Unavailable { .. }), "{lost:?}");
        }
        at = *winners[0];
        assert_eq!(head(&log, &executions(1)).await, at);
    }
    assert_eq!(take(&log, &executions(1), Position::ORIGIN, 11).await.len(), 11);
}

/// Claim.
pub async fn a_stale_head_is_refused_and_the_refusal_names_the_newest(backend: &dyn Backend) {
    let log = backend.open().await;
    let positions = append_many(&log, &executions(0), 3).await;
    for stale in [Position::ORIGIN, positions[0], positions[1]] {
        match append_at(&log, executions(0), stale).await {
            Err(AppendError::Conflict { head, .. }) => assert_eq!(head, positions[2]),
            other => panic!("{other:?}"),
        }
    }
    let ahead = Position(positions[2].0 + 1);
    assert!(matches!(append_at(&log, executions(0), ahead).await, Err(AppendError::Conflict { .. })));
    assert_eq!(head(&log, &executions(0)).await, positions[2]);
    assert!(append_at(&log, executions(0), positions[2]).await.is_ok());
}

/// Claim.
pub async fn the_origin_is_a_head_to_expect(backend: &dyn Backend) {
    let log = backend.open().await;
    let position = append_at(&log, executions(2), Position::ORIGIN).await.expect("the log is empty");
    assert!(position > Position::ORIGIN);
    assert!(matches!(append_at(&log, executions(2), Position::ORIGIN).await, Err(AppendError::Conflict { .. })));
}

/// Claim.
pub async fn conflicts_do_not_disturb_the_others(backend: &dyn Backend) {
    let log = backend.open().await;
    append(&log, executions(0), "start").await;
    let appends = (0..40).map(|number| {
        let stale = number % 4 == 0;
        let (name, expect) =
            if stale { (executions(0), Expect::Head(Position::ORIGIN)) } else { (inbox(), Expect::Anything) };
        log.append(append_of(name, format!("{number}"), expect))
    });
    let results = in_time("appends", futures_util::future::join_all(appends)).await;
    for (number, result) in results.iter().enumerate() {
        let conflicted = matches!(result, Err(AppendError::Conflict { .. }));
        assert_eq!(conflicted, number % 4 == 0, "{number}: {result:?}");
        assert_eq!(result.is_ok(), number % 4 != 0, "{number}: {result:?}");
    }
    assert_eq!(take(&log, &inbox(), Position::ORIGIN, 30).await.len(), 30);
}

/// Claim.
pub async fn every_append_of_many_tasks_stands_once_in_the_order_of_its_task(backend: &dyn Backend) {
    const TASKS: usize = 16;
    const EACH: usize = 25;
    let log = backend.open().await;
    let tasks = (0..TASKS).map(|task| {
        let log = log.clone();
        tokio::spawn(async move {
            let mut positions = Vec::new();
            for number in 0..EACH {
                positions.push(append(&log, inbox(), format!("{task} {number}")).await);
            }
            positions
        })
    });
    let acked: Vec<Vec<Position>> =
        futures_util::future::join_all(tasks).await.into_iter().map(|task| task.expect("a task")).collect();
    let mut stood = take(&log, &inbox(), Position::ORIGIN, TASKS * EACH).await;
    assert!(stood.is_sorted_by_key(|record| record.position));
    for (task, positions) in acked.iter().enumerate() {
        for (number, position) in positions.iter().enumerate() {
            let index = stood.binary_search_by_key(position, |record| record.position).expect("an acked record");
            assert_eq!(stood[index].bytes, format!("{task} {number}"));
        }
    }
    stood.dedup_by_key(|record| record.bytes.clone());
    assert_eq!(stood.len(), TASKS * EACH);
}

/// Claim.
pub async fn dropping_an_append_does_not_cancel_it(backend: &dyn Backend) {
    let log = backend.open().await;
    drop(log.append(append_of(inbox(), "dropped", Expect::Anything)));
    let got = take(&log, &inbox(), Position::ORIGIN, 1).await;
    assert_eq!(got[0].bytes, "dropped");
}

/// Claim.
pub async fn a_reader_gets_history_then_what_arrives(backend: &dyn Backend) {
    let log = backend.open().await;
    let mut wanted = append_many(&log, &inbox(), 30).await;
    let mut reader = log.read(inbox(), Position::ORIGIN);
    let mut got = Vec::new();
    for _ in 0..15 {
        got.push(next(&mut reader).await.expect("a record").position);
    }
    wanted.extend(append_many(&log, &inbox(), 30).await);
    while got.len() < wanted.len() {
        got.push(next(&mut reader).await.expect("a record").position);
    }
    assert_eq!(got, wanted);
}

/// Claim.
pub async fn a_reader_resumes_after_any_position(backend: &dyn Backend) {
    let log = backend.open().await;
    let positions = append_many(&log, &executions(3), 12).await;
    for (index, after) in positions.iter().enumerate().take(11) {
        let got = take_positions(&log, &executions(3), *after, positions.len() - index - 1).await;
        assert_eq!(got, positions[index + 1..]);
    }
    let mut reader = log.read(executions(3), positions[11]);
    let newest = append(&log, executions(3), "newest").await;
    assert_eq!(next(&mut reader).await.expect("a record").position, newest);
}

/// Claim.
pub async fn a_reader_of_an_empty_log_waits_for_the_first_record(backend: &dyn Backend) {
    let log = backend.open().await;
    let mut reader = log.read(LogName::Definitions, Position::ORIGIN);
    let early = tokio::time::timeout(Duration::from_millis(200), reader.next()).await;
    assert!(early.is_err(), "{early:?}");
    append(&log, LogName::Definitions, "first").await;
    assert_eq!(next(&mut reader).await.expect("a record").bytes, "first");
}

/// Claim. The median of many wakes is held against 50 ms: far above any wake, far below any polling.
pub async fn a_waiting_reader_wakes_at_once(backend: &dyn Backend) {
    let log = backend.open().await;
    let mut reader = log.read(inbox(), Position::ORIGIN);
    let mut waits = Vec::new();
    for number in 0..21 {
        let (waiting, log) = (tokio::spawn(async move { (next(&mut reader).await, Instant::now(), reader) }), &log);
        tokio::time::sleep(Duration::from_millis(20)).await;
        append(log, inbox(), format!("{number}")).await;
        let appended = Instant::now();
        let (record, woken, same_reader) = waiting.await.expect("the reader's task");
        assert_eq!(record.expect("a record").bytes, format!("{number}"));
        waits.push(woken.saturating_duration_since(appended));
        reader = same_reader;
    }
    waits.sort();
    assert!(waits[10] < Duration::from_millis(50), "{waits:?}");
}

/// Claim. More than any cache, batch or window holds by count.
pub async fn a_long_history_is_read_whole_and_in_order(backend: &dyn Backend) {
    const COUNT: usize = 3000;
    let log = backend.open().await;
    let appends = (0..COUNT).map(|number| log.append(append_of(inbox(), noise(1000, number as u64), Expect::Anything)));
    for appended in futures_util::stream::iter(appends).buffered(64).collect::<Vec<_>>().await {
        appended.expect("an append");
    }
    let newest = head(&log, &inbox()).await;
    let got = take(&log, &inbox(), Position::ORIGIN, COUNT).await;
    assert!(got.is_sorted_by(|one, other| one.position < other.position));
    assert_eq!(got.last().map(|record| record.position), Some(newest));
    let mut numbers: Vec<_> = got.iter().map(|record| record.bytes.clone()).collect();
    let mut wanted: Vec<_> = (0..COUNT).map(|number| noise(1000, number as u64)).collect();
    numbers.sort();
    wanted.sort();
    assert!(numbers == wanted);
}

/// Claim. Far more bytes than any window holds.
pub async fn a_history_of_large_records_is_read_whole(backend: &dyn Backend) {
    let log = backend.open().await;
    let size = log.record_bytes_max().min(1_000_000);
    for number in 0..48 {
        append(&log, inbox(), noise(size, number)).await;
    }
    let got = take(&log, &inbox(), Position::ORIGIN, 48).await;
    assert!(got.iter().zip(0..48).all(|(record, number)| record.bytes == noise(size, number)));
}

/// Claim.
pub async fn a_reader_that_wants_trimmed_records_is_told(backend: &dyn Backend) {
    let log = backend.open().await;
    let positions = append_many(&log, &inbox(), 10).await;
    trim(&log, &inbox(), positions[5]).await;
    for after in [Position::ORIGIN, positions[0], positions[3]] {
        match next(&mut log.read(inbox(), after)).await {
            Err(ReadError::Trimmed { first, .. }) => assert_eq!(first, positions[5]),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(take_positions(&log, &inbox(), positions[4], 5).await, positions[5..]);
    let mut reader = log.read(inbox(), Position::ORIGIN);
    assert!(next(&mut reader).await.is_err());
    assert!(in_time("a reader", reader.next()).await.is_none(), "a reader ends after its error");
}

/// Claim. Records that the reader was already given room for may still come; then either all of the rest, or the error.
pub async fn a_reader_that_trimming_overtakes_is_told_and_sees_no_gap(backend: &dyn Backend) {
    const COUNT: u64 = 1200;
    let log = backend.open().await;
    let appends = (0..COUNT).map(|number| log.append(append_of(inbox(), noise(20_000, number), Expect::Anything)));
    let positions: Vec<_> = futures_util::stream::iter(appends).buffered(32).collect().await;
    let newest = positions.into_iter().map(|position| position.expect("an append")).max().expect("appends");
    let mut reader = log.read(inbox(), Position::ORIGIN);
    let mut read = next(&mut reader).await.expect("a record").position;
    trim(&log, &inbox(), newest).await;
    let told = loop {
        match next(&mut reader).await {
            Ok(record) => assert_eq!(record.position.0, read.0 + 1),
            Err(error) => break error,
        }
        read = Position(read.0 + 1);
        assert!(read < newest, "the reader was given {COUNT} records at once");
    };
    assert!(matches!(told, ReadError::Trimmed { first, .. } if first == newest), "{told:?}");
}

/// Claim.
pub async fn a_reader_beyond_the_head_is_told(backend: &dyn Backend) {
    let log = backend.open().await;
    let positions = append_many(&log, &inbox(), 2).await;
    for (name, newest) in [(inbox(), positions[1]), (executions(0), Position::ORIGIN)] {
        match next(&mut log.read(name, Position(newest.0 + 5))).await {
            Err(ReadError::Ahead { head, .. }) => assert_eq!(head, newest),
            other => panic!("{other:?}"),
        }
    }
}

/// Claim.
pub async fn a_record_is_found_by_its_position(backend: &dyn Backend) {
    let log = backend.open().await;
    let positions = append_many(&log, &inbox(), 5).await;
    trim(&log, &inbox(), positions[2]).await;
    let found = |position| in_time("a record", log.record(inbox(), position));
    assert_eq!(found(positions[1]).await.expect("no error"), None);
    let record = found(positions[3]).await.expect("no error").expect("a record");
    assert_eq!((record.position, record.bytes), (positions[3], Bytes::from("record 3")));
    assert_eq!(found(Position(positions[4].0 + 1)).await.expect("no error"), None);
    assert_eq!(found(Position::ORIGIN).await.expect("no error"), None);
}

/// Claim.
pub async fn trimming_keeps_the_newest_record_and_the_head(backend: &dyn Backend) {
    let log = backend.open().await;
    let positions = append_many(&log, &executions(1), 6).await;
    trim(&log, &executions(1), Position(positions[5].0 + 100)).await;
    assert_eq!(head(&log, &executions(1)).await, positions[5]);
    assert_eq!(first(&log, &executions(1)).await, positions[5]);
    assert_eq!(take_positions(&log, &executions(1), positions[4], 1).await, [positions[5]]);
    let after = append_at(&log, executions(1), positions[5]).await.expect("the head still counts");
    assert!(after > positions[5]);
}

/// Claim.
pub async fn trimming_again_changes_nothing(backend: &dyn Backend) {
    let log = backend.open().await;
    trim(&log, &inbox(), Position(10)).await;
    assert_eq!(head(&log, &inbox()).await, Position::ORIGIN);
    let positions = append_many(&log, &inbox(), 6).await;
    for below in [positions[3], positions[3], positions[1], Position::ORIGIN] {
        trim(&log, &inbox(), below).await;
        assert_eq!(first(&log, &inbox()).await, positions[3]);
    }
    assert_eq!(take_positions(&log, &inbox(), positions[2], 3).await, positions[3..]);
}

/// Claim.
pub async fn what_was_acknowledged_is_there_after_reopening(backend: &dyn Backend) {
    let log = backend.open().await;
    let positions = append_many(&log, &inbox(), 50).await;
    let one = append(&log, executions(0), "one").await;
    drop(log);
    let log = backend.open().await;
    assert_eq!(log.layout(), LAYOUT);
    assert_eq!(head(&log, &inbox()).await, positions[49]);
    assert_eq!(head(&log, &executions(0)).await, one);
    let got = take(&log, &inbox(), Position::ORIGIN, 50).await;
    for (number, record) in got.iter().enumerate() {
        assert_eq!((record.position, &record.bytes), (positions[number], &Bytes::from(format!("record {number}"))));
    }
    assert!(append(&log, inbox(), "more").await > positions[49]);
}

/// Claim.
pub async fn what_was_trimmed_stays_trimmed_after_reopening(backend: &dyn Backend) {
    let log = backend.open().await;
    let positions = append_many(&log, &inbox(), 10).await;
    trim(&log, &inbox(), positions[7]).await;
    drop(log);
    let log = backend.open().await;
    assert_eq!(first(&log, &inbox()).await, positions[7]);
    let mut reader = log.read(inbox(), Position::ORIGIN);
    assert!(matches!(next(&mut reader).await, Err(ReadError::Trimmed { .. })));
    assert_eq!(take_positions(&log, &inbox(), positions[6], 3).await, positions[7..]);
}

/// Claim.
pub async fn positions_are_not_reused_after_trimming_and_reopening(backend: &dyn Backend) {
    let mut newest = Position::ORIGIN;
    for _ in 0..3 {
        let log = backend.open().await;
        assert_eq!(head(&log, &inbox()).await, newest);
        for position in append_many(&log, &inbox(), 5).await {
            assert!(position > newest);
            newest = position;
        }
        trim(&log, &inbox(), Position(newest.0 + 1)).await;
    }
}

/// Claim.
pub async fn a_record_over_the_limit_is_refused_and_not_stored(backend: &dyn Backend) {
    let log = backend.open().await;
    let size = log.record_bytes_max() + 1;
    let appended = log.append(append_of(inbox(), vec![7; size], Expect::Anything));
    match in_time("an append", appended).await {
        Err(AppendError::TooLarge { size_bytes, limit_bytes, .. }) => {
            assert_eq!((size_bytes, limit_bytes), (size, size - 1))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(head(&log, &inbox()).await, Position::ORIGIN);
}

/// Claim.
pub async fn a_record_of_the_largest_size_is_stored(backend: &dyn Backend) {
    let log = backend.open().await;
    let bytes = noise(log.record_bytes_max(), 3);
    append(&log, inbox(), bytes.clone()).await;
    append(&log, inbox(), "small").await;
    let got = take(&log, &inbox(), Position::ORIGIN, 2).await;
    assert!(got[0].bytes == bytes);
    assert_eq!(got[1].bytes, "small");
}

/// Claim. Whether the second one is stored too is left open: readers ignore an input id that they know.
pub async fn a_record_sent_again_is_there(backend: &dyn Backend) {
    let log = backend.open().await;
    let sent = Append { resend_id: Some([9; 16]), ..append_of(inbox(), "again", Expect::Anything) };
    let one = in_time("an append", log.append(sent.clone())).await.expect("an append");
    let two = in_time("an append", log.append(sent)).await.expect("an append");
    for position in [one, two] {
        let record = in_time("a record", log.record(inbox(), position)).await.expect("no error").expect("a record");
        assert_eq!(record.bytes, "again");
    }
}

/// Claim.
pub async fn objects_are_replaced_listed_and_deleted(backend: &dyn Backend) {
    let log = backend.open().await;
    let put = |name: &str, text: &'static str| log.put_object(object_name(name), Bytes::from(text));
    for (name, text) in [("b/2", "old"), ("b/1", "one"), ("a", "a"), ("b/2", "two"), ("bc", "bc"), ("b/1/x", "deep")] {
        in_time("a put", put(name, text)).await.expect("a put");
    }
    let names = |prefix: &str| {
        let listed = log.objects(prefix);
        async move { listed.await.expect("a list").iter().map(ToString::to_string).collect::<Vec<_>>() }
    };
    assert_eq!(names("").await, ["a", "b/1", "b/1/x", "b/2", "bc"]);
    assert_eq!(names("b/").await, ["b/1", "b/1/x", "b/2"]);
    assert_eq!(names("b").await, ["b/1", "b/1/x", "b/2", "bc"]);
    assert_eq!(names("none").await, Vec::<String>::new());
    assert_eq!(log.object(object_name("b/2")).await.expect("no error").as_deref(), Some(&b"two"[..]));
    assert_eq!(log.object(object_name("b")).await.expect("no error"), None);
    log.delete_object(object_name("b/1")).await.expect("a deletion");
    log.delete_object(object_name("b/1")).await.expect("a second deletion changes nothing");
    assert_eq!(names("b/").await, ["b/1/x", "b/2"]);
    assert_eq!(log.object(object_name("b/1")).await.expect("no error"), None);
}

/// Claim.
pub async fn objects_are_there_after_reopening(backend: &dyn Backend) {
    let log = backend.open().await;
    log.put_object(object_name("snapshots/0"), Bytes::from("state")).await.expect("a put");
    drop(log);
    let log = backend.open().await;
    let object = log.object(object_name("snapshots/0")).await.expect("no error");
    assert_eq!(object.as_deref(), Some(&b"state"[..]));
}

/// Claim.
pub async fn a_large_object_comes_back_unchanged(backend: &dyn Backend) {
    let log = backend.open().await;
    for (name, size) in [("empty", 0), ("large", 5_000_000)] {
        let bytes = noise(size, 5);
        in_time("a put", log.put_object(object_name(name), bytes.clone())).await.expect("a put");
        let got = in_time("an object", log.object(object_name(name))).await.expect("no error");
        assert!(got == Some(bytes), "{name}");
    }
}

/// Claim.
pub async fn usage_grows_with_what_is_stored(backend: &dyn Backend) {
    let log = backend.open().await;
    let usage = || async { in_time("usage", log.usage_bytes()).await.expect("usage") };
    let empty = usage().await;
    append(&log, inbox(), noise(500_000, 7)).await;
    let appended = usage().await;
    assert!(appended >= empty + 450_000, "{empty} to {appended}");
    log.put_object(object_name("x"), noise(1_000_000, 8)).await.expect("a put");
    assert!(usage().await >= appended + 900_000);
}
