//! The `jq` filter: programs of jaq, bounded so that none runs without end.
//!
//! jaq itself knows no limits. Three things bound a program here. Its terms are rewritten so that every value that passes a
//! pipe, a collection or an operation pays for itself ([`rewrite`]). The definitions that can run without end are ours and
//! pay at every turn ([`DEFINITIONS`]). And what reads the outside - clock, environment, input - does not exist.

mod bounds;
mod convert;
mod rewrite;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;

use jaq_core::load::parse::Def;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Ctx, Native, Vars, data, native, unwrap_valr};
use jaq_json::Val;

use self::bounds::Exhausted;
use super::error::RenderError;
use super::eval::Machine;
use super::value::Value;

type Data = data::JustLut<Val>;

/// Longest program, in bytes.
const PROGRAM_BYTES_MAX: usize = 64 * 1024;

/// Definitions of jaq that are replaced or left out, because they can run without end, grow without bound, or read what a
/// replay could not read again.
const LEFT_OUT: [&str; 22] = [
    "range",
    "repeat",
    "recurse",
    "while",
    "until",
    "walk",
    "join",
    "add",
    "combinations",
    "debug",
    "stderr",
    "halt",
    "halt_error",
    "env",
    "now",
    "input",
    "inputs",
    "input_line_number",
    "localtime",
    "strflocaltime",
    "debug_empty",
    "stderr_empty",
];

/// Our definitions in their place. `_step` pays one step for the value that it passes on, `_grown` pays for its length.
const DEFINITIONS: &str = r#"
def _step: if _pay then . else empty end;
def _grown: if _pay_length then . else empty end;
def _measured: if _pay_size then . else empty end;
def range($from; $to; $by):
  if $by > 0 then $from | def rec: _step | if . < $to then ., (. + $by | rec) else empty end; rec
  elif $by < 0 then $from | def rec: _step | if . > $to then ., (. + $by | rec) else empty end; rec
  else empty end;
def range($from; $to): range($from; $to; 1);
def range($to): range(0; $to);
def repeat(f): def rec: _step | ., (f | rec); rec;
def recurse(f): def rec: _step | ., (f | rec); rec;
def recurse: recurse(.[]?);
def recurse(f; cond): recurse(f | select(cond));
def while(cond; update): def rec: _step | if cond then ., (update | rec) else empty end; rec;
def until(cond; update): def rec: _step | if cond then . else update | rec end; rec;
def walk(f): _measured | def rec: if . >= {} then map_values(rec) elif . >= [] then map(rec) else . end | f; rec;
def join($s): reduce .[] as $x (null; (if . == null then "" else . + $s end) + ($x | if . == null then "" elif isstring then . else tojson end) | _grown) // "";
def add(f): reduce f as $x (null; . + $x | _grown) | _whole;
def add: add(.[]);
def combinations: if length == 0 then [] else .[0][] as $x | (.[1:] | combinations) as $w | [$x] + $w | _step end;
def combinations($n): . as $dot | [range($n)] | map($dot) | combinations;
def ltrimstr($s): if isstring and ($s | isstring) then _ltrimstr($s) else . end;
def rtrimstr($s): if isstring and ($s | isstring) then _rtrimstr($s) else . end;
def leaf_paths: paths(. < []);
def @csv: if isarray then map(if isstring then "\"" + (split("\"") | join("\"\"")) + "\"" elif . == null then "" elif . < [] then tojson else error("not a cell") end) | join(",") else error("not an array") end;
def @tsv: if isarray then map(if isstring then (split("\\") | join("\\\\") | split("\t") | join("\\t") | split("\n") | join("\\n")) elif . == null then "" elif . < [] then tojson else error("not a cell") end) | join("\t") else error("not an array") end;
def _list: if . >= {} then error("an object has no numbers as keys") else . end;
def _list_or_nothing: if . >= {} then empty else . end;
"#;

