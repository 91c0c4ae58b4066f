//! Reads what happened to executions: the view knows in which commits, the log has them.

use std::collections::HashMap;

use windhover_eventlog::{LogName, Position};
use windhover_proto::{
    codec::{self, Line},
    core::{Execution, apply},
    event::Event,
    id::ExecutionId,
};

use super::{ViewError, Views};

/// What happened to one execution, in order; empty when it is not there.
pub(crate) type Lines = Vec<Line>;

/// A commit that a request needs, and for which of its executions.
struct Needed {
    partition: u16,
    position: u64,
    index: usize,
}

impl Views {
    /// What happened to each of these executions, in their order. A commit that several share is read once.
    pub(crate) async fn lines(&self, ids: &[ExecutionId]) -> Result<Vec<Lines>, ViewError> {
        let mut needed = self.noting_damage(|opened| {
            let mut needed = Vec::new();
            for (index, id) in ids.iter().enumerate() {
                let Some(store) = opened.stores.get(usize::from(self.partition_of(id))) else { continue };
                let partition = store.partition;
                let commits = store.commits(id)?.into_iter();
                needed.extend(commits.map(|position| Needed { partition, position, index }));
            }
            Ok(needed)
        })?;
        needed.sort_unstable_by_key(|one| (one.partition, one.position));
        let mut found = vec![Some(Lines::new()); ids.len()];
        for group in needed.chunk_by(|one, other| (one.partition, one.position) == (other.partition, other.position)) {
            self.read_group(ids, group, &mut found).await?;
        }
        Ok(found.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Reads the lines of one commit. An execution whose commit was trimmed is not there any more.
    async fn read_group(
        &self,
        ids: &[ExecutionId],
        group: &[Needed],
        found: &mut [Option<Lines>],
    ) -> Result<(), ViewError> {
        let Some(first) = group.first() else { return Ok(()) };
        let name = LogName::Executions { partition: first.partition };
        let Some(record) = self.shared.log.record(name, Position(first.position)).await? else {
            for one in group {
                if let Some(lines) = found.get_mut(one.index) {
                    *lines = None;
                }
            }
            return Ok(());
        };
        let wanted: HashMap<_, _> = group.iter().filter_map(|one| Some((*ids.get(one.index)?, one.index))).collect();
        for (id, json) in codec::decode_commit(&record.bytes)?.items() {
            let Some(index) = wanted.get(&id) else { continue };
            if let Some(Some(lines)) = found.get_mut(*index) {
                lines.push(codec::decode_line(json)?);
            }
        }
        Ok(())
    }

    /// These executions as far as they are folded, in their order; those that are not there or not kept are left out.
    pub(crate) async fn executions(&self, ids: &[ExecutionId]) -> Result<Vec<Execution>, ViewError> {
        let all = self.lines(ids).await?;
        let folded = ids.iter().zip(&all).filter_map(|(id, lines)| fold(*id, lines));
        Ok(folded.filter(|execution| self.shows(execution)).collect())
    }

    /// The execution as far as it is folded, with what happened to it.
    pub(crate) async fn execution(&self, id: &ExecutionId) -> Result<Option<(Execution, Lines)>, ViewError> {
        let lines = self.lines(&[*id]).await?.pop().unwrap_or_default();
        let execution = fold(*id, &lines).filter(|execution| self.shows(execution));
        Ok(execution.map(|execution| (execution, lines)))
    }

    fn shows(&self, execution: &Execution) -> bool {
        let start_ms = execution.history.started_at().as_millis();
        self.shared.kept.shows(start_ms, execution.state(), super::now_millis())
    }
}

fn fold(id: ExecutionId, lines: &[Line]) -> Option<Execution> {
    let mut state = None;
    for line in lines {
        for event in &line.events {
            if matches!(event, Event::ExecutionCreated(_)) {
                // The key was forgotten, and a later delivery made the execution anew.
                state = None;
            }
            apply(&mut state, id, event, line.at);
        }
    }
    state
}
