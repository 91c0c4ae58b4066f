//! Checks: what must hold before an execution that somebody asks for is created.

use crate::expr::Template;

/// One check of a flow. Only requests for an execution are held against it; triggers start the flow all the same, as in Kestra.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Holds when it renders `true`. One that cannot be rendered blocks the execution, whatever `behavior` says.
    pub when: Template,
    /// What the caller is told when it does not hold; never rendered.
    pub message: String,
    /// What becomes of the execution then.
    pub behavior: CheckBehavior,
}

/// What becomes of an execution when a check does not hold. `FAIL_EXECUTION` is refused at deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckBehavior {
    /// It is not created, and the caller is told why.
    #[default]
    Block,
    /// It is created as if the check held.
    Create,
}