fn failed(value: &Value) -> RenderError {
    RenderError::engine(format!(
        "Unable to parse jq value '{}' with type '{}'",
        value.host_text(),
        super::kinds::class_name(value)
    ))
}

/// Runs a program on a value. Text is read as JSON first, empty text as null.
pub(crate) fn run(machine: &mut Machine<'_, '_>, program: &str, input: &Value) -> Result<Vec<Value>, RenderError> {
    if program.len() > PROGRAM_BYTES_MAX {
        return Err(RenderError::limit(format!("a jq program is longer than {PROGRAM_BYTES_MAX} bytes")));
    }
    machine.env.spend(1_000 + program.len() as u64)?;
    let read = match input {
        Value::Text(text) if text.trim().is_empty() => Value::Null,
        Value::Text(text) => Value::from_json(text).map_err(|_| failed(input))?,
        other => Value::from_json(&other.to_json()).map_err(|_| failed(input))?,
    };
    bounds::start(machine.env.fuel());
    let outcome = catch_unwind(AssertUnwindSafe(|| outputs(program, &read, machine.env.now.as_millisecond())));
    let spent = machine.env.fuel() - bounds::left();
    machine.env.spend(spent)?;
    match outcome {
        Ok(Some(outputs)) => Ok(outputs),
        Ok(None) => Err(failed(input)),
        Err(payload) => match payload.downcast::<Exhausted>() {
            Ok(exhausted) => Err(RenderError::limit(exhausted.0)),
            Err(payload) => resume_unwind(payload),
        },
    }
}

fn outputs(program: &str, input: &Value, now_ms: i64) -> Option<Vec<Value>> {
    let arena = Arena::default();
    let now = format!("def now: {}.{:03};", now_ms.div_euclid(1000), now_ms.rem_euclid(1000));
    let now = jaq_core::load::parse(&now, |parser| parser.defs())?;
    let program = rewrite::definition(jaq_core::load::parse(program, |parser| parser.term())?)?;
    let loader = Loader::new(prelude().iter().cloned().chain(now).chain([program]));
    let modules = loader.load(&arena, File { code: "_main", path: () }).ok()?;
    let filter = jaq_core::Compiler::default().with_funs(natives()).compile(modules).ok()?;
    let ctx = Ctx::<Data>::new(&filter.lut, Vars::new([]));
    let mut outputs = Vec::new();
    for output in filter.id.run((ctx, convert::to_jaq(input))).map(unwrap_valr) {
        let output = output.ok()?;
        bounds::pay_size(&output);
        outputs.push(convert::from_jaq(&output));
    }
    Some(outputs)
}

/// jaq's definitions without those that are left out, and ours.
fn prelude() -> &'static [Def<&'static str>] {
    static PRELUDE: OnceLock<Vec<Def<&'static str>>> = OnceLock::new();
    PRELUDE.get_or_init(|| {
        let theirs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let mut all: Vec<_> = theirs.filter(|def| !LEFT_OUT.contains(&def.name)).collect();
        // Ours stand behind the ones that they use, and before the ones that use them.
        let ours = jaq_core::load::parse(DEFINITIONS, |parser| parser.defs()).unwrap_or_default();
        let place = all.iter().position(|def| def.name == "type").map_or(all.len(), |at| at + 1);
        let (late, early): (Vec<_>, Vec<_>) =
            ours.into_iter().partition(|def| def.name.starts_with('@') || def.name == "leaf_paths");
        all.splice(place..place, early);
        all.extend(late);
        all
    })
}

fn natives() -> impl Iterator<Item = native::Filter<Native<Data>>> {
    let theirs = jaq_core::funs::<Data>().chain(jaq_std::funs::<Data>()).chain(jaq_json::funs::<Data>());
    let kept = theirs.filter(|(name, _, _)| !LEFT_OUT.contains(name));
    let named = kept.map(|(name, args, native)| match name {
        "ltrimstr" => ("_ltrimstr", args, native),
        "rtrimstr" => ("_rtrimstr", args, native),
        _ => (name, args, native),
    });
    named.chain(bounds::natives())
}

