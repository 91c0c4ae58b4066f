//! `windhover flow`: flow files, and the flows of a server.

mod delete;
mod deploy;
mod diff;
mod get;
mod list;
mod validate;

use std::process::ExitCode;

use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  windhover flow validate flows                 check files without a server
  windhover flow deploy flows --dry-run         what a deployment would change
  windhover flow list --namespace company.team
  windhover flow get company.team/echo > echo.yaml";

/// Work with flow files and with the flows of a server.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check flow files and show every mistake with file, line and column. Exit code 1 when one is found.
    #[command(after_help = validate::EXAMPLES)]
    Validate(validate::Validate),
    /// List the flows of a server.
    #[command(after_help = list::EXAMPLES)]
    List(list::List),
    /// Print the YAML of a flow of a server.
    #[command(after_help = get::EXAMPLES)]
    Get(get::Get),
    /// Deploy flow files. Files that change nothing are left alone; nothing is deployed when one file is wrong.
    #[command(after_help = deploy::EXAMPLES)]
    Deploy(Box<deploy::Deploy>),
    /// Delete a flow of a server. Its executions stay.
    #[command(after_help = delete::EXAMPLES)]
    Delete(delete::Delete),
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read, or the server does not do what it is asked.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Validate(validate) => validate::run(validate),
        Command::List(list) => list::run(list),
        Command::Get(get) => get::run(get),
        Command::Deploy(deploy) => deploy::run(deploy),
        Command::Delete(delete) => delete::run(delete),
    }
}

/// The name of a flow, as it is typed: `NAMESPACE/ID`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FlowName {
    namespace: String,
    id: String,
}

impl std::str::FromStr for FlowName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((namespace, id)) if !namespace.is_empty() && !id.is_empty() && !id.contains('/') => {
                Ok(Self { namespace: namespace.to_owned(), id: id.to_owned() })
            }
            Some(_) | None => Err("NAMESPACE/ID is wanted, such as company.team/echo".to_owned()),
        }
    }
}

impl std::fmt::Display for FlowName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.id)
    }
}

impl FlowName {
    /// Where the flow stands in the API.
    fn path(&self) -> String {
        use super::client::segment;
        format!("/flows/{}/{}", segment(&self.namespace), segment(&self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_named_by_namespace_and_id() {
        let name: FlowName = "company.team/echo".parse().unwrap();
        assert_eq!(
            (name.to_string().as_str(), name.path().as_str()),
            ("company.team/echo", "/flows/company.team/echo")
        );
        for bad in ["echo", "/echo", "a/", "a/b/c"] {
            assert!(bad.parse::<FlowName>().is_err(), "{bad}");
        }
    }
}
