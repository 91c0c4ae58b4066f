//! Which deliveries one engine can be asked about with one message.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use windhover_proto::id::{DeliveryId, ExecutionId};

use crate::{
    Position,
    ask::{Arrivals, Firsts},
};

/// Which engine answered for each partition last. It may be out of date: whoever is asked says which partitions are not its own.
#[derive(Debug, Default)]
pub(super) struct Engines(Mutex<HashMap<u16, String>>);

/// Deliveries that one engine is asked about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group(Vec<Member>);

#[derive(Debug, PartialEq, Eq)]
struct Member {
    /// Its place among all that arrived together.
    place: usize,
    partition: u16,
    delivery: (ExecutionId, DeliveryId),
}

impl Engines {
    fn lock(&self) -> MutexGuard<'_, HashMap<u16, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One group for each engine that is known to own partitions of these deliveries, and one for each partition whose engine is
    /// not known.
    pub(super) fn group(&self, arrivals: &Arrivals, partitions: u16) -> Vec<Group> {
        let known = self.lock();
        let mut groups: BTreeMap<(Option<&str>, u16), Vec<Member>> = BTreeMap::new();
        for (place, delivery) in arrivals.deliveries.iter().enumerate() {
            let partition = delivery.0.partition(partitions);
            let engine = known.get(&partition).map(String::as_str);
            let apart = if engine.is_some() { 0 } else { partition };
            groups.entry((engine, apart)).or_default().push(Member { place, partition, delivery: *delivery });
        }
        groups.into_values().map(Group).collect()
    }
}

impl Group {
    /// The partition whose owner is asked for all.
    pub(super) fn subject(&self) -> u16 {
        self.0.first().map_or(0, |member| member.partition)
    }

    pub(super) fn arrivals(&self, record: Position) -> Arrivals {
        Arrivals { record, deliveries: self.0.iter().map(|member| member.delivery).collect() }
    }

    /// What the engine `by` said of each; learns which partitions are its own.
    pub(super) fn told(&self, first: &[Option<bool>], by: &str, engines: &Engines) -> Firsts {
        let mut known = engines.lock();
        let said = self.0.iter().zip(first.iter().copied().chain(std::iter::repeat(None)));
        said.map(|(member, first)| {
            match first {
                Some(_) if known.get(&member.partition).is_some_and(|engine| engine == by) => {}
                Some(_) => drop(known.insert(member.partition, by.to_owned())),
                None => drop(known.remove(&member.partition)),
            }
            (member.place, first == Some(true))
        })
        .collect()
    }

    /// Nobody answered: whoever did so far may be gone.
    pub(super) fn untold(&self, engines: &Engines) -> Firsts {
        self.told(&[], "", engines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTITIONS: u16 = 4;

    /// Deliveries to as many partitions, two for each.
    fn arrivals() -> Arrivals {
        let ids = |partition: u16| {
            let ids = (0..=u8::MAX).map(|byte| ExecutionId::from_bytes([byte; 16]));
            ids.filter(move |id| id.partition(PARTITIONS) == partition).take(2)
        };
        let delivery = |(number, id): (usize, ExecutionId)| {
            (id, DeliveryId::from_bytes([u8::try_from(number).unwrap_or_default(); 16]))
        };
        let deliveries = (0..PARTITIONS).flat_map(ids).enumerate().map(delivery).collect();
        Arrivals { record: Position(7), deliveries }
    }

    /// An engine that answered for every partition.
    fn owned_by_one() -> Engines {
        let engines = Engines::default();
        let groups = engines.group(&arrivals(), PARTITIONS);
        groups.iter().for_each(|group| drop(group.told(&[Some(true); 2], "a", &engines)));
        engines
    }

    fn subjects(engines: &Engines) -> Vec<u16> {
        engines.group(&arrivals(), PARTITIONS).iter().map(Group::subject).collect()
    }

    #[test]
    fn who_answered_for_partitions_is_asked_once_for_all_of_them() {
        let engines = Engines::default();
        assert_eq!(subjects(&engines), [0, 1, 2, 3], "nobody is known yet");
        for (group, by) in engines.group(&arrivals(), PARTITIONS).iter().zip(["a", "b", "a", "b"]) {
            assert_eq!(group.arrivals(Position(7)).deliveries.len(), 2);
            let firsts = group.told(&[Some(true), Some(false)], by, &engines);
            assert_eq!(firsts.iter().map(|(_, first)| *first).collect::<Vec<_>>(), [true, false]);
        }
        assert_eq!(subjects(&engines), [0, 1]);
    }

    #[test]
    fn a_partition_that_is_not_the_engines_own_any_more_is_asked_for_on_its_own() {
        let engines = owned_by_one();
        let [group] = &engines.group(&arrivals(), PARTITIONS)[..] else { panic!("one engine, one group") };
        let firsts = group.told(&[Some(true), Some(true), None, None], "a", &engines);
        assert_eq!(firsts.len(), 8);
        assert!(
            firsts.iter().all(|(place, first)| *first == (*place < 2)),
            "who is not mentioned is not known: {firsts:?}"
        );
        assert_eq!(subjects(&engines), [1, 2, 3, 0]);
    }

    #[test]
    fn when_nobody_answers_everybody_is_forgotten() {
        let engines = owned_by_one();
        for group in engines.group(&arrivals(), PARTITIONS) {
            assert!(group.untold(&engines).iter().all(|(_, first)| !first));
        }
        assert_eq!(subjects(&engines), [0, 1, 2, 3]);
    }
}
