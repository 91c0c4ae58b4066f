//! Flow documents: Kestra's YAML, read once and trusted from then on.
//!
//! [`Flow::parse`] gives a flow in which everything is known, of the right kind and runs, or [`FlowErrors`] with
//! everything that is wrong, each finding with its line and column. What Kestra knows and we do not run yet is refused with
//! "not supported yet": a property that is accepted does something.
//!
//! # What is accepted
//!
//! This is the contract with the core, the ingress and the engine: each row is carried out, nothing else is accepted.
//! *R* is rendered when it is needed, *S* is fixed in the document.
//!
//! | where | property | type here | note |
//! |---|---|---|---|
//! | flow | `id`, `namespace` | [`FlowId`](crate::id::FlowId), [`Namespace`](crate::id::Namespace) | |
//! | flow | `description` | S text | for people |
//! | flow | `disabled`, `draft` | S bool | disabled: 409; a draft never runs |
//! | flow | `labels` (map or list) | S `Vec<(String, String)>` | never rendered; `system.*` refused but `system.readOnly`; of a repeated key the last counts |
//! | flow | `inputs` | [`Input`] | resolved by [`resolve_inputs`] |
//! | flow | `outputs` | [`Output`] | R, read as its type when the execution ends |
//! | flow | `variables` | [`Map`](crate::expr::Map) | unrendered `vars` |
//! | flow | `tasks`, `errors`, `finally`, `afterExecution` | `Vec<Task>` | |
//! | flow | `triggers` | [`Trigger`] | |
//! | flow | `checks[].when` (or `condition`), `.message`, `.behavior` | R, S, S [`Check`] | of executions that are asked for; `style`: for forms; `FAIL_EXECUTION` is refused |
//! | flow | `pluginDefaults` | - | merged into tasks and triggers before they are typed |
//! | flow | `revision`, `deleted`, `tenantId`, `source`, `updated` | - | what a server wrote into a text; not read |
//! | task | `id`, `type`, `description` | | ids are unique in the flow |
//! | task | `disabled`, `allowFailure` | S bool | |
//! | task | `runIf` (or `when`) | R [`Template`](crate::expr::Template) | falsy: SKIPPED; fails to render: FAILED |
//! | task | `timeout` | R or S duration | on `http.Request` only |
//! | task | `retry` | S [`Retry`] | `constant`, `exponential`, `random`; `maxAttempts` (or `maxAttempt`), `maxDuration`, `delayFactor`, `warningOnRetry` |
//! | task | `logLevel` | S [`LogLevel`] | lines below it are not kept |
//! | `debug.Return` | `format` | R | |
//! | `log.Log` | `message` (text or list), `level` | R, R or S | 1.x `debug.Echo`: `format`, `level` |
//! | `output.OutputValues` | `values` | R [`Templated`](crate::expr::Templated) map | |
//! | `execution.Fail` | `condition`, `errorMessage` | R | |
//! | `flow.Sleep` | `duration` | R or S duration | |
//! | `http.Request` | `uri`, `method`, `headers`, `body`, `contentType` | R | header names too |
//! | `http.Request` | `options.allowFailed`, `.followRedirects`, `.allowedResponseCodes[]`, `.timeout.connectTimeout`, `.timeout.readIdleTimeout` | R or S | |
//! | webhook | `id`, `type`, `description`, `disabled` | | 1.x type name too; disabled: 409 |
//! | webhook | `key` | R | 1 to 256 characters, not blank; trimmed after rendering |
//! | webhook | `when`, `conditions` | R, [`Condition`] | |
//! | webhook | `inputs` | R by input id | required inputs without default must be there |
//! | webhook | `labels` | keys S, values R | |
//! | webhook | `wait`, `returnOutputs` | S bool | |
//! | webhook | `responseContentType`, `responseCode` | S, R or S | a status that is none answers 500 |
//! | webhook | `fetchType` | S `FETCH`, `NONE` | `STORE` is refused |
//! | webhook | `maxBody` | S bytes, `5MiB` | ours: up to 25 MiB; without it the server's limit |
//! | input | `id`, `type`, `required`, `defaults` (R), `dependsOn {inputs, condition}`, type's own rules | | `description`, `displayName`, `prefill`, `isRadio`: for forms |
//! | output | `id`, `type`, `value` (R), `required` | | `description`, `displayName`: for people |
//!
//! Known and refused with "not supported yet": all other task and trigger types of Kestra 2.0 and `ForEach`, the flow's
//! `concurrency`, `retry`, `sla`, `quotas`, `policyRefs`, `workerSelector`, a task's
//! `allowWarning`, `taskCache`, `assets`, `logToFile`, `workerSelector`, `policyRefs`, `version`, `http.Request`'s `formData`,
//! `params`, `encryptBody` and `options.{auth, proxy, ssl, logs, defaultCharset, enabledTcpExtendedKeepAlive}`, a trigger's
//! `assets`, `policyRefs`, `version`, inputs of the types ION, FORM and REUSABLE_INPUTS, and FILE unless it is optional.
//!
//! Accepted and without effect, as in Kestra, where they are about triggers that are looked at from time to time: a webhook's
//! `stopAfter`, `failOnTriggerError`, `logLevel`, `logToFile`, `allowConcurrent`, `workerSelector`.

mod check;
mod condition;
mod document;
pub mod duration;
mod error;
mod http;
mod input;
mod limits;
mod read;
mod resolve;
mod retry;
mod secrets;
mod task;
mod trigger;
mod value;
mod yaml;

pub use check::{Check, CheckBehavior};
pub use condition::{Condition, DayInMonth};
pub use document::{Flow, Output, ParsedDocument};
pub use error::{FlowError, FlowErrors, Position};
pub use http::{HttpOptions, HttpRequest};
pub use input::{Choice, ChoiceValue, ChoiceValues, DependsOn, Input, InputKind, Pattern, ValueType};
pub(crate) use resolve::open_secrets;
pub use resolve::{InputError, RenderInput, RenderedFor, ResolvedInputs, mask_secrets, resolve_inputs};
pub use retry::{Retry, RetryDelay};
pub use task::{Dynamic, ExitState, FromDocument, LogLevel, LogMessage, NotThatKind, Task, TaskKind};
pub use trigger::{FetchType, ResponseContentType, Trigger, TriggerKind, Webhook, is_registered_status};
