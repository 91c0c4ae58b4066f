//! `windhover expr`: expressions on the command line.

mod cases;
mod trace;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use windhover_proto::expr::{Env, Map, Surroundings, Template, Value};

use super::client::say;

const EXAMPLES: &str = "\
Examples:
  windhover expr '{{ 1 + 2 }}'
  windhover expr '{{ trigger.body.number * 2 }}' --context context.json --trace
  windhover expr --cases cases.jsonl --contexts contexts.json > answers.jsonl

Secrets are read from SECRET_<NAME> variables, the environment of `env()` from ENV_<NAME> variables.";

/// Evaluate an expression, or a file of recorded cases.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExprArgs {
    /// The template, such as '{{ trigger.body.number }}'.
    #[arg(required_unless_present = "cases", conflicts_with = "cases")]
    template: Option<String>,
    /// A JSON file whose members are the variables.
    #[arg(long, value_name = "FILE", conflicts_with = "cases")]
    context: Option<PathBuf>,
    /// Show the value of every sub-expression.
    #[arg(long, conflicts_with = "cases")]
    trace: bool,
    /// Seed of random values; the same seed gives the same answer.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A file of cases, one JSON object a line; answers are written one a line.
    #[arg(long, value_name = "FILE", requires = "contexts")]
    cases: Option<PathBuf>,
    /// The named variables and surroundings of the cases.
    #[arg(long, value_name = "FILE", requires = "cases")]
    contexts: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(arguments: &ExprArgs) -> anyhow::Result<ExitCode> {
    match (&arguments.cases, &arguments.contexts, &arguments.template) {
        (Some(cases), Some(contexts), _) => cases::run(cases, contexts, arguments.seed),
        (_, _, Some(template)) => evaluate(arguments, template),
        _ => bail!("give a template, or --cases with --contexts"),
    }
}

fn evaluate(arguments: &ExprArgs, source: &str) -> anyhow::Result<ExitCode> {
    let variables = variables(arguments)?;
    let template = Template::compile(source).map_err(|error| anyhow::anyhow!("{error}"))?;
    let around = Process::new();
    let mut env = Env::new(&around, jiff::Timestamp::now(), arguments.seed);
    if arguments.trace {
        env = env.traced();
    }
    let rendered = template.render(&variables, &mut env);
    if arguments.trace {
        trace::print(env.trace());
    }
    match rendered {
        Ok(text) => {
            say(text);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("{error}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn variables(arguments: &ExprArgs) -> anyhow::Result<Map> {
    let Some(path) = &arguments.context else { return Ok(Map::new()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let value = Value::from_json(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    match value {
        Value::Map(map) => Ok(Arc::unwrap_or_clone(map)),
        _ => bail!("{} must hold one JSON object whose members are the variables", path.display()),
    }
}

/// What the process has around it: variables for secrets and for the environment of flows.
struct Process {
    variables: BTreeMap<String, String>,
}

impl Process {
    fn new() -> Process {
        Process { variables: std::env::vars().collect() }
    }
}

impl Surroundings for Process {
    fn secret(&self, _namespace: &str, name: &str) -> Option<String> {
        self.variables.get(&format!("SECRET_{name}")).cloned()
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.variables.get(&format!("ENV_{}", name.to_uppercase())).cloned()
    }
}
