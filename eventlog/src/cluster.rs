//! Engines that share one log: who lives, who should own which partition, and how one is asked to let go.
//!
//! Everything here only decides who *tries* to own a partition. Who may is decided by the head of its log.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    Position,
    ask::{Answer, Arrivals, Question},
};

/// The names of the engines that are alive, in order; empty while this engine cannot prove that it is one of them.
pub type Live = Arc<Vec<String>>;

/// One engine's membership among those that share a log.
pub trait Cluster: Send + Sync + std::fmt::Debug + 'static {
    /// The name of this engine: new at each start.
    fn name(&self) -> &str;

    /// Follows who is alive. Empty while this engine's own heartbeat has lapsed: it must then stop what it owns.
    fn live(&self) -> watch::Receiver<Live>;

    /// Whether this engine's heartbeat is still valid at this moment, by a clock that goes on while the process is frozen.
    /// No effect may start when it is not.
    fn is_fresh(&self) -> bool;

    /// Answers what is asked of a partition until the answer is dropped. Whoever asks before or after learns at once that
    /// nobody answers.
    fn announce(&self, partition: u16, owner: Arc<dyn Owner>) -> Announced;

    /// Asks whoever answers for a partition to let it go, and resolves when that is done, when nobody answers, or when it
    /// takes too long.
    fn ask_to_release(&self, partition: u16) -> BoxFuture<'static, ()>;

    /// How far the owner of a partition has consumed the inbox; `None` when nobody answers for it.
    fn inbox_consumed(&self, partition: u16) -> BoxFuture<'static, Option<u64>>;

    /// Ends the membership, so that the others take over at once.
    fn leave(&self) -> BoxFuture<'static, ()>;
}

/// A cluster that any part can hold and share.
pub type SharedCluster = Arc<dyn Cluster>;

/// Keeps a partition's questions answered; dropped when they are not any more.
pub type Announced = Box<dyn std::any::Any + Send + Sync>;

/// The owner of one partition, as the other processes ask it.
pub trait Owner: Send + Sync + std::fmt::Debug + 'static {
    /// Answers a question about an execution of the partition; `None` when it stops owning it.
    fn ask(&self, question: Question) -> BoxFuture<'static, Option<Answer>>;

    /// Which of these deliveries, in order, are certainly the first ones of their keys; `None` of those whose partition another
    /// engine owns. They may belong to any partition of this owner's engine.
    fn first_ones(&self, arrivals: Arrivals) -> BoxFuture<'static, Vec<Option<bool>>>;

    /// Resolves when every input of the partition up to `inbox` is committed, with the head of its log.
    fn settled(&self, inbox: Position) -> BoxFuture<'static, Option<Position>>;

    /// How far the inbox is consumed by commits that are on disk.
    fn inbox_consumed(&self) -> u64;

    /// Stops owning the partition and resolves when no more of its work is done here.
    fn release(&self) -> BoxFuture<'static, ()>;
}

/// The partitions that `name` should own when exactly these engines live.
///
/// Rendezvous hashing: each partition goes to the engine that scores highest for it, but none gets more than its even share,
/// so that two engines do half of the work each. Everyone computes the same from the same names, in any order.
pub fn share_of(name: &str, live: &[String], partitions: u16) -> BTreeSet<u16> {
    let Some(me) = live.iter().position(|engine| engine == name) else { return BTreeSet::new() };
    let owners = owners(live, partitions);
    (0..partitions).filter(|partition| owners.get(usize::from(*partition)) == Some(&me)).collect()
}

/// For each partition the index of its engine in `live`.
fn owners(live: &[String], partitions: u16) -> Vec<usize> {
    let even_share = usize::from(partitions).div_ceil(live.len().max(1));
    let mut counts = vec![0; live.len()];
    let owner = |partition: u16| {
        let free = (0..live.len()).filter(|engine| counts[*engine] < even_share);
        let score =
            |engine: &usize| (xxh3_64_with_seed(live[*engine].as_bytes(), u64::from(partition)), &live[*engine]);
        let best = free.max_by_key(score).unwrap_or_default();
        if let Some(count) = counts.get_mut(best) {
            *count += 1;
        }
        best
    };
    (0..partitions).map(owner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn every_partition_has_exactly_one_owner_and_shares_are_even() {
        for count in 1..=5 {
            let live: Vec<_> = (0..count).map(|number| format!("engine-{number}")).collect();
            let shares: Vec<_> = live.iter().map(|name| share_of(name, &live, 16)).collect();
            let owned: Vec<_> = shares.iter().flatten().copied().collect();
            assert_eq!(owned.len(), 16);
            assert_eq!(owned.iter().collect::<BTreeSet<_>>().len(), 16);
            assert!(shares.iter().all(|share| share.len() <= 16usize.div_ceil(count)), "{shares:?}");
        }
    }

    #[test]
    fn the_order_of_the_names_does_not_matter() {
        let (one, other) = (names(&["a", "b", "c"]), names(&["c", "a", "b"]));
        for name in &one {
            assert_eq!(share_of(name, &one, 64), share_of(name, &other, 64));
        }
    }

    #[test]
    fn who_is_not_alive_owns_nothing() {
        assert!(share_of("x", &names(&["a"]), 16).is_empty());
        assert!(share_of("x", &[], 16).is_empty());
    }

    #[test]
    fn most_partitions_stay_where_they_are_when_an_engine_leaves() {
        let (before, after) = (names(&["a", "b", "c", "d"]), names(&["a", "b", "c"]));
        let moved = ["a", "b", "c"].map(|name| {
            let (had, has) = (share_of(name, &before, 64), share_of(name, &after, 64));
            had.difference(&has).count()
        });
        assert!(moved.iter().sum::<usize>() <= 16, "{moved:?}");
    }
}
