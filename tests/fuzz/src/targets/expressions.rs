//! Targets of the expression language.

use windhover_proto::expr::{Env, Map, NoSurroundings, Template, Value};

/// Steps that one rendering may take here, so that many inputs fit into the time.
const FUEL: u64 = 200_000;

fn lines(text: &str) -> Vec<Vec<u8>> {
    text.lines().filter(|line| !line.is_empty()).map(|line| line.replace("\\n", "\n").into_bytes()).collect()
}

pub(crate) fn templates() -> Vec<Vec<u8>> {
    lines(include_str!("../../corpus/templates.txt"))
}

pub(crate) fn calls() -> Vec<Vec<u8>> {
    lines(include_str!("../../corpus/calls.txt"))
}

pub(crate) fn documents() -> Vec<Vec<u8>> {
    lines(include_str!("../../corpus/documents.txt"))
}

pub(crate) fn programs() -> Vec<Vec<u8>> {
    lines(include_str!("../../corpus/programs.txt"))
}

fn variables() -> Map {
    let json = r#"{"flow":{"namespace":"a.b","id":"f"},"trigger":{"body":{"n":1,"d":1.5,"none":null,"list":[3,1,"x",[2]],
        "text":"hello world 2024-05-06T07:08:09Z"},"headers":{"X-Event":["push"]}},"vars":{"t":"{{ trigger.body.n }}"},
        "big":12345678901234567890123,"s":"a,b","date":"2024-05-06T07:08:09Z","m":{"b":2,"a":{"c":[1]}}}"#;
    match Value::from_json(json) {
        Ok(Value::Map(map)) => (*map).clone(),
        _ => Map::new(),
    }
}

fn rendered(template: &Template, variables: &Map) -> Result<String, String> {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let mut env = Env::new(&NoSurroundings, now, 7).with_fuel(FUEL);
    template.render(variables, &mut env).map_err(|error| error.to_string())
}

pub(crate) fn render(input: &[u8]) -> Result<(), String> {
    let source = String::from_utf8_lossy(input);
    let Ok(template) = Template::compile(&source) else { return Ok(()) };
    let variables = variables();
    let (first, second) = (rendered(&template, &variables), rendered(&template, &variables));
    if first == second { Ok(()) } else { Err(format!("rendered differently: {first:?} and {second:?}")) }
}

pub(crate) fn json(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let Ok(value) = Value::from_json(&text) else { return Ok(()) };
    let printed = value.to_json();
    match Value::from_json(&printed) {
        Ok(again) if again.to_json() == printed => Ok(()),
        Ok(again) => Err(format!("{printed} came back as {}", again.to_json())),
        Err(error) => Err(format!("{printed} was refused: {error}")),
    }
}

pub(crate) fn jq(input: &[u8]) -> Result<(), String> {
    let program = String::from_utf8_lossy(input);
    let Ok(template) = Template::compile("{{ m | jq(program) }}") else { return Err("the template is refused".into()) };
    let mut variables = variables();
    variables.insert("program", Value::from(&*program));
    let (first, second) = (rendered(&template, &variables), rendered(&template, &variables));
    if first == second { Ok(()) } else { Err(format!("answered differently: {first:?} and {second:?}")) }
}
