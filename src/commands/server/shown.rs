//! The console, as far as the API that asks for executions needs it.

use futures_util::future::BoxFuture;
use windhover_console::Console;
use windhover_ingress::Executions;
use windhover_proto::{
    core::Execution,
    id::{ExecutionId, TenantId},
    problem::Problem,
};

/// Executions as a console finds and shows them.
#[derive(Debug)]
pub(super) struct Shown(pub(super) Console);

impl Executions for Shown {
    fn find(&self, tenant: TenantId, id: ExecutionId) -> BoxFuture<'static, Result<Option<Execution>, Problem>> {
        let console = self.0.clone();
        Box::pin(async move { console.execution(&tenant, &id).await })
    }

    fn settled(&self, id: ExecutionId) -> BoxFuture<'static, ()> {
        let console = self.0.clone();
        Box::pin(async move { console.settled(&id).await })
    }

    fn document(&self, execution: &Execution) -> BoxFuture<'static, Result<String, Problem>> {
        let (console, execution) = (self.0.clone(), execution.clone());
        Box::pin(async move { console.document(&execution).await })
    }
}
