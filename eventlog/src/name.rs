//! Names of logs.

/// One of the logs. Ids of executions or keys never become names: a log costs memory in every store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogName {
    /// Inputs of every partition of one shard, mixed.
    Inbox {
        /// Which shard; partition p belongs to shard p mod shards.
        shard: u16,
    },
    /// Commits of one partition; only its owner appends.
    Executions {
        /// Which partition.
        partition: u16,
    },
    /// Deployed flows and other definitions.
    Definitions,
    /// Key-value changes of one namespace.
    Kv {
        /// Which namespace.
        namespace: String,
    },
    /// Deliveries that were turned away, and why.
    Refusals,
}

impl std::fmt::Display for LogName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LogName::Inbox { shard } => write!(formatter, "inbox.{shard}"),
            LogName::Executions { partition } => write!(formatter, "executions.{partition}"),
            LogName::Definitions => formatter.write_str("definitions"),
            LogName::Kv { namespace } => write!(formatter, "kv.{namespace}"),
            LogName::Refusals => formatter.write_str("refusals"),
        }
    }
}
