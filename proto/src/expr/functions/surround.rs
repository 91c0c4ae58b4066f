//! Functions that ask the surroundings: secrets, key-value pairs, environment.

use super::super::call::Arguments;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::value::Value;
use crate::seal::MASK;
use crate::sight::Sight;

type Outcome = Result<Value, RenderError>;

/// A required argument that must be text.
pub(super) fn required_text<'a>(args: &'a Arguments, name: &str, function: &str) -> Result<&'a str, RenderError> {
    args.text(name)?
        .ok_or_else(|| RenderError::engine(format!("The '{function}' function expects an argument '{name}'.")))
}

/// The namespace of the flow that is being rendered.
pub(super) fn own_namespace(machine: &Machine<'_, '_>) -> Result<String, RenderError> {
    let flow = machine.variables.get("flow");
    let namespace = flow.as_ref().and_then(|flow| flow.get("namespace")).and_then(Value::as_text);
    namespace.map(str::to_owned).ok_or_else(|| RenderError::kind("there is no variable `flow.namespace` to look in"))
}

/// The given namespace, or the flow's.
fn namespace(machine: &Machine<'_, '_>, args: &Arguments) -> Result<String, RenderError> {
    match args.text("namespace")? {
        Some(namespace) => Ok(namespace.to_owned()),
        None => own_namespace(machine),
    }
}

pub(super) fn secret(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let key = required_text(args, "key", "secret")?;
    let namespace = namespace(machine, args)?;
    let found = machine.env.surroundings.secret(&namespace, &key.to_uppercase());
    let Some(secret) = found else {
        return Err(RenderError::kind(format!("Cannot find secret for key '{key}'.")));
    };
    let value = match args.text("subkey")? {
        None => secret,
        // The failure may quote the secret.
        Some(subkey) => below(&secret, subkey, machine.env.sight).inspect_err(|_| machine.env.note_secret(&secret))?,
    };
    let value = seen(machine, value);
    if args.get("full").verdict() {
        return Ok(Value::map([("value", Value::from(value))]));
    }
    Ok(Value::from(value))
}

/// The secret, noted as read; without sight a mask.
fn seen(machine: &mut Machine<'_, '_>, secret: String) -> String {
    match machine.env.sight {
        Sight::Opened => {
            machine.env.note_secret(&secret);
            secret
        }
        Sight::Masked => MASK.to_owned(),
    }
}

fn below(secret: &str, subkey: &str, sight: Sight) -> Result<String, RenderError> {
    let parsed = Value::from_json(secret).map_err(|error| {
        let cause = match sight {
            Sight::Opened => error.to_string(),
            Sight::Masked => MASK.to_owned(),
        };
        RenderError::engine(format!("Failed to read the secret as JSON for the subkey '{subkey}': {cause}"))
    })?;
    match parsed.get(subkey) {
        Some(Value::Text(text)) => Ok(text.to_string()),
        Some(other) => Ok(other.to_json()),
        None => Err(RenderError::engine(format!("Cannot find secret sub-key '{subkey}'."))),
    }
}

pub(super) fn kv(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let key = required_text(args, "key", "kv")?;
    let error_on_missing = match args.get("errorOnMissing") {
        Value::Null => true,
        other => other.verdict(),
    };
    let given = args.text("namespace")?;
    let namespace = match given {
        Some(namespace) => namespace.to_owned(),
        None => own_namespace(machine)?,
    };
    // Without a given namespace, its parents are asked too.
    let mut asked = namespace.as_str();
    loop {
        if let Some(value) = machine.env.surroundings.kv(asked, key) {
            return Ok(value);
        }
        match asked.rsplit_once('.') {
            Some((parent, _)) if given.is_none() => asked = parent,
            _ => break,
        }
    }
    if error_on_missing {
        return Err(RenderError::engine(format!("The key '{key}' does not exist in the namespace '{namespace}'.")));
    }
    Ok(Value::Null)
}

pub(super) fn env(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    if args.given("name").is_none() {
        return Err(RenderError::engine("The 'env' function expects an argument 'name'."));
    }
    let found = args.text("name")?.and_then(|name| machine.env.surroundings.environment(name));
    Ok(found.map_or_else(|| args.get("default").clone(), Value::from))
}
