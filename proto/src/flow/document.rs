//! The flow as a whole.

use crate::{
    expr::{Map, Templated},
    id::{FlowId, Namespace, TaskId, TriggerId},
};

use super::{
    check::Check,
    error::FlowErrors,
    input::{Input, ValueType},
    task::Task,
    trigger::{Trigger, TriggerKind, Webhook},
};

/// A flow that can be deployed: everything in it is known, of the right kind and runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Names the flow inside its namespace.
    pub id: FlowId,
    /// Groups flows.
    pub namespace: Namespace,
    /// For people only.
    pub description: Option<String>,
    /// A disabled flow answers 409.
    pub disabled: bool,
    /// A draft is kept as a revision but never runs.
    pub draft: bool,
    /// Labels of every execution, never rendered, in the order of the document. A repeated key: the last one counts.
    pub labels: Vec<(String, String)>,
    /// What the flow takes.
    pub inputs: Vec<Input>,
    /// What the flow gives, rendered when an execution has ended.
    pub outputs: Vec<Output>,
    /// `vars`, unrendered.
    pub variables: Map,
    /// What the flow does; at least one task.
    pub tasks: Vec<Task>,
    /// Run after a task FAILED for good.
    pub errors: Vec<Task>,
    /// Run after `tasks` and `errors`, before the execution ends.
    pub finally: Vec<Task>,
    /// Run after the execution has ended.
    pub after_execution: Vec<Task>,
    /// What starts the flow.
    pub triggers: Vec<Trigger>,
    /// What must hold before an execution that somebody asks for is created.
    pub checks: Vec<Check>,
}

impl Flow {
    /// Reads a source that holds one flow.
    ///
    /// # Errors
    /// Everything that is wrong with it, with lines and columns; also when it holds several documents.
    pub fn parse(source: &str) -> Result<Flow, FlowErrors> {
        super::read::one(source)
    }

    /// Reads a source that holds flows separated by `---`. Lines count from the start of the source.
    /// Documents with nothing but comments are left out, unless there is no other.
    pub fn parse_all(source: &str) -> Vec<ParsedDocument> {
        super::read::all(source)
    }

    /// Whether two sources of one flow are the same revision: equal but for line endings and blank ends.
    pub fn same_revision(one: &str, other: &str) -> bool {
        fn lines(source: &str) -> impl Iterator<Item = &str> {
            source.trim_start_matches('\u{feff}').trim_end().lines()
        }
        lines(one).eq(lines(other))
    }

    /// Every task of the flow, in the order of the document, nested ones after their parent: those of `tasks`, then
    /// `errors`, `finally` and `afterExecution`.
    pub fn all_tasks(&self) -> impl Iterator<Item = &Task> {
        [&self.tasks, &self.errors, &self.finally, &self.after_execution].into_iter().flatten()
    }

    /// The task with this id, wherever it stands.
    pub fn task(&self, id: &TaskId) -> Option<&Task> {
        self.all_tasks().find(|task| task.id == *id)
    }

    /// The trigger with this id.
    pub fn trigger(&self, id: &TriggerId) -> Option<&Trigger> {
        self.triggers.iter().find(|trigger| trigger.id == *id)
    }

    /// The webhook triggers, in the order in which keys are compared; disabled ones included.
    pub fn webhooks(&self) -> impl Iterator<Item = (&Trigger, &Webhook)> {
        self.triggers.iter().map(|trigger| match &trigger.kind {
            TriggerKind::Webhook(webhook) => (trigger, webhook.as_ref()),
        })
    }
}

/// One output of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Unique among the outputs.
    pub id: String,
    /// What the rendered value must be.
    pub value_type: ValueType,
    /// What to render.
    pub value: Templated,
    /// For people only.
    pub description: Option<String>,
    /// The name that people see.
    pub display_name: Option<String>,
    /// False: it may be null.
    pub required: bool,
}

/// One document of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedDocument {
    /// Its text, without the separators.
    pub source: String,
    /// The line of the source on which its text begins, starting at 1.
    pub line: usize,
    /// The `id` it names, when it names one, even of a document that is refused.
    pub id: Option<String>,
    /// The `namespace` it names, when it names one.
    pub namespace: Option<String>,
    /// The flow, or everything that is wrong.
    pub flow: Result<Flow, FlowErrors>,
}
