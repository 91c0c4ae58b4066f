//! `max`, `min`, `range`.

use std::cmp::Ordering;

use super::super::call::Arguments;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::kinds::is_number;
use super::super::operators::{character_range, compare_numbers, range_numbers};
use super::super::value::Value;

type Outcome = Result<Value, RenderError>;

pub(super) fn max(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    best(args, Ordering::Greater, "GREATER_THAN")
}

pub(super) fn min(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    best(args, Ordering::Less, "LESS_THAN")
}

/// The first of the greatest or least arguments; null arguments are passed over.
fn best(args: &Arguments, wanted: Ordering, name: &str) -> Outcome {
    let mut best = Value::Null;
    for value in args.all().filter(|value| !value.is_null()) {
        if best.is_null() {
            best = value.clone();
            continue;
        }
        if !is_number(value) || !is_number(&best) {
            let message = format!("java.lang.RuntimeException: invalid operands for mathematical comparison [{name}]");
            return Err(RenderError::kind(message));
        }
        if compare_numbers(value, &best) == Some(wanted) {
            best = value.clone();
        }
    }
    Ok(best)
}

pub(super) fn range(_: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let (start, end) = (args.get("start"), args.get("end"));
    if let (Value::Text(from), Value::Text(to)) = (start, end) {
        return character_range(from, to);
    }
    let (Some(start), Some(end)) = (start.as_i64(), end.as_i64()) else {
        return Err(RenderError::engine("Arguments 'start' and 'end' must be of type Number or String"));
    };
    let step = match args.get("increment") {
        Value::Null => 1,
        other => {
            other.as_i64().ok_or_else(|| RenderError::engine("The argument 'increment' must be a whole number"))?
        }
    };
    Ok(Value::from(range_numbers(start, end, step)?.into_iter().map(Value::Long).collect::<Vec<_>>()))
}
