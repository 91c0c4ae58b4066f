//! What the expressions of a webhook trigger see: its key before the call is read, everything else after it.

use std::cell::{Cell, OnceCell, RefCell};

use windhover_proto::{
    core::{Execution, TaskRun},
    delivery::FlowRef,
    expr::{Env, Map, RenderError, Surroundings, Template, Templated, Value, Variables},
    flow::{Flow, Trigger, mask_secrets},
    id::{DeliveryId, ExecutionId},
    request::Request,
    seal::SealKey,
    sight::{self, Attempt, Rendered, Sight},
    state::State,
    time::Timestamp,
    trigger::{self, Sensitive},
};

/// When a call is looked at, and what its random values derive from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The time.
    pub(crate) now: Timestamp,
    /// The seed.
    pub(crate) seed: u64,
}

impl Moment {
    /// The moment at which a delivery came. The delivery's id is random, and so is all that derives from it.
    pub(crate) fn of(delivery: DeliveryId, now: Timestamp) -> Self {
        let mut seed = [0; 8];
        seed.copy_from_slice(&delivery.as_bytes()[8..]);
        Self { now, seed: u64::from_be_bytes(seed) }
    }

    /// An environment for renderings at this moment.
    pub(crate) fn env<'a>(&self, surroundings: &'a dyn Surroundings) -> Env<'a> {
        Env::new(surroundings, self.now.to_jiff(), self.seed)
    }
}

/// Renders the key of a trigger; `None` when it cannot be rendered, as when its secret is missing.
pub(crate) fn render_key(
    key: &Template,
    reference: &FlowRef,
    flow: &Flow,
    trigger: &Trigger,
    surroundings: &dyn Surroundings,
    moment: Moment,
) -> Option<String> {
    let mut variables = Map::with_capacity(3);
    variables.insert("flow", flow_value(reference));
    variables.insert("vars", Value::Map(flow.variables.clone().into()));
    variables.insert("trigger", trigger_context(trigger));
    let attempt = |sight| {
        let mut env = moment.env(surroundings).with_sight(sight);
        Attempt { outcome: key.render(&variables, &mut env), secrets: env.secrets_used().to_vec() }
    };
    sight::unshown(attempt).inspect_err(|error| hidden(reference, trigger, error)).ok()
}

/// Says once in a while why a trigger is not found: at debug, because anybody can make it happen.
fn hidden(reference: &FlowRef, trigger: &Trigger, error: &RenderError) {
    let FlowRef { namespace, flow, .. } = reference;
    tracing::debug!(%namespace, %flow, trigger = %trigger.id, %error, "the key of a trigger cannot be rendered: it is not found");
}

pub(crate) fn flow_value(reference: &FlowRef) -> Value {
    Value::map([
        ("id", Value::text(reference.flow.as_str())),
        ("namespace", Value::text(reference.namespace.as_str())),
        ("revision", Value::integer(i64::from(reference.revision))),
        ("tenantId", Value::text(reference.tenant.as_str())),
    ])
}

fn trigger_context(trigger: &Trigger) -> Value {
    Value::map([("type", Value::text(trigger::WEBHOOK_TYPE)), ("id", Value::text(trigger.id.as_str()))])
}

/// One call of a trigger, as its expressions see it. Nothing is made before it is asked for.
pub(crate) struct Call<'a> {
    /// The flow and revision.
    pub(crate) reference: &'a FlowRef,
    /// The flow.
    pub(crate) flow: &'a Flow,
    /// The trigger.
    pub(crate) trigger: &'a Trigger,
    /// The execution that the call starts, or belongs to.
    pub(crate) execution: ExecutionId,
    /// What was sent.
    pub(crate) request: &'a Request,
    /// The body, when it is kept beside the log.
    pub(crate) blob: Option<&'a [u8]>,
    /// Opens sensitive headers.
    pub(crate) seal: Option<&'a SealKey>,
    /// Secrets and the like.
    pub(crate) surroundings: &'a dyn Surroundings,
    /// When.
    pub(crate) moment: Moment,
    /// What is secret, as its expressions see it.
    pub(crate) secrets: Secrets,
    /// The finished execution, for what is rendered after its end.
    pub(crate) ended: Option<&'a Execution>,
}

/// What is secret in a call.
#[derive(Debug)]
pub(crate) struct Secrets {
    /// Whether it is seen.
    sight: Sight,
    /// The `trigger` variable and the sealed headers in it, once they were asked for.
    trigger: OnceCell<(Value, Vec<String>)>,
    /// What was in reach of the rendering beside what `secret()` read: sealed headers, inputs of the type SECRET.
    near: RefCell<Vec<String>>,
    /// Whether something secret was rendered that would be kept in clear.
    kept: Cell<bool>,
}

impl Secrets {
    /// As the flow sees them.
    pub(crate) fn opened() -> Self {
        Self::with(Sight::Opened)
    }

    fn with(sight: Sight) -> Self {
        Self { sight, trigger: OnceCell::new(), near: RefCell::default(), kept: Cell::default() }
    }

    fn come_near(&self, secrets: &[String]) {
        self.near.borrow_mut().extend_from_slice(secrets);
    }
}

