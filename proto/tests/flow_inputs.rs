//! From what a caller gives to what a flow sees as `inputs`. Texts and values are those of a recorded Kestra, but for what
//! `docs/compatibility.md` lists: all bad inputs are reported, not the first only, and a BOOL is true or false.

#![expect(clippy::unwrap_used, reason = "a broken fixture should stop the test")]

use windhover_proto::{
    expr::{Map, Templated, Value},
    flow::{Flow, InputError, ResolvedInputs, resolve_inputs},
};

/// Renders what needs no engine: texts without expressions, and `{{ inputs.x }}` with text around it.
fn render(templated: &Templated, inputs: &Map) -> Result<Value, String> {
    match templated {
        Templated::Plain(value) => Ok(value.clone()),
        Templated::List(members) => {
            Ok(Value::list(members.iter().map(|member| render(member, inputs)).collect::<Result<Vec<_>, _>>()?))
        }
        Templated::Map(entries) => {
            let entry = |(key, value): &(_, _)| Ok((text(key), render(value, inputs)?));
            Ok(Value::map(entries.iter().map(entry).collect::<Result<Vec<_>, String>>()?))
        }
        Templated::Text(template) => {
            let source = template.source();
            let Some((before, rest)) = source.split_once("{{ inputs.") else { return Ok(Value::text(source)) };
            let (name, after) = rest.split_once(" }}").unwrap();
            let value = inputs.get(name).ok_or_else(|| format!("Unable to find `{name}`"))?;
            Ok(Value::text(format!("{before}{}{after}", value.print())))
        }
    }
}

fn text(template: &windhover_proto::expr::Template) -> String {
    template.source().to_owned()
}

fn resolve(inputs: &str, given: &str) -> Result<ResolvedInputs, Vec<InputError>> {
    let source = format!(
        "id: f\nnamespace: a\ninputs:\n{inputs}\ntasks:\n  - id: t\n    type: io.kestra.plugin.core.log.Log\n    message: x\n"
    );
    let flow = Flow::parse(&source).unwrap();
    let given = Value::from_json(given).unwrap();
    resolve_inputs(&flow.inputs, given.as_map().unwrap(), &mut |tree, _, inputs| render(tree, inputs))
}

fn values(inputs: &str, given: &str) -> String {
    Value::from(resolve(inputs, given).unwrap().values).to_json()
}

