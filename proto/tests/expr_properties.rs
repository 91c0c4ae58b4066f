//! Claims about expressions that hold for all inputs.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use proptest::prelude::*;
use windhover_proto::expr::{Env, Map, NoSurroundings, NoVariables, Template, Value};

/// JSON values with all kinds of numbers and texts.
fn json_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|truth| truth.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?",
        any::<String>().prop_map(|text| Value::from(text).to_json()),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|members| format!("[{}]", members.join(","))),
            prop::collection::vec((any::<String>(), inner), 0..6).prop_map(|entries| {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| format!("{}:{value}", Value::from(key.as_str()).to_json()))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

/// Expressions over the variables `n`, `d`, `s`, `l`, `m`, most of which make sense.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("n"),
        Just("d"),
        Just("s"),
        Just("l"),
        Just("m"),
        Just("nope"),
        Just("m.a"),
        Just("l[0]"),
        Just("1"),
        Just("2.5"),
        Just("'x'"),
        Just("\"a#{n}\""),
        Just("null"),
        Just("true"),
        Just("[1, 'b']"),
        Just("{'k': 1}"),
    ]
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "~", "==", "!=", "<", ">=", "and", "or", "??", "???", "contains", "isIn", "..",
        ]);
        let filter = prop::sample::select(vec![
            "upper",
            "length",
            "toJson",
            "first",
            "default('z')",
            "join('-')",
            "yaml",
            "toIon",
            "sha256",
            "string",
            "className",
            "slugify",
            "keys",
            "sort",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            (inner.clone(), filter).prop_map(|(input, filter)| format!("({input} | {filter})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(test, yes, no)| format!("({test} ? {yes} : {no})")),
            inner.clone().prop_map(|operand| format!("(not {operand})")),
            inner.prop_map(|operand| format!("(-{operand})")),
        ]
    })
}

fn variables() -> Map {
    let json = r#"{"n":7,"d":1.5,"s":"hello","l":[3,1,2],"m":{"a":1,"b":null}}"#;
    match Value::from_json(json).unwrap() {
        Value::Map(map) => (*map).clone(),
        _ => unreachable!("the text is a map"),
    }
}

fn rendered(source: &str) -> Result<String, String> {
    let template = Template::compile(source).map_err(|error| error.to_string())?;
    let mut env = Env::new(&NoSurroundings, "2024-05-06T07:08:09Z".parse().unwrap(), 3).with_fuel(500_000);
    template.render(&variables(), &mut env).map_err(|error| error.to_string())
}

proptest! {
    #[test]
    fn what_json_says_is_what_json_prints(text in json_value()) {
        let value = Value::from_json(&text).unwrap();
        let printed = value.to_json();
        let again = Value::from_json(&printed).unwrap();
        prop_assert_eq!(again.to_json(), printed);
    }

    #[test]
    fn a_value_comes_back_from_an_event(text in json_value()) {
        let value = Value::from_json(&text).unwrap();
        let stored = serde_json::to_string(&value).unwrap();
        let back: Value = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(back.to_json(), value.to_json());
    }

    #[test]
    fn any_text_compiles_or_is_refused(text in any::<String>()) {
        let _ = Template::compile(&text);
        let _ = Template::compile(&format!("{{{{ {text} }}}}"));
    }

    #[test]
    fn a_text_without_delimiters_renders_to_itself(text in "[^{]*") {
        let mut env = Env::new(&NoSurroundings, "2024-05-06T07:08:09Z".parse().unwrap(), 3);
        prop_assert_eq!(Template::compile(&text).unwrap().render(&NoVariables, &mut env).unwrap(), text);
    }

    #[test]
    fn a_pure_expression_renders_the_same_twice(expression in expression()) {
        let source = format!("{{{{ {expression} }}}}");
        prop_assert_eq!(rendered(&source), rendered(&source));
    }

    /// Printing the tree with all brackets, reading it and printing it again gives the same text and the same answer.
    #[test]
    fn parse_print_parse_is_stable(expression in expression()) {
        let source = format!("{{{{ {expression} }}}}");
        let Ok(template) = Template::compile(&source) else { return Ok(()) };
        let printed = template.canonical();
        let again = Template::compile(&printed).unwrap();
        prop_assert_eq!(again.canonical(), printed.clone());
        let kind = |outcome: Result<String, String>| outcome.map_err(|_| "failed");
        prop_assert_eq!(kind(rendered(&printed)), kind(rendered(&source)));
    }
}
