//! The functions: `name(arguments)`. One table lists them all; each file holds the functions of one idea.

mod document;
mod execution;
mod files;
mod numbers;
mod random;
mod render;
mod surround;

use super::call::Arguments;
use super::dates::calendar;
use super::error::RenderError;
use super::eval::Machine;
use super::value::Value;

/// What a function answers.
pub(crate) type Run = fn(&mut Machine<'_, '_>, &Arguments) -> Result<Value, RenderError>;

/// A function with its arguments in positional order; `None` means that arguments are not looked at by name.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) params: Option<&'static [&'static str]>,
    pub(crate) run: Run,
}

const fn plain(name: &'static str, run: Run) -> Function {
    Function { name, params: None, run }
}

const fn with(name: &'static str, params: &'static [&'static str], run: Run) -> Function {
    Function { name, params: Some(params), run }
}

/// Every function, by name.
static FUNCTIONS: &[Function] = &[
    with("env", &["name", "default"], surround::env),
    with("http", &["uri", "method", "query", "body", "contentType", "headers", "options", "accept"], refused),
    with("kv", &["key", "namespace", "errorOnMissing"], surround::kv),
    plain("max", numbers::max),
    plain("min", numbers::min),
    with("range", &["start", "end", "increment"], numbers::range),
    with("secret", &["key", "namespace", "subkey", "full"], surround::secret),
    with("subflow", &["namespace", "id", "inputs", "revision", "labels", "timeout"], refused),
    with("dayOfMonth", &["date"], calendar::day_of_month),
    with("dayOfWeek", &["date"], calendar::day_of_week),
    with("hourOfDay", &["date"], calendar::hour_of_day),
    with("isDayWeekInMonth", &["date", "dayOfWeek", "position"], calendar::is_day_week_in_month),
    with("isLastWorkingDay", &["date", "workingDays"], calendar::is_last_working_day),
    with("isPublicHoliday", &["date", "countryCode", "subDivision"], calendar::is_public_holiday),
    with("isWeekend", &["date"], calendar::is_weekend),
    with("monthOfYear", &["date"], calendar::month_of_year),
    with("now", &["format", "timeZone", "existingFormat", "locale"], super::filters::dates::now),
    // Gone in 2.0, kept for flows written for 1.x.
    with("currentEachOutput", &["outputs"], execution::current_each_output),
    with("decrypt", &["key", "encrypted"], random::decrypt),
    with("encrypt", &["key", "plaintext"], random::encrypt),
    plain("errorLogs", execution::error_logs),
    plain("fetchContext", execution::print_context),
    with("fileExists", &["path", "namespace"], files::exists),
    with("fileSize", &["path", "namespace"], files::size),
    with("fileURI", &["path", "namespace", "revision"], files::uri),
    with("fromIon", &["ion", "allRows"], document::from_ion),
    with("fromJson", &["json"], document::from_json),
    with("i18n", &["bundle", "key", "params"], execution::i18n),
    plain("id", random::id),
    with("isFileEmpty", &["path", "namespace"], files::is_empty),
    with("json", &["json"], document::from_json),
    plain("ksuid", random::ksuid),
    with("loopOutputs", &["outputs", "name"], execution::loop_outputs),
    with("nanoId", &["length", "alphabet"], random::nano_id),
    plain("printContext", execution::print_context),
    with("randomInt", &["lower", "upper"], random::random_int),
    plain("randomPort", random::random_port),
    with("read", &["path", "namespace", "revision"], files::read),
    with("render", &["toRender", "recursive"], render::render),
    with("renderOnce", &["toRender"], render::render_once),
    with("tasksWithState", &["state"], execution::tasks_with_state),
    plain("uuid", random::uuid),
    with("yaml", &["yaml"], document::from_yaml),
];

/// The function of this name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// The names of all functions.
pub(crate) fn names<'a>() -> impl Iterator<Item = &'a str> {
    FUNCTIONS.iter().map(|function| function.name)
}

/// Why a function is refused at deployment.
pub(crate) fn refusal(name: &str) -> Option<&'static str> {
    match name {
        "http" => Some(
            "the function `http` is not available in expressions: rendering must give the same answer on every replay; \
             use a task of type io.kestra.plugin.core.http.Request and read its outputs",
        ),
        "subflow" => Some(
            "the function `subflow` is not available in expressions: rendering must not start executions; \
             use a task of type io.kestra.plugin.core.flow.Subflow and read its outputs",
        ),
        _ => None,
    }
}

fn refused(_: &mut Machine<'_, '_>, _: &Arguments) -> Result<Value, RenderError> {
    Err(RenderError::engine("this function is not available in expressions"))
}
