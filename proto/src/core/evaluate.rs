//! An expression as an execution would render it, for whoever looks for a fault. It decides nothing and records nothing.

use std::cell::RefCell;

use super::{context::Context, decide::Turn, execution::Execution};
use crate::{
    expr::{RenderError, Template},
    flow::Flow,
    id::TaskRunId,
};

/// Renders a template with the variables of an execution, or of one of its task runs.
///
/// It sees masks in place of everything secret: an expression could compare, cut or encode what it sees.
///
/// # Errors
/// When the template does not render.
pub fn evaluate(
    execution: &Execution,
    flow: &Flow,
    run: Option<&TaskRunId>,
    template: &Template,
    turn: &Turn<'_>,
) -> Result<String, RenderError> {
    let reads = RefCell::default();
    let context = Context::of_flow(execution, flow, turn, &reads).masked();
    let run = run.and_then(|id| execution.task_run(id));
    let context = match run.and_then(|run| Some((flow.task(&run.task)?, run.id))) {
        Some((task, id)) => context.of_task(task, id),
        None => context,
    };
    context.render(template).map(|rendered| rendered.value)
}
