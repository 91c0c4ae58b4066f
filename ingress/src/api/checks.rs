//! The checks of a flow, held against an execution that somebody asks for.

use windhover_proto::{
    expr::Template,
    flow::{Check, CheckBehavior},
    problem::{Code, Problem},
};

/// Renders a condition, or says why it cannot.
type Render<'a> = &'a dyn Fn(&Template) -> Result<String, String>;

/// Whether every check lets the execution be created.
///
/// # Errors
/// 422 with the messages of all that do not hold, when one of them blocks.
pub(super) fn pass(checks: &[Check], render: Render<'_>) -> Result<(), Problem> {
    let failed: Vec<Failed> = checks.iter().filter_map(|check| Failed::of(check, render)).collect();
    if failed.iter().all(|failed| failed.behavior == CheckBehavior::Create) {
        return Ok(());
    }
    let messages: Vec<String> = failed.into_iter().map(|failed| failed.message).collect();
    Err(Code::CheckFailed.because(format!(
        "Flow execution blocked: one or more condition checks evaluated to false.\nFailed checks: {}",
        messages.join(", ")
    )))
}

/// A check that does not hold.
struct Failed {
    message: String,
    behavior: CheckBehavior,
}

impl Failed {
    /// None when the check holds: as in Kestra that is when it says `true`, so a number or another text is no yes.
    fn of(check: &Check, render: Render<'_>) -> Option<Self> {
        match render(&check.when) {
            Ok(text) if text.trim() == "true" => None,
            Ok(_) => Some(Self { message: check.message.clone(), behavior: check.behavior }),
            Err(error) => Some(Self {
                message: format!("Failed to evaluate check condition. Cause: {error}"),
                behavior: CheckBehavior::Block,
            }),
        }
    }
}
