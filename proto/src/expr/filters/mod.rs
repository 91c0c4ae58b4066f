//! The filters: `input | filter(arguments)`. One table lists them all; each file holds the filters of one idea.

mod collection;
pub(crate) mod dates;
mod encode;
pub(crate) mod number;
mod order;
mod pattern;
mod replace;
mod text;

use super::call::Arguments;
use super::error::RenderError;
use super::eval::Machine;
use super::value::Value;

/// What a filter is applied to.
pub(crate) enum Input {
    Present(Value),
    /// A missing variable, which only `default` accepts.
    Missing,
}

/// What a filter does with its input.
pub(crate) type Run = fn(&mut Machine<'_, '_>, &Value, &Arguments) -> Result<Value, RenderError>;

/// A filter with its arguments in positional order; `None` means that arguments are not looked at by name.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) name: &'static str,
    pub(crate) params: Option<&'static [&'static str]>,
    pub(crate) run: Run,
}

impl Filter {
    /// Whether a missing input is taken for null.
    pub(crate) fn accepts_missing(&self) -> bool {
        self.name == "default"
    }
}

const fn plain(name: &'static str, run: Run) -> Filter {
    Filter { name, params: None, run }
}

const fn with(name: &'static str, params: &'static [&'static str], run: Run) -> Filter {
    Filter { name, params: Some(params), run }
}

/// Every filter, by name.
static FILTERS: &[Filter] = &[
    with("abbreviate", &["length"], text::abbreviate),
    plain("abs", order::abs),
    plain("base64decode", encode::base64decode),
    plain("base64encode", encode::base64encode),
    plain("capitalize", text::capitalize),
    with("chunk", &["size"], collection::chunk),
    plain("className", text::class_name),
    with("default", &["default"], collection::default),
    plain("distinct", collection::distinct),
    with("endsWith", &["value"], text::ends_with),
    with("escapeChar", &["type"], replace::escape_char),
    plain("first", collection::first),
    plain("flatten", collection::flatten),
    with("indent", &["amount", "prefix"], text::indent),
    with("join", &["separator"], collection::join),
    // Gone in 2.0, kept for flows written for 1.x.
    plain("json", encode::to_json),
    plain("keys", collection::keys),
    plain("last", collection::last),
    plain("length", collection::length),
    plain("lower", text::lower),
    plain("md5", encode::md5),
    with("merge", &["items"], collection::merge),
    with("nindent", &["amount", "prefix"], text::nindent),
    plain("nl2br", text::nl2br),
    with("regexExtract", &["regex", "group"], pattern::extract),
    with("regexMatch", &["regex"], pattern::matches),
    with("regexReplace", &["regex", "replacement"], pattern::replace),
    with("replace", &["replace_pairs", "regexp"], replace::replace),
    plain("reverse", order::reverse),
    plain("rsort", order::rsort),
    plain("sha1", encode::sha1),
    plain("sha256", encode::sha256),
    plain("sha512", encode::sha512),
    with("slice", &["fromIndex", "toIndex"], collection::slice),
    with("slugify", &["format", "timeZone", "existingFormat", "locale"], text::slugify),
    plain("sort", order::sort),
    with("split", &["delimiter", "limit"], pattern::split),
    with("startsWith", &["value"], text::starts_with),
    plain("string", text::string),
    with("substringAfter", &["separator"], text::substring_after),
    with("substringAfterLast", &["separator"], text::substring_after_last),
    with("substringBefore", &["separator"], text::substring_before),
    with("substringBeforeLast", &["separator"], text::substring_before_last),
    plain("title", text::title),
    plain("toJson", encode::to_json),
    plain("trim", text::trim),
    plain("upper", text::upper),
    plain("urldecode", encode::urldecode),
    plain("urlencode", encode::urlencode),
    plain("values", collection::values),
    with("date", &["format", "timeZone", "existingFormat", "locale"], dates::date),
    with("dateAdd", &["amount", "unit", "format", "timeZone", "existingFormat", "locale"], dates::date_add),
    with("timestamp", &["timeZone", "existingFormat"], dates::timestamp),
    with("timestampMilli", &["timeZone", "existingFormat"], dates::timestamp_milli),
    with("timestampMicro", &["timeZone", "existingFormat"], dates::timestamp_micro),
    with("timestampNano", &["timeZone", "existingFormat"], dates::timestamp_nano),
    plain("format", number::format),
    with("number", &["type"], number::number),
    with("numberFormat", &["format"], number::number_format),
    plain("toIon", encode::to_ion),
    plain("yaml", encode::yaml),
    with("jq", &["expression"], encode::jq),
];

/// The filter of this name.
pub(crate) fn find(name: &str) -> Option<&'static Filter> {
    FILTERS.iter().find(|filter| filter.name == name)
}

/// The names of all filters.
pub(crate) fn names<'a>() -> impl Iterator<Item = &'a str> {
    FILTERS.iter().map(|filter| filter.name)
}
