//! What expressions see of an execution.

use std::cell::{OnceCell, RefCell};

use super::{
    decide::Turn,
    execution::{Execution, TaskRun},
    keep,
};
use crate::{
    event::Kept,
    expr::{Env, Map, RenderError, Template, Templated, Value, Variables},
    flow::{Flow, Task, open_secrets},
    id::{TaskRunId, TriggerId},
    seal::MASK,
    sight::{self, Attempt, Rendered, Sight},
    time::Timestamp,
    trigger::{self, Sensitive},
};

/// The top-level names.
const NAMES: [&str; 11] =
    ["execution", "flow", "inputs", "labels", "outputs", "task", "taskrun", "tasks", "trigger", "vars", "kestra"];

/// The variables of one rendering. Each is made when it is asked for, and only then.
pub(super) struct Context<'a> {
    execution: &'a Execution,
    flow: &'a Flow,
    turn: &'a Turn<'a>,
    task: Option<(&'a Task, TaskRunId)>,
    /// Values that were read from outside; the caller records that they were.
    reads: &'a RefCell<Vec<String>>,
    sight: Sight,
    trigger: OnceCell<(Value, Vec<String>)>,
    /// Sealed texts that were within reach of the rendering: sensitive headers, sealed outputs.
    near: RefCell<Vec<String>>,
    /// Secrets that the defaults of inputs read.
    read: RefCell<Vec<String>>,
    /// Inputs whose defaults are known already, while the others' are rendered.
    defaults: RefCell<Option<Map>>,
}

impl<'a> Context<'a> {
    /// What the flow as a whole sees.
    pub(super) fn of_flow(
        execution: &'a Execution,
        flow: &'a Flow,
        turn: &'a Turn<'a>,
        reads: &'a RefCell<Vec<String>>,
    ) -> Self {
        Self {
            execution,
            flow,
            turn,
            task: None,
            reads,
            sight: Sight::Opened,
            trigger: OnceCell::new(),
            near: RefCell::default(),
            read: RefCell::default(),
            defaults: RefCell::default(),
        }
    }

    /// The same for whoever may not see what is secret.
    pub(super) fn masked(mut self) -> Self {
        self.sight = Sight::Masked;
        self
    }

    /// What one run of a task sees; it need not exist yet.
    pub(super) fn of_task(mut self, task: &'a Task, run: TaskRunId) -> Self {
        self.task = Some((task, run));
        self
    }

    /// Renders a text.
    pub(super) fn render(&self, template: &Template) -> Result<Rendered<String>, RenderError> {
        self.rendered(|context, env| template.render(context, env))
    }

    /// Renders a tree, member by member.
    pub(super) fn render_tree(&self, tree: &Templated) -> Result<Rendered<Value>, RenderError> {
        self.rendered(|context, env| tree.render(context, env))
    }

    fn rendered<T: sight::Showable>(
        &self,
        render: impl Fn(&Context<'_>, &mut Env<'_>) -> Result<T, RenderError>,
    ) -> Result<Rendered<T>, RenderError> {
        sight::render(|sight| match sight {
            Sight::Opened => self.attempt(&render),
            Sight::Masked => self.blind(&RefCell::default()).attempt(&render),
        })
    }

    fn attempt<T>(&self, render: impl Fn(&Context<'_>, &mut Env<'_>) -> Result<T, RenderError>) -> Attempt<T> {
        let mut env = self.env();
        let outcome = render(self, &mut env);
        let mut secrets = self.read.take();
        secrets.extend(env.secrets_used().iter().cloned());
        if outcome.is_ok() {
            self.reads.borrow_mut().extend(secrets.iter().cloned());
        }
        secrets.extend(self.near.take());
        Attempt { outcome, secrets }
    }

    /// The same variables without sight of what is secret; what is read there is nothing to record.
    fn blind<'b>(&'b self, reads: &'b RefCell<Vec<String>>) -> Context<'b> {
        Context { task: self.task, ..Context::of_flow(self.execution, self.flow, self.turn, reads) }.masked()
    }