impl Call<'_> {
    /// Renders a text.
    pub(crate) fn render(&self, template: &Template) -> Result<Rendered<String>, RenderError> {
        self.rendered(|call, env| template.render(call, env))
    }

    /// Renders a text of which nothing is shown but its failure.
    pub(crate) fn text(&self, template: &Template) -> Result<String, RenderError> {
        sight::unshown(self.attempts(|call, env| template.render(call, env)))
    }

    /// Renders a tree, every text to text; with these inputs in place of the flow's defaults.
    pub(crate) fn render_tree(&self, tree: &Templated, inputs: Option<&Map>) -> Result<Rendered<Value>, RenderError> {
        self.rendered(|call, env| match inputs {
            Some(inputs) => tree.render(&WithInputs { call, inputs: call.seen_inputs(inputs) }, env),
            None => tree.render(call, env),
        })
    }

    fn rendered<T: sight::Showable>(
        &self,
        render: impl Fn(&Call<'_>, &mut Env<'_>) -> Result<T, RenderError>,
    ) -> Result<Rendered<T>, RenderError> {
        sight::render(self.attempts(render))
    }

    fn attempts<T>(
        &self,
        render: impl Fn(&Call<'_>, &mut Env<'_>) -> Result<T, RenderError>,
    ) -> impl Fn(Sight) -> Attempt<T> {
        move |sight| match sight {
            Sight::Opened => self.attempt(&render),
            Sight::Masked => Call { secrets: Secrets::with(sight), ..*self }.attempt(&render),
        }
    }

    fn attempt<T>(&self, render: impl Fn(&Call<'_>, &mut Env<'_>) -> Result<T, RenderError>) -> Attempt<T> {
        let mut env = self.env();
        let outcome = render(self, &mut env);
        let mut secrets = self.secrets.near.take();
        secrets.extend_from_slice(env.secrets_used());
        Attempt { outcome, secrets }
    }

    fn env(&self) -> Env<'_> {
        self.moment.env(self.surroundings).with_sight(self.secrets.sight)
    }

    /// Remembers that something secret would be kept in clear.
    pub(crate) fn note_kept(&self) {
        self.secrets.kept.set(true);
    }

    /// Whether something secret would be kept in clear.
    pub(crate) fn keeps_secret(&self) -> bool {
        self.secrets.kept.get()
    }

    fn trigger_value(&self) -> Value {
        let (value, sealed) = self.secrets.trigger.get_or_init(|| {
            let sensitive = match self.secrets.sight {
                Sight::Opened => Sensitive::Opened(self.seal),
                Sight::Masked => Sensitive::Masked,
            };
            let seen = trigger::variables(self.request, self.blob, sensitive);
            let mut map = seen.map;
            map.insert("_context", trigger_context(self.trigger));
            (Value::Map(map.into()), seen.secrets)
        });
        self.secrets.come_near(sealed);
        value.clone()
    }

    /// Inputs that are being read, those of the type SECRET masked for whoever may not see them.
    fn seen_inputs(&self, inputs: &Map) -> Map {
        let (masked, hidden) = mask_secrets(&self.flow.inputs, inputs);
        match self.secrets.sight {
            Sight::Opened => {
                self.secrets.come_near(&hidden);
                inputs.clone()
            }
            Sight::Masked => masked,
        }
    }

    fn execution_value(&self) -> Value {
        let id = self.execution.to_string();
        let state = self.ended.map_or(State::Created, Execution::state);
        let started = self.ended.map_or(self.moment.now, |execution| execution.history.started_at());
        Value::map([
            ("id", Value::text(id.as_str())),
            ("startDate", Value::text(started.to_string())),
            ("originalId", Value::text(id)),
            ("state", Value::text(state.as_str())),
        ])
    }

    /// Inputs that were given, else the defaults; a default sees the ones before it.
    fn inputs_value(&self) -> Option<Value> {
        if let Some(given) = self.ended.and_then(|execution| execution.inputs.clone()) {
            return Some(given);
        }
        let mut map = Map::new();
        for input in &self.flow.inputs {
            let Some(defaults) = &input.defaults else { continue };
            let mut variables = Map::with_capacity(1);
            variables.insert("inputs", Value::Map(map.clone().into()));
            let mut env = self.env();
            if let Ok(value) = defaults.render(&variables, &mut env) {
                insert_nested(&mut map, &input.id, value);
            }
            self.secrets.come_near(env.secrets_used());
        }
        (!map.is_empty()).then(|| Value::Map(self.seen_inputs(&map).into()))
    }

    /// What the tasks of the finished execution gave, as everyone may read it.
    fn outputs_value(&self) -> Option<Value> {
        let runs = &self.ended?.task_runs;
        let shown = |run: &TaskRun| run.outputs.as_ref().map_or_else(|| Map::new().into(), |kept| kept.shown().clone());
        Some(Value::map(runs.iter().map(|run| (run.task.as_str(), shown(run)))))
    }

    /// Labels by key; dots nest. Before the execution exists there are none.
    fn labels_value(&self) -> Option<Value> {
        let mut map = Map::new();
        for (key, value) in &self.ended?.labels {
            insert_nested(&mut map, key, Value::text(value.as_str()));
        }
        Some(Value::Map(map.into()))
    }
}

/// A call whose inputs are being read: those that are known so far stand in for the flow's.
struct WithInputs<'a> {
    call: &'a Call<'a>,
    inputs: Map,
}

impl Variables for WithInputs<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        match name {
            "inputs" => Some(Value::Map(self.inputs.clone().into())),
            other => self.call.get(other),
        }
    }

    fn names(&self) -> Vec<String> {
        self.call.names()
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

/// The top-level names.
const NAMES: [&str; 7] = ["execution", "flow", "inputs", "labels", "outputs", "trigger", "vars"];

impl Variables for Call<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        match name {
            "flow" => Some(flow_value(self.reference)),
            "execution" => Some(self.execution_value()),
            "trigger" => Some(self.trigger_value()),
            "inputs" => self.inputs_value(),
            "labels" => self.labels_value(),
            "outputs" => self.outputs_value(),
            "vars" => Some(Value::Map(self.flow.variables.clone().into())),
            _ => None,
        }
    }

    fn names(&self) -> Vec<String> {
        NAMES.iter().filter(|name| self.get(name).is_some()).map(|name| (*name).to_owned()).collect()
    }
}
