//! What a jq program pays, and how it is stopped.
//!
//! jaq's native functions are plain function pointers, so the fuel of the running program lives in a thread-local cell that
//! [`start`] fills. A program that runs out is unwound, because an error could be caught by the program's own `try`.

use std::cell::Cell;
use std::panic::resume_unwind;

use jaq_core::native::{Filter, bome, run, v};
use jaq_core::{Native, RunPtr};
use jaq_json::{Error, Num, Val};

use super::Data;
use crate::expr::json::JSON_DEPTH_MAX;
use crate::expr::limits::{BYTES_PER_STEP, FUEL_MAX, MEMBERS_MAX, OUTPUT_BYTES_MAX};

thread_local! {
    static FUEL: Cell<u64> = const { Cell::new(0) };
}

/// The reason why a program was stopped.
pub(super) struct Exhausted(pub(super) String);

/// Grants fuel to the program that is about to run.
pub(super) fn start(fuel: u64) {
    FUEL.with(|cell| cell.set(fuel));
}

/// What is left of it.
pub(super) fn left() -> u64 {
    FUEL.with(Cell::get)
}

fn stop(reason: String) -> ! {
    resume_unwind(Box::new(Exhausted(reason)))
}

/// One step of a jq program costs as much as this many of an expression.
const STEP_COST: u64 = 10;

pub(super) fn pay(steps: u64) {
    match left().checked_sub(steps * STEP_COST) {
        Some(left) => FUEL.with(|cell| cell.set(left)),
        None => {
            start(0);
            stop(format!("the jq program took more than {} steps", FUEL_MAX / STEP_COST))
        }
    }
}

fn pay_bytes(bytes: usize) {
    if bytes > OUTPUT_BYTES_MAX {
        stop(format!("a text of the jq program is longer than {OUTPUT_BYTES_MAX} bytes"));
    }
    pay(1 + (bytes / BYTES_PER_STEP) as u64);
}

/// Pays for a value without looking into its members.
fn pay_length(value: &Val) {
    match value {
        Val::Null | Val::Bool(_) => pay(1),
        Val::Num(Num::BigInt(number)) => pay_bytes(number.bits() as usize / 8),
        Val::Num(_) => pay(1),
        Val::BStr(bytes) | Val::TStr(bytes) => pay_bytes(bytes.len()),
        Val::Arr(members) => pay_members(members.len()),
        Val::Obj(entries) => pay_members(entries.len()),
    }
}

fn pay_members(count: usize) {
    if count > MEMBERS_MAX {
        stop(format!("a list or map of the jq program has more than {MEMBERS_MAX} members"));
    }
    pay(1 + count as u64 / 16);
}

/// Pays for a value and everything in it, which must not be nested too deeply.
pub(super) fn pay_size(value: &Val) {
    pay_level(value, 0);
}

fn pay_level(value: &Val, depth: usize) {
    pay_length(value);
    if depth > JSON_DEPTH_MAX {
        stop(format!("a value of the jq program is nested deeper than {JSON_DEPTH_MAX} levels"));
    }
    match value {
        Val::Arr(members) => members.iter().for_each(|member| pay_level(member, depth + 1)),
        Val::Obj(entries) => entries.iter().for_each(|(key, member)| {
            pay_length(key);
            pay_level(member, depth + 1);
        }),
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => {}
    }
}

/// The size of a product of text and number is known before it is made.
fn pay_product(left: &Val, right: &Val) {
    let bytes = match (left, right) {
        (Val::TStr(text) | Val::BStr(text), Val::Num(number))
        | (Val::Num(number), Val::TStr(text) | Val::BStr(text)) => {
            let times = match number {
                Num::Int(times) => *times as f64,
                Num::Float(times) => *times,
                Num::BigInt(_) | Num::Dec(_) => f64::INFINITY,
            };
            text.len() as f64 * times.max(0.0)
        }
        _ => 0.0,
    };
    pay_bytes(if bytes < 1e18 { bytes as usize } else { usize::MAX });
}

/// An index that makes a list longer must not make it too long.
fn pay_index(index: &Val) {
    if let Val::Num(Num::Int(place)) = index
        && place.unsigned_abs() > MEMBERS_MAX
    {
        stop(format!("an index of the jq program is beyond {MEMBERS_MAX}"));
    }
    pay(1);
}

/// Largest whole number that every 64-bit float below it can tell from its neighbours.
const WHOLE_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

/// A float without decimals as a whole number.
fn whole(value: Val) -> Val {
    match value {
        Val::Num(Num::Float(number)) if number.fract() == 0.0 && number.abs() < WHOLE_FLOAT_MAX => {
            Val::Num(Num::Int(number as isize))
        }
        other => other,
    }
}

/// `left / right`, which nothing divides by zero.
fn quotient(left: Val, right: Val) -> Result<Val, Error> {
    match &right {
        Val::Num(number) if is_zero(number) => Err(Error::str("division by zero")),
        _ => left / right,
    }
}

/// `left % right` of the numbers without their decimals.
fn remainder(left: Val, right: Val) -> Result<Val, Error> {
    cut(left) % cut(right)
}

/// The float of a number that is written with a point.
fn float(number: &Num) -> Option<f64> {
    match number {
        Num::Float(float) => Some(*float),
        Num::Dec(digits) => digits.parse().ok(),
        Num::Int(_) | Num::BigInt(_) => None,
    }
}

fn is_zero(number: &Num) -> bool {
    matches!(number, Num::Int(0)) || float(number) == Some(0.0)
}

fn cut(value: Val) -> Val {
    let Val::Num(number) = &value else { return value };
    match float(number) {
        Some(float) if float.abs() < WHOLE_FLOAT_MAX => Val::Num(Num::Int(float as isize)),
        _ => value,
    }
}

/// The functions that the definitions and the rewritten terms call; each answers true or stops the program.
pub(super) fn natives() -> impl Iterator<Item = Filter<Native<Data>>> {
    let plain: [Filter<RunPtr<Data>>; 8] = [
        ("_pay", v(0), |_| {
            pay(1);
            bome(Ok(Val::Bool(true)))
        }),
        ("_pay_length", v(0), |cv| {
            pay_length(&cv.1);
            bome(Ok(Val::Bool(true)))
        }),
        ("_pay_size", v(0), |cv| {
            pay_size(&cv.1);
            bome(Ok(Val::Bool(true)))
        }),
        ("_pay_index", v(0), |cv| {
            pay_index(&cv.1);
            bome(Ok(Val::Bool(true)))
        }),
        ("_whole", v(0), |cv| bome(Ok(whole(cv.1)))),
        ("_product", v(2), |mut cv| {
            let right = cv.0.pop_var();
            let left = cv.0.pop_var();
            pay_product(&left, &right);
            bome(left * right)
        }),
        ("_quotient", v(2), |mut cv| {
            let right = cv.0.pop_var();
            let left = cv.0.pop_var();
            bome(quotient(left, right))
        }),
        ("_remainder", v(2), |mut cv| {
            let right = cv.0.pop_var();
            let left = cv.0.pop_var();
            bome(remainder(left, right))
        }),
    ];
    plain.into_iter().map(|filter| run::<Data>(filter))
}
