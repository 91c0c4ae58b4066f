//! Turns `disabled` and `draft` of a flow's text on and off, and leaves the rest of the text as it is.

use windhover_proto::{
    flow::Flow,
    problem::{Code, Problem},
};

/// What is switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    Disabled,
    Draft,
}

impl Switch {
    const fn name(self) -> &'static str {
        match self {
            Switch::Disabled => "disabled",
            Switch::Draft => "draft",
        }
    }

    const fn of(self, flow: &Flow) -> bool {
        match self {
            Switch::Disabled => flow.disabled,
            Switch::Draft => flow.draft,
        }
    }
}

/// Where a switch is to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    On,
    Off,
}

/// The text with the switch as wanted.
///
/// # Errors
/// When it cannot be found in the text, as in one line of braces: then it has to be written by hand.
pub(super) fn switched(source: &str, switch: Switch, to: To) -> Result<String, Problem> {
    let line = format!("{}: {}", switch.name(), to == To::On);
    let is_own = |given: &str| given.strip_prefix(switch.name()).is_some_and(|rest| rest.trim_start().starts_with(':'));
    let text = if source.lines().any(is_own) {
        let lines = source.lines().map(|given| if is_own(given) { line.as_str() } else { given });
        lines.collect::<Vec<_>>().join("\n")
    } else {
        format!("{}\n{line}", source.trim_end())
    };
    match Flow::parse(&text) {
        Ok(flow) if switch.of(&flow) == (to == To::On) => Ok(text),
        Ok(_) | Err(_) => {
            let detail =
                format!("`{}` cannot be set in the text of this flow by itself; deploy a text with it", switch.name());
            Err(Code::Unprocessable.because(detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str = "id: a\nnamespace: b\ntasks:\n  - id: t\n    type: io.kestra.plugin.core.debug.Return\n";

    #[test]
    fn a_switch_is_added_and_then_turned_where_it_stands() {
        let off = switched(FLOW, Switch::Disabled, To::On).unwrap();
        assert_eq!(off, format!("{}\ndisabled: true", FLOW.trim_end()));
        let on = switched(&off, Switch::Disabled, To::Off).unwrap();
        assert_eq!(on, format!("{}\ndisabled: false", FLOW.trim_end()));
        assert!(Flow::parse(&switched(&on, Switch::Draft, To::On).unwrap()).unwrap().draft);
    }

    #[test]
    fn a_text_in_braces_is_refused_rather_than_broken() {
        let braces = "{id: a, namespace: b, tasks: [{id: t, type: io.kestra.plugin.core.debug.Return}]}";
        assert!(Flow::parse(braces).is_ok());
        assert!(switched(braces, Switch::Disabled, To::On).is_err());
    }
}