fn faults(inputs: &str, given: &str) -> Vec<String> {
    resolve(inputs, given).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn values_become_what_their_type_says() {
    for (kind, given, kept) in [
        ("STRING", r#""é""#, r#""é""#),
        ("STRING", "12", r#""12""#),
        ("STRING", r#"{"a":1}"#, r#""{a=1}""#),
        ("INT", r#""6""#, "6"),
        ("INT", "5", "5"),
        ("FLOAT", r#""1.50""#, "1.5"),
        ("BOOL", r#""TRUE""#, "true"),
        ("BOOLEAN", "false", "false"),
        ("DATE", r#""2024-02-29""#, r#""2024-02-29""#),
        ("TIME", r#""03:04""#, r#""03:04:00""#),
        ("DATETIME", r#""2024-02-29T10:00:00Z""#, r#""2024-02-29T10:00:00Z""#),
        ("DURATION", r#""PT5M""#, r#""PT5M""#),
        ("JSON", r#""[1]""#, "[1]"),
        ("JSON", r#""\"text\"""#, r#""text""#),
        ("JSON", r#"{"k":[1]}"#, r#"{"k":[1]}"#),
        ("YAML", r#""a: [1, yes]""#, r#"{"a":[1,true]}"#),
        ("URI", r#""https://example.com/a?b=c""#, r#""https://example.com/a?b=c""#),
        ("EMAIL", r#""a@b""#, r#""a@b""#),
        ("ARRAY\n    itemType: INT", r#""[1, 2]""#, "[1,2]"),
        ("SELECT\n    values: [red, green]", r#""red""#, r#""red""#),
        ("MULTISELECT\n    values: [x, y, z]", r#""[\"x\",\"z\"]""#, r#"["x","z"]"#),
        ("SELECT\n    values: [p, q]\n    autoSelectFirst: true", "null", r#""p""#),
    ] {
        let input = format!("  - id: x\n    type: {kind}");
        assert_eq!(values(&input, &format!(r#"{{"x":{given}}}"#)), format!(r#"{{"x":{kept}}}"#), "{kind} of {given}");
    }
}

#[test]
fn refusals_use_kestras_words() {
    for (kind, given, cause) in [
        ("STRING\n    validator: \"[a-z]+\"", r#""Abc""#, "it must match the pattern `[a-z]+`"),
        ("INT", r#""1.5""#, "Cannot convert value '1.5' to Integer"),
        ("INT", "3000000000", "Cannot convert value '3000000000' to Integer"),
        ("INT\n    min: 10", r#""5""#, "it must be more than `10`"),
        ("INT\n    max: 3", r#""5""#, "it must be less than `3`"),
        ("FLOAT", r#""x""#, "Cannot convert value 'x' to Float"),
        ("FLOAT\n    min: 2", r#""1.5""#, "it must be more than `2.0`"),
        ("FLOAT\n    max: 1", r#""1.5""#, "it must be less than `1.0`"),
        ("BOOL", r#""maybe""#, "Cannot convert value 'maybe' to Boolean"),
        ("DATE", r#""02/01/2026""#, "Cannot convert value '02/01/2026' to LocalDate"),
        ("DATETIME", r#""2026-01-02""#, "Cannot convert value '2026-01-02' to Instant"),
        ("DATETIME", r#""2026-01-02T03:04:05""#, "Cannot convert value '2026-01-02T03:04:05' to Instant"),
        ("TIME", r#""25:00""#, "Cannot convert value '25:00' to LocalTime"),
        ("TIME\n    before: \"02:00:00\"", r#""03:04:05""#, "it must be before `02:00`"),
        ("DURATION", r#""1h""#, "Cannot convert value '1h' to Duration"),
        ("DURATION\n    max: PT10M", r#""PT1H""#, "It must be less than `PT10M`"),
        ("DURATION\n    min: PT10M", r#""PT1M""#, "It must be more than `PT10M`"),
        ("ARRAY\n    itemType: INT", r#""[1,\"x\"]""#, "Unable to parse array element as `INT` on `x`"),
        ("SELECT\n    values: [a, b]", r#""z""#, "it must match the values `[a, b]`"),
        ("MULTISELECT\n    values: [A, B]", r#""[\"A\",\"Z\"]""#, "value `Z` doesn't match the values `[A, B]`"),
    ] {
        let input = format!("  - id: x\n    type: {kind}");
        let wanted = format!("Invalid value for input `x`. Cause: {cause}");
        assert_eq!(faults(&input, &format!(r#"{{"x":{given}}}"#)), [wanted], "{kind} of {given}");
    }
}

#[test]
fn dates_are_spelled_out_and_addresses_have_a_scheme() {
    for (kind, given) in [
        ("DATE", "2024-02-29"),
        ("DATETIME", "2024-02-29T10:00:00Z"),
        ("DATETIME", "2024-02-29T10:00:00+02:00"),
        ("URI", "https://example.com/x?y=1"),
        ("URI", "kestra:///a/b"),
        ("URI", "mailto:a@b.c"),
    ] {
        let value = format!(r#"{{"a":"{given}"}}"#);
        assert!(resolve(&format!("  - id: a\n    type: {kind}"), &value).is_ok(), "{kind} {given}");
    }
    for (kind, given) in [
        ("DATE", "20240229"),
        ("DATE", "2024-02-30"),
        ("DATETIME", "20240229T100000Z"),
        ("DATETIME", "2024-02-29 10:00:00Z"),
        ("URI", "example.com"),
        ("URI", "/x"),
        ("URI", "http://"),
        ("URI", "1a:x"),
    ] {
        let value = format!(r#"{{"a":"{given}"}}"#);
        assert_eq!(faults(&format!("  - id: a\n    type: {kind}"), &value).len(), 1, "{kind} {given}");
    }
}

#[test]
fn every_bad_input_is_reported_in_the_order_of_the_flow() {
    let inputs = "  - id: a\n    type: INT\n  - id: b\n    type: BOOL\n  - id: c\n    type: STRING";
    assert_eq!(
        faults(inputs, r#"{"b":"maybe","a":"x"}"#),
        [
            "Invalid value for input `a`. Cause: Cannot convert value 'x' to Integer",
            "Invalid value for input `b`. Cause: Cannot convert value 'maybe' to Boolean",
            "Missing required input:c",
        ]
    );
}

#[test]
fn defaults_are_applied_and_dotted_ids_nest() {
    let inputs = r#"
  - id: s
    type: STRING
    defaults: "dflt"
  - id: n
    type: INT
    defaults: 7
  - id: arr
    type: ARRAY
    itemType: STRING
    defaults: ["a", "b"]
  - id: j
    type: JSON
    defaults: {"a": 1}
  - id: nested.inner
    type: STRING
    defaults: deep
  - id: dep
    type: STRING
    defaults: "{{ inputs.s }}-dep"
    dependsOn:
      inputs: [s]"#;
    assert_eq!(
        values(inputs, "{}"),
        r#"{"s":"dflt","n":7,"arr":["a","b"],"j":{"a":1},"nested":{"inner":"deep"},"dep":"dflt-dep"}"#
    );
    assert!(values(inputs, r#"{"nested.inner":"given"}"#).contains(r#""nested":{"inner":"given"}"#));
}

#[test]
fn an_optional_input_without_a_value_is_null() {
    let inputs = "  - id: x\n    type: STRING\n    required: false\n  - id: n\n    type: INT\n    required: false";
    assert_eq!(values(inputs, "{}"), r#"{"x":null,"n":null}"#);
    assert_eq!(values(inputs, r#"{"x":"","n":""}"#), r#"{"x":"","n":null}"#);
}

#[test]
fn an_input_whose_condition_is_false_is_not_asked_for() {
    // The dependent input stands first: what it depends on is read before it all the same.
    let inputs = r#"
  - id: detail
    type: STRING
    dependsOn:
      inputs: [full]
      condition: "{{ inputs.full }}"
  - id: full
    type: BOOL"#;
    assert_eq!(values(inputs, r#"{"full":false,"detail":"given"}"#), r#"{"full":false}"#);
    assert_eq!(values(inputs, r#"{"full":true,"detail":"given"}"#), r#"{"full":true,"detail":"given"}"#);
    assert_eq!(faults(inputs, r#"{"full":true}"#), ["Missing required input:detail"]);
}

#[test]
fn values_for_inputs_that_do_not_exist_are_named() {
    let resolved = resolve("  - id: x\n    type: STRING\n    defaults: d", r#"{"x":"1","zzz":"2"}"#).unwrap();
    assert_eq!(resolved.unknown, ["zzz"]);
    assert_eq!(Value::from(resolved.values).to_json(), r#"{"x":"1"}"#);
}
