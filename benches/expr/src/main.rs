//! How fast expressions render, against the same logic in minijinja.
//!
//! ```text
//! cargo run --release -p windhover-bench-expr
//! ```
//!
//! Prints one line for each expression, then the ratio of all (geometric mean, above 1 means faster than minijinja), and
//! fails when that is below 0.5.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use windhover_proto::expr::{Env, Map, NoSurroundings, Template, Value};

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Least ratio that is good enough.
const RATIO_MIN: f64 = 0.5;

/// How long each expression is rendered by each engine.
const MEASURED: Duration = Duration::from_millis(200);

/// The variables of a run that GitHub's webhook started.
const VARIABLES: &str = include_str!("variables.json");

/// An expression as it stands in a flow, and the same in minijinja's words.
const EXPRESSIONS: [(&str, &str); 10] = [
    ("{{ trigger | json }}", "{{ trigger | tojson }}"),
    ("{{ trigger.body | json }}", "{{ trigger.body | tojson }}"),
    ("{{ outputs.forward.code }}", "{{ outputs.forward.code }}"),
    ("{{ trigger.headers['X-GitHub-Event'] | first }}", "{{ trigger.headers['X-GitHub-Event'] | first }}"),
    ("{{ trigger.body.pull_request.title | upper }}", "{{ trigger.body.pull_request.title | upper }}"),
    ("{{ trigger.body.nope ?? 'none' }}", "{{ trigger.body.nope | default('none') }}"),
    (
        "{{ trigger.body.action == 'opened' and trigger.body.number > 1000 ? 'big' : 'small' }}",
        "{{ 'big' if trigger.body.action == 'opened' and trigger.body.number > 1000 else 'small' }}",
    ),
    (
        "{% for label in trigger.body.pull_request.labels %}{{ label.name }}{{ loop.last ? '' : ', ' }}{% endfor %}",
        "{% for label in trigger.body.pull_request.labels %}{{ label.name }}{{ '' if loop.last else ', ' }}{% endfor %}",
    ),
    (
        "PR {{ trigger.body.number }} of {{ trigger.body.repository.full_name }} by {{ trigger.body.sender.login }}",
        "PR {{ trigger.body.number }} of {{ trigger.body.repository.full_name }} by {{ trigger.body.sender.login }}",
    ),
    (
        "{{ trigger.body.pull_request.labels | length + 1 }} {{ 'x' ~ trigger.body.number }}",
        "{{ trigger.body.pull_request.labels | length + 1 }} {{ 'x' ~ trigger.body.number }}",
    ),
];

fn main() -> anyhow::Result<ExitCode> {
    let ours = match Value::from_json(VARIABLES)? {
        Value::Map(map) => (*map).clone(),
        _ => return Err(anyhow!("the variables are no map")),
    };
    let theirs: serde_json::Value = serde_json::from_str(VARIABLES)?;
    let theirs = minijinja::Value::from(minijinja::value::Serde(theirs));
    let mut logarithms = 0.0;
    println!("{:>10} {:>10} {:>6}  expression", "ours ns", "theirs ns", "ratio");
    for (template, jinja) in EXPRESSIONS {
        let (mine, other) = (time_ours(template, &ours)?, time_theirs(jinja, &theirs)?);
        let ratio = other / mine;
        logarithms += ratio.ln();
        println!("{mine:10.0} {other:10.0} {ratio:6.2}  {template}");
    }
    let ratio = (logarithms / EXPRESSIONS.len() as f64).exp();
    println!("ratio {ratio:.2} (geometric mean; at least {RATIO_MIN})");
    Ok(if ratio >= RATIO_MIN { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Nanoseconds of one run, the best of several rounds.
fn time(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    run();
    let one = start.elapsed().max(Duration::from_nanos(100));
    let runs = (MEASURED.as_nanos() / 8 / one.as_nanos()).clamp(1, 1_000_000) as u32;
    let round = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..runs).for_each(|_| run());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(runs)
    };
    (0..8).map(|_| round(&mut run)).fold(f64::INFINITY, f64::min)
}

fn time_ours(source: &str, variables: &Map) -> anyhow::Result<f64> {
    let template = Template::compile(source)?;
    let render = || {
        let mut env = Env::new(&NoSurroundings, jiff::Timestamp::UNIX_EPOCH, 1);
        template.render(variables, &mut env)
    };
    render().with_context(|| source.to_owned())?;
    Ok(time(|| drop(black_box(render()))))
}

fn time_theirs(source: &str, variables: &minijinja::Value) -> anyhow::Result<f64> {
    let mut env = minijinja::Environment::new();
    env.add_template("t", source)?;
    let template = env.get_template("t")?;
    template.render(variables.clone()).with_context(|| source.to_owned())?;
    Ok(time(|| drop(black_box(template.render(variables.clone())))))
}
