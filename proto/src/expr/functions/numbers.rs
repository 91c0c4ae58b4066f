//! `max`, `min`, `range`.

use std::cmp::Ordering;

use super::super::call::Arguments;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::kinds::is_number;
use super::super::operators::{character_range, compare_numbers, range_numbers, whole};
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
    let step = match args.get("increment") {
        Value::Null => 1,
        other => whole(other).ok_or_else(|| {
            RenderError::engine(format!("The increment of the range function must be a number {}", other.host_text()))
        })?,
    };
    if let (Value::Text(from), Value::Text(to)) = (start, end) {
        return character_range(from, to, step);
    }
    let (Some(start), Some(end)) = (whole(start), whole(end)) else {
        return Err(RenderError::engine("Arguments 'start' and 'end' must be of type Number or String"));
    };
    Ok(Value::from(range_numbers(start, end, step)?.into_iter().map(Value::Long).collect::<Vec<_>>()))
}
