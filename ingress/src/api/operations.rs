//! What the routes offer, as data.

use windhover_proto::api::{Address, Answer, Content, Method, Operation, Parameter, Place, Presence, Taken};

const TEXT: &str = r#"{"type": "string"}"#;
const FLAG: &str = r#"{"type": "boolean"}"#;
const ALWAYS: &str = r#"{"const": true}"#;
const NUMBER: &str = r#"{"type": "integer", "minimum": 1, "maximum": 4294967295}"#;
const FORM: &str = r#"{"type": "object", "additionalProperties": {"type": "string"}}"#;
const LEVEL: &str = r#"{"enum": ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]}"#;
const LABEL: &str = r#"{"type": "string", "pattern": "^[a-z][a-zA-Z0-9._-]*:.+$"}"#;
const EXECUTION: &str = r##"{"$ref": "#/components/schemas/Execution"}"##;

const fn query(name: &'static str, schema: &'static str, about: &'static str) -> Parameter {
    Parameter { name, place: Place::Query, schema, about }
}

const fn execution(about: &'static str) -> Answer {
    Answer { status: 200, about, content: Some(Content { types: &["application/json"], schema: EXECUTION }) }
}

const REVISION: Parameter = query("revision", NUMBER, "The revision to run.");

/// A flow without inputs needs no body.
const INPUTS: Taken = Taken {
    content: Content { types: &["multipart/form-data", "application/x-www-form-urlencoded"], schema: FORM },
    presence: Presence::Optional,
};

pub(super) const CREATE: Operation = Operation {
    id: "createExecution",
    tag: "Executions",
    method: Method::Post,
    path: Address::OfTenant("/executions/{namespace}/{flow}"),
    summary: "Creates an execution of a flow; each field of the form is an input.",
    parameters: &[
        query("labels", LABEL, "A label, `key:value`. May be repeated."),
        query("wait", FLAG, "Answer when the execution has ended."),
        REVISION,
        Parameter {
            name: "Idempotency-Key",
            place: Place::Header,
            schema: TEXT,
            about: "The same key starts one execution, however often the request is sent.",
        },
    ],
    body: Some(INPUTS),
    answers: &[execution("The execution, and the `url` of its page.")],
};

pub(super) const KILL: Operation = Operation {
    id: "killExecution",
    tag: "Executions",
    method: Method::Delete,
    path: Address::OfTenant("/executions/{id}/actions/kill"),
    summary: "Stops an execution.",
    parameters: &[query("isOnKillCascade", FLAG, "Whether subflows are stopped too; there are none yet.")],
    body: None,
    answers: &[execution("The execution as it stands then.")],
};

pub(super) const DELETE: Operation = Operation {
    id: "deleteExecution",
    tag: "Executions",
    method: Method::Delete,
    path: Address::OfTenant("/executions/{id}"),
    summary: "Hides an execution at once; its bytes leave with retention.",
    parameters: &[
        query("deleteLogs", ALWAYS, "Only true: everything of an execution goes with it."),
        query("deleteMetrics", ALWAYS, "Only true."),
        query("deleteStorage", ALWAYS, "Only true."),
    ],
    body: None,
    answers: &[Answer { status: 204, about: "It is gone.", content: None }],
};

pub(super) const DELETE_LOGS: Operation = Operation {
    id: "deleteLogs",
    tag: "Logs",
    method: Method::Delete,
    path: Address::OfTenant("/logs/{id}"),
    summary: "Hides log lines of an execution at once; their bytes leave with retention.",
    parameters: &[query("minLevel", LEVEL, "Only lines of this level and above.")],
    body: None,
    answers: &[Answer { status: 200, about: "They are gone.", content: None }],
};

pub(super) const REPLAY: Operation = Operation {
    id: "replayExecution",
    tag: "Executions",
    method: Method::Post,
    path: Address::OfTenant("/executions/{id}/actions/replay"),
    summary: "Runs an ended execution once more, with the same inputs.",
    parameters: &[REVISION],
    body: None,
    answers: &[execution("The new execution, whose `parentId` is the old one.")],
};

pub(super) const REPLAY_WITH_INPUTS: Operation = Operation {
    id: "replayExecutionWithInputs",
    tag: "Executions",
    method: Method::Post,
    path: Address::OfTenant("/executions/{id}/actions/replay-with-inputs"),
    summary: "Runs an ended execution once more, with other inputs.",
    parameters: &[REVISION],
    body: Some(INPUTS),
    answers: &[execution("The new execution, whose `parentId` is the old one.")],
};

/// A call of a webhook. Its address is matched as a whole, because what stands behind the key decides too.
const WEBHOOK: Operation = Operation {
    id: "webhookByPost",
    tag: "Executions",
    method: Method::Post,
    path: Address::OfTenant("/executions/webhook/{namespace}/{flow}/{key}"),
    summary: "Starts an execution of a flow by a webhook trigger of it.",
    parameters: &[Parameter {
        name: "Idempotency-Key",
        place: Place::Header,
        schema: r#"{"type": "string", "pattern": "^[!-~]{1,255}$"}"#,
        about: "The same key starts one execution, however often the delivery is sent.",
    }],
    body: Some(Taken { content: Content { types: &["application/json"], schema: "{}" }, presence: Presence::Optional }),
    answers: &[
        Answer {
            status: 200,
            about: "The execution as it stands, and the `url` of its page; of a trigger that waits, its end or its outputs.",
            content: Some(Content { types: &["application/json"], schema: "{}" }),
        },
        Answer { status: 204, about: "The trigger does not want this delivery.", content: None },
    ],
};

const WEBHOOK_BY_GET: Operation = Operation { id: "webhookByGet", method: Method::Get, body: None, ..WEBHOOK };
const WEBHOOK_BY_PUT: Operation = Operation { id: "webhookByPut", method: Method::Put, ..WEBHOOK };

pub(super) static ALL: [Operation; 9] =
    [CREATE, KILL, DELETE, DELETE_LOGS, REPLAY, REPLAY_WITH_INPUTS, WEBHOOK, WEBHOOK_BY_GET, WEBHOOK_BY_PUT];
