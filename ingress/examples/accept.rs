//! The ingress alone on the embedded log, to be measured: accepts webhooks, runs nothing.
//!
//! ```text
//! cargo run --release -p windhover-ingress --example accept -- 127.0.0.1:18081 FOLDER
//! wrk -t1 -c64 -d8s -s post.lua http://127.0.0.1:18081/api/v1/main/executions/webhook/company.team/webhook_example/1KERKzRQZSMtLdMdNI7Nkr
//! ```

use std::{path::Path, sync::Arc};

use tokio::net::TcpListener;
use windhover_eventlog::{Layout, ask::NoOwners, definitions::Deployments, embedded};
use windhover_ingress::{Ingress, Options, server};
use windhover_proto::{codec, expr::NoSurroundings, id::TenantId, time::Timestamp};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FLOW: &str = "
id: webhook_example
namespace: company.team
tasks:
  - id: out
    type: io.kestra.plugin.core.debug.Return
    format: \"{{ trigger | json }}\"
triggers:
  - id: webhook
    type: io.kestra.plugin.core.trigger.Webhook
    key: 1KERKzRQZSMtLdMdNI7Nkr
";

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, folder] = arguments.as_slice() else { return Err("usage: accept ADDRESS FOLDER".into()) };
    let layout = Layout { format: codec::FORMAT, partitions: 16, shards: 1 };
    let log = embedded::Embedded::open(Path::new(folder), layout, embedded::Options::default())?;
    let deployments = Deployments::open(log.clone()).await?;
    deployments.deploy(&TenantId::main(), FLOW, Timestamp::default()).await?;
    let ingress = Ingress::start(Options::new(log, Arc::new(NoOwners), deployments, Arc::new(NoSurroundings)));
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    server::serve(TcpListener::bind(address).await?, ingress.router(), stop).await?;
    Ok(())
}
