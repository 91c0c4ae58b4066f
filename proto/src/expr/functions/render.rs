//! `render` and `renderOnce`: templates held in variables.

use super::super::call::Arguments;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::limits::RENDER_DEPTH_MAX;
use super::super::map::Map;
use super::super::surroundings::Variables;
use super::super::template::Template;
use super::super::value::Value;

type Outcome = Result<Value, RenderError>;

/// Most times that a text is rendered again by `render`, however often it changes (Kestra's limit).
const PASSES_MAX: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Passes {
    Once,
    UntilStable,
}

pub(super) fn render(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let passes = match args.get("recursive") {
        Value::Null => Passes::UntilStable,
        Value::Bool(false) => Passes::Once,
        Value::Bool(true) => Passes::UntilStable,
        other => return Err(super::super::kinds::cast(other, "java.lang.Boolean")),
    };
    rendered(machine, args, passes)
}

pub(super) fn render_once(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    rendered(machine, args, Passes::Once)
}

fn rendered(machine: &mut Machine<'_, '_>, args: &Arguments, passes: Passes) -> Outcome {
    let Some(value) = args.given("toRender") else {
        return Err(RenderError::engine("The 'render' function expects an argument 'toRender'."));
    };
    if machine.env.render_depth >= RENDER_DEPTH_MAX {
        return Err(RenderError::limit(format!("render() calls itself deeper than {RENDER_DEPTH_MAX} levels")));
    }
    machine.env.render_depth += 1;
    let outcome = each(machine, value, passes);
    machine.env.render_depth -= 1;
    outcome
}

/// Texts of lists and maps are rendered, keys too.
fn each(machine: &mut Machine<'_, '_>, value: &Value, passes: Passes) -> Outcome {
    match value {
        Value::Text(text) => Ok(Value::from(text_of(machine, text, passes)?)),
        Value::List(list) => {
            let members = list.iter().map(|member| each(machine, member, passes));
            Ok(Value::from(members.collect::<Result<Vec<_>, _>>()?))
        }
        Value::Map(map) => {
            let mut rendered = Map::with_capacity(map.len());
            for (key, member) in map.iter() {
                let key = text_of(machine, key, passes)?;
                rendered.insert(key, each(machine, member, passes)?);
            }
            Ok(Value::from(rendered))
        }
        other => Ok(other.clone()),
    }
}

/// The variables of the caller, and those that the template has set itself.
struct WithOwn<'v> {
    outer: &'v dyn Variables,
    own: Map,
}

impl Variables for WithOwn<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        self.own.get(name).cloned().or_else(|| self.outer.get(name))
    }

    fn names(&self) -> Vec<String> {
        self.own.keys().map(|key| key.to_string()).chain(self.outer.names()).collect()
    }
}

fn text_of(machine: &mut Machine<'_, '_>, text: &str, passes: Passes) -> Result<String, RenderError> {
    let variables = WithOwn { outer: machine.variables, own: machine.scopes.visible() };
    let mut current = text.to_owned();
    for _ in 0..PASSES_MAX {
        if !current.contains('{') {
            break;
        }
        let template = Template::compile(&current).map_err(|error| RenderError::syntax(&current, &error).nested())?;
        let next = template.render(&variables, machine.env).map_err(RenderError::nested)?;
        let has_raw = current.contains("raw");
        let stable = next == current;
        current = next;
        if stable || passes == Passes::Once || has_raw {
            break;
        }
    }
    Ok(current)
}
