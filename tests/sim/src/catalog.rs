//! The flows that the simulated installation runs, what they read, and what the system that they call answers.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use windhover_proto::{
    core::{Call, CallResult, HttpResponse, Turn},
    definitions::{Definition, Definitions},
    delivery::FlowRef,
    expr::{Surroundings, Value},
    flow::Flow,
    id::{Fingerprint, TenantId},
    seal::SealKey,
    time::Timestamp,
};

/// A secret that flows send; it must never stand in a log in clear.
pub const SECRET: &str = "hunter2-of-the-simulation";

/// What the planted panic says.
pub const PLANTED: &str = "a panic that was planted";

const SOURCES: [&str; 8] = [
    r#"
id: echo
tasks:
  - {id: out, type: io.kestra.plugin.core.debug.Return, format: "{{ trigger | toJson }}"}
"#,
    r#"
id: steps
labels: {team: simulated}
tasks:
  - {id: hello, type: io.kestra.plugin.core.log.Log, message: "got {{ trigger.body }}"}
  - {id: values, type: io.kestra.plugin.core.output.OutputValues, values: {got: "{{ trigger.body.n }}"}}
  - {id: skipped, type: io.kestra.plugin.core.log.Log, message: never, runIf: "false"}
  - {id: last, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.values.values.got }}"}
outputs:
  - {id: n, type: STRING, value: "{{ outputs.last.value }}"}
"#,
    r#"
id: charge
tasks:
  - id: pay
    type: io.kestra.plugin.core.http.Request
    uri: http://sink/pay
    method: POST
    body: "{{ trigger.body.n }}"
    headers: {authorization: "Bearer {{ secret('TOKEN') }}"}
  - {id: receipt, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.pay.body }}"}
"#,
    r#"
id: flaky
tasks:
  - id: pay
    type: io.kestra.plugin.core.http.Request
    uri: http://sink/flaky
    retry: {type: constant, interval: PT1S, maxAttempts: 12}
  - {id: receipt, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.pay.body }}"}
"#,
    r#"
id: nap
tasks:
  - {id: rest, type: io.kestra.plugin.core.flow.Sleep, duration: PT2S}
  - {id: pay, type: io.kestra.plugin.core.http.Request, uri: "http://sink/pay"}
  - {id: again, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.5S}
  - {id: done, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.pay.body }}"}
"#,
    r#"
id: fails
tasks:
  - {id: first, type: io.kestra.plugin.core.debug.Return, format: "1"}
  - {id: bad, type: io.kestra.plugin.core.execution.Fail, errorMessage: "no {{ trigger.body.n }}"}
  - {id: never, type: io.kestra.plugin.core.debug.Return, format: "2"}
errors:
  - {id: tell, type: io.kestra.plugin.core.http.Request, uri: "http://sink/tell"}
finally:
  - {id: tidy, type: io.kestra.plugin.core.log.Log, message: tidy}
afterExecution:
  - {id: after, type: io.kestra.plugin.core.http.Request, uri: "http://sink/after"}
"#,
    r#"
id: tolerant
tasks:
  - {id: try, type: io.kestra.plugin.core.http.Request, uri: "http://sink/gone", allowFailure: true}
  - {id: on, type: io.kestra.plugin.core.debug.Return, format: "{{ tasks.try.state }}"}
"#,
    r#"
id: boom
tasks:
  - {id: rest, type: io.kestra.plugin.core.flow.Sleep, duration: PT1S}
  - {id: bang, type: io.kestra.plugin.core.debug.Return, format: "{{ secret('BOOM') }}"}
"#,
];

const HEAD: &str = "namespace: sim\ntriggers:\n  - {id: hook, type: io.kestra.plugin.core.trigger.Webhook, key: k}\n";

/// Secrets: one that is sent, and one whose reading panics, as a defect of ours would.
struct Secrets;

impl Surroundings for Secrets {
    fn secret(&self, _namespace: &str, name: &str) -> Option<String> {
        match name {
            "BOOM" => std::panic::panic_any(PLANTED),
            _ => Some(SECRET.to_owned()),
        }
    }
}

static KEY: SealKey = SealKey::from_bytes([7; 32]);
static NO_BLOBS: BTreeMap<Fingerprint, bytes::Bytes> = BTreeMap::new();

static FLOWS: LazyLock<(Definitions, Vec<FlowRef>)> = LazyLock::new(deploy);

fn deploy() -> (Definitions, Vec<FlowRef>) {
    let mut definitions = Definitions::default();
    let deployed: Vec<Definition> = SOURCES.iter().map(|source| deployment(source)).collect();
    definitions.fold(1, &deployed);
    let references = definitions.all().map(|revision: &Arc<_>| revision.reference.clone()).collect();
    (definitions, references)
}

fn deployment(source: &str) -> Definition {
    let source = format!("{HEAD}{source}");
    let flow = Flow::parse(&source).unwrap_or_else(|errors| panic!("{source}\n{errors:?}"));
    Definition::FlowDeployed {
        tenant: TenantId::main(),
        namespace: flow.namespace,
        flow: flow.id,
        revision: 1,
        source,
        at: Timestamp::default(),
    }
}

/// The deployed flows, in order of their ids.
pub fn flows() -> &'static [FlowRef] {
    &FLOWS.1
}

/// A turn at a time, with the randomness of `seed`.
pub fn turn(now: Timestamp, seed: u64) -> Turn<'static> {
    Turn {
        now,
        seed,
        definitions: &FLOWS.0,
        surroundings: &Secrets,
        seal: Some(&KEY),
        kestra: Value::Null,
        blobs: &NO_BLOBS,
    }
}

/// What the called system answers. It depends on the call alone, so every history of faults must end the same way.
pub fn answer(call: &Call) -> CallResult {
    let path = call.http.uri.rsplit('/').next().unwrap_or_default();
    let failures = u32::from(call.execution.as_bytes()[0] % 4);
    let code = match path {
        "flaky" if call.n <= failures => 503,
        "gone" => 410,
        _ => 200,
    };
    let body = format!("{path} {} {}", call.n, call.http.body.as_deref().unwrap_or("-"));
    Ok(HttpResponse { uri: call.http.uri.clone(), code, headers: Vec::new(), body: body.into_bytes() })
}
