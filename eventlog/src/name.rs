//! Names of logs.

use std::str::FromStr;

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

/// A text that names no log.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` names no log")]
pub struct BadLogName(String);

/// Reads what `Display` writes: stores keep logs under that text.
impl FromStr for LogName {
    type Err = BadLogName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadLogName(text.to_owned());
        match text.split_once('.') {
            None if text == "definitions" => Ok(LogName::Definitions),
            None if text == "refusals" => Ok(LogName::Refusals),
            Some(("inbox", shard)) => Ok(LogName::Inbox { shard: shard.parse().map_err(|_| bad())? }),
            Some(("executions", partition)) => {
                Ok(LogName::Executions { partition: partition.parse().map_err(|_| bad())? })
            }
            Some(("kv", namespace)) if !namespace.is_empty() => Ok(LogName::Kv { namespace: namespace.to_owned() }),
            Some(_) | None => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_from_its_text() {
        let names = [
            LogName::Inbox { shard: 3 },
            LogName::Executions { partition: 65_535 },
            LogName::Definitions,
            LogName::Kv { namespace: "company.team".into() },
            LogName::Refusals,
        ];
        for name in names {
            assert_eq!(name.to_string().parse::<LogName>().ok(), Some(name));
        }
        for bad in ["", "inbox", "inbox.x", "executions.65536", "kv.", "other.1"] {
            assert!(bad.parse::<LogName>().is_err(), "{bad}");
        }
    }
}