    fn env(&self) -> Env<'_> {
        Env::new(self.turn.surroundings, self.now().to_jiff(), self.seed()).with_sight(self.sight)
    }

    /// Random values depend on the execution, the task run and the attempt, so that a call that is rendered again after a
    /// crash is the same call.
    fn seed(&self) -> u64 {
        let Some((_, run)) = &self.task else { return self.execution.seed };
        let attempts = self.own_run().map_or(0, |run| run.attempts.len() as u64);
        super::decide::derive_seed(self.execution.seed, run.as_bytes(), attempts)
    }

    /// The time of the turn; for an attempt the time at which it started, so that a call that is rendered again after a crash
    /// is the same call also when it tells the time.
    fn now(&self) -> Timestamp {
        let attempt = self.own_run().and_then(|run| run.attempts.last());
        attempt.map_or(self.turn.now, |attempt| attempt.history.started_at())
    }

    fn own_run(&self) -> Option<&TaskRun> {
        self.task.as_ref().and_then(|(_, id)| self.execution.task_run(id))
    }

    /// Nothing for an execution that no trigger started.
    fn trigger(&self) -> Option<Value> {
        let trigger = self.execution.delivery.trigger.as_ref()?;
        let (value, sealed) = self.trigger.get_or_init(|| self.make_trigger(trigger));
        self.near.borrow_mut().extend(sealed.iter().cloned());
        Some(value.clone())
    }

    fn make_trigger(&self, trigger: &TriggerId) -> (Value, Vec<String>) {
        let Ok(request) = self.execution.delivery.request.parse() else { return (Value::Null, Vec::new()) };
        let blob = self.turn.blob(&request);
        let sensitive = match self.sight {
            Sight::Opened => Sensitive::Opened(self.turn.seal),
            Sight::Masked => Sensitive::Masked,
        };
        let seen = trigger::variables(&request, blob.as_deref(), sensitive);
        let mut map = seen.map;
        let id = Value::text(trigger.as_str());
        map.insert("_context", Value::map([("type", Value::text(trigger::WEBHOOK_TYPE)), ("id", id)]));
        (Value::Map(map.into()), seen.secrets)
    }

    fn flow_value(&self) -> Value {
        let reference = &self.execution.flow;
        Value::map([
            ("id", Value::text(reference.flow.as_str())),
            ("namespace", Value::text(reference.namespace.as_str())),
            ("revision", Value::integer(i64::from(reference.revision))),
            ("tenantId", Value::text(reference.tenant.as_str())),
        ])
    }

    fn execution_value(&self) -> Value {
        let id = self.execution.id.to_string();
        Value::map([
            ("id", Value::text(id.as_str())),
            ("startDate", Value::text(self.execution.history.started_at().to_string())),
            ("originalId", Value::text(self.execution.original().to_string())),
            ("state", Value::text(self.execution.state().as_str())),
        ])
    }

    fn task_value(&self) -> Option<Value> {
        let (task, _) = self.task.as_ref()?;
        let entries = [("id", Value::text(task.id.as_str())), ("type", Value::text(task.type_name.as_str()))];
        Some(Value::map(entries))
    }

    fn taskrun_value(&self) -> Option<Value> {
        let (_, id) = self.task.as_ref()?;
        let run = self.own_run();
        let started = run.map_or(self.turn.now, |run| run.history.started_at());
        let attempts = run.map_or(0, |run| run.attempts.len().saturating_sub(1));
        let mut map = Map::new();
        map.insert("id", Value::text(id.to_string()));
        map.insert("startDate", Value::text(started.to_string()));
        map.insert("attemptsCount", Value::integer(i64::try_from(attempts).unwrap_or(i64::MAX)));
        if let Some(parent) = run.and_then(|run| run.parent) {
            map.insert("parentId", Value::text(parent.to_string()));
        }
        Some(Value::Map(map.into()))
    }

    /// Outputs by task; a task run without any has an empty map.
    fn outputs_value(&self) -> Value {
        let mut map = Map::new();
        for run in &self.execution.task_runs {
            let value = run.outputs.as_ref().map(|kept| self.opened(kept));
            map.insert(run.task.as_str(), value.unwrap_or_else(|| Value::Map(Map::new().into())));
        }
        Value::Map(map.into())
    }

    fn opened(&self, kept: &Kept) -> Value {
        match self.sight {
            Sight::Masked => kept.shown().clone(),
            Sight::Opened => {
                let opened = keep::open(kept, &self.execution.id, self.turn.seal);
                self.near.borrow_mut().extend(opened.secrets);
                opened.value
            }
        }
    }

    fn tasks_value(&self) -> Value {
        let state = |run: &TaskRun| Value::map([("state", Value::text(run.history.current().as_str()))]);
        Value::map(self.execution.task_runs.iter().map(|run| (run.task.as_str(), state(run))))
    }

    /// Labels by key; dots nest.
    fn labels_value(&self) -> Value {
        let mut map = Map::new();
        for (key, value) in &self.execution.labels {
            insert_nested(&mut map, key, Value::text(value.as_str()));
        }
        Value::Map(map.into())
    }

    /// The inputs that were given, those of the type SECRET opened.
    fn with_secrets(&self, given: &Value) -> Value {
        let sealed = self.execution.secret_inputs.as_ref().filter(|_| self.sight == Sight::Opened);
        let (Some(sealed), Some(key), Some(values)) = (sealed, self.turn.seal, given.as_map()) else {
            return given.clone();
        };
        let mut values = values.clone();
        self.near.borrow_mut().extend(open_secrets(&mut values, sealed, key));
        Value::Map(values.into())
    }

    /// The default of an input of the type SECRET.
    fn secret_default(&self, value: Value) -> Value {
        match self.sight {
            Sight::Masked => Value::text(MASK),
            Sight::Opened => {
                self.near.borrow_mut().push(value.print());
                value
            }
        }
    }

    /// Inputs that were given, else the defaults; nothing when the flow has neither. A default sees the ones before it.
    fn inputs_value(&self) -> Option<Value> {
        if let Some(given) = &self.execution.inputs {
            return Some(self.with_secrets(given));
        }
        if let Some(known) = self.defaults.borrow().clone() {
            return Some(Value::Map(known.into()));
        }
        for input in &self.flow.inputs {
            let Some(defaults) = &input.defaults else { continue };
            self.defaults.borrow_mut().get_or_insert_default();
            let env = Env::new(self.turn.surroundings, self.turn.now.to_jiff(), self.execution.seed);
            let mut env = env.with_sight(self.sight);
            if let Ok(value) = defaults.render(self, &mut env) {
                self.read.borrow_mut().extend(env.secrets_used().iter().cloned());
                let value = if input.is_secret() { self.secret_default(value) } else { value };
                insert_nested(self.defaults.borrow_mut().get_or_insert_default(), &input.id, value);
            }
        }
        self.defaults.take().map(|map| Value::Map(map.into()))
    }
}

/// Puts a value at a dotted path.
fn insert_nested(map: &mut Map, path: &str, value: Value) {
    let Some((head, rest)) = path.split_once('.') else {
        map.insert(path, value);
        return;
    };
    let mut inner = map.get(head).and_then(Value::as_map).cloned().unwrap_or_else(Map::new);
    insert_nested(&mut inner, rest, value);
    map.insert(head, Value::Map(inner.into()));
}

impl Variables for Context<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        match name {
            "flow" => Some(self.flow_value()),
            "execution" => Some(self.execution_value()),
            "trigger" => self.trigger(),
            "inputs" => self.inputs_value(),
            "labels" => Some(self.labels_value()),
            "outputs" => Some(self.outputs_value()),
            "task" => self.task_value(),
            "taskrun" => self.taskrun_value(),
            "tasks" => Some(self.tasks_value()),
            "vars" => Some(Value::Map(self.flow.variables.clone().into())),
            "kestra" => Some(self.turn.kestra.clone()),
            _ => None,
        }
    }

    fn names(&self) -> Vec<String> {
        NAMES.iter().filter(|name| self.get(name).is_some()).map(|name| (*name).to_owned()).collect()
    }
}