#[cfg(test)]
mod tests {
    use super::super::{Env, NoSurroundings, NoVariables, Template};

    fn rendered(source: &str) -> Result<String, String> {
        let now = "2024-05-06T07:08:09Z".parse().unwrap();
        let mut env = Env::new(&NoSurroundings, now, 7).with_fuel(300_000);
        let template = Template::compile(source).map_err(|error| error.to_string())?;
        template.render(&NoVariables, &mut env).map_err(|error| error.kestra_text())
    }

    #[test]
    fn programs_answer_lists() {
        for (program, output) in [
            ("[range(5)] | add", "[10]"),
            ("[1,[2,{\"a\":3}]] | [.. | numbers]", "[[1,2,3]]"),
            ("[limit(3; repeat(1))]", "[[1,1,1]]"),
            ("1 | until(. > 100; . * 2)", "[128]"),
            ("[\"a\",\"b\"] | join(\"-\")", "[\"a-b\"]"),
            ("\"abc\" | test(\"b\")", "[true]"),
            ("now", "[1.714979289E9]"),
            ("[3,1,2] | sort | map(. * 10) | first", "[10]"),
            ("\"ab\" * 3", "[\"ababab\"]"),
            ("5.5 % 3, -5 % 3", "[2,-2]"),
            ("{a: 7} | .a %= 4 | .a /= 2 | .a", "[1.5]"),
            ("pow(2; 3), (4 | sqrt), (2 | sqrt | floor)", "[8,2,1]"),
            ("try (1 / 0) catch \"no\"", "[\"no\"]"),
            ("[1,\"a\\\"b\",null] | @csv", r#"["1,\"a\"\"b\","]"#),
            ("[1,\"a\\tb\"] | @tsv", r#"["1\ta\\tb"]"#),
            ("{\"a\":[1]} | [leaf_paths]", r#"[[["a",0]]]"#),
            ("[[1,2],[3,4]] | [combinations]", "[[[1,3],[1,4],[2,3],[2,4]]]"),
        ] {
            let source = format!("{{{{ 1 | jq('{program}') }}}}");
            assert_eq!(rendered(&source).as_deref(), Ok(output), "{program}");
        }
    }

    #[test]
    fn no_program_runs_without_end_or_grows_without_bound() {
        for program in [
            "repeat(1) | select(false)",
            "[repeat(1)?]",
            "until(false; .)",
            "[range(1e18)]",
            "last(range(infinite))",
            "[recurse(.)]",
            "def f: f; f",
            "def f(g): def h: g | h; h; f(.)",
            "reduce range(100) as $i ([1]; . + .)",
            "reduce range(100) as $i (\"x\"; . + .)",
            "reduce range(100) as $i (1; [., .]) | tojson",
            "reduce range(100000) as $i (1; [.])",
            "reduce range(100) as $i (\"\\\"\"; tojson)",
            "reduce range(64) as $i (10; . * .)",
            "\"x\" * 1000000000000",
            "[range(1000)] | .[] as $a | .[] as $b | .[] as $c | .[] as $d | select(false)",
            "[range(10)] | [combinations(12)] | length",
            "(1,2) as $a | (1,2) as $b | [range(100000)] | map([range(100000)]) | length",
            "[.[range(1e9)]?]",
            "null | .[100000000000] = 1",
        ] {
            let source = format!("{{{{ 1 | jq('{}') }}}}", program.replace('\'', "\\'"));
            assert!(rendered(&source).is_err(), "{program}: {:?}", rendered(&source));
        }
    }

    #[test]
    fn the_outside_is_not_there() {
        for program in ["env", "$ENV", "input", "inputs", "halt", "debug", "import \"x\" as x; 1", "include \"x\"; 1"] {
            let source = format!("{{{{ 1 | jq('{program}') }}}}");
            assert!(rendered(&source).is_err(), "{program}");
        }
    }
}
