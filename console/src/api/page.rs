//! Pages of lists.

use serde::Serialize;
use windhover_proto::{
    api::{Parameter, Place},
    problem::{Code, Problem},
};

use super::parameters::Parameters;

/// Most entries on one page.
pub(super) const SIZE_MAX: usize = 1000;

/// The last page that can be asked for.
const PAGE_MAX: usize = 1_000_000;

/// Entries on a page when nothing is said.
const SIZE_DEFAULT: usize = 10;

/// One page, as every search answers it.
#[derive(Serialize)]
pub(super) struct Page<T> {
    pub(super) results: Vec<T>,
    pub(super) total: usize,
}

/// Which page is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// From 1.
    pub(super) page: usize,
    /// Entries on a page.
    pub(super) size: usize,
}

impl Wanted {
    pub(super) fn take(parameters: &mut Parameters) -> Result<Self, Problem> {
        let page = number("page", parameters.one("page")?, 1, PAGE_MAX)?;
        let size = number("size", parameters.one("size")?, SIZE_DEFAULT, SIZE_MAX)?;
        Ok(Self { page, size })
    }

    /// Entries before this page.
    pub(super) fn skipped(self) -> usize {
        (self.page - 1).saturating_mul(self.size)
    }

    /// Cuts the page out of a whole list.
    pub(super) fn of<T>(self, all: Vec<T>) -> Page<T> {
        let total = all.len();
        Page { results: all.into_iter().skip(self.skipped()).take(self.size).collect(), total }
    }
}

fn number(name: &str, given: Option<String>, default: usize, most: usize) -> Result<usize, Problem> {
    let Some(text) = given else { return Ok(default) };
    let bad = |what: &str| Code::Unprocessable.because(format!("`{name}` is `{text}`, but {what}"));
    match text.parse::<i64>().map(usize::try_from) {
        Ok(Ok(number)) if (1..=most).contains(&number) => Ok(number),
        Ok(Ok(0) | Err(_)) => Err(bad("must be greater than or equal to 1")),
        Ok(Ok(_)) => Err(bad(&format!("must be less than or equal to {most}"))),
        Err(_) => Err(bad("must be a number")),
    }
}

/// `page`
pub(super) const PAGE: Parameter = Parameter {
    name: "page",
    place: Place::Query,
    schema: r#"{"type": "integer", "minimum": 1, "maximum": 1000000, "default": 1}"#,
    about: "The page, from 1.",
};

/// `size`
pub(super) const SIZE: Parameter = Parameter {
    name: "size",
    place: Place::Query,
    schema: r#"{"type": "integer", "minimum": 1, "maximum": 1000, "default": 10}"#,
    about: "Entries on a page.",
};
