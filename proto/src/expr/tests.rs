//! What the public face promises.

use super::*;

fn variables() -> Map {
    let json = r#"{"flow":{"namespace":"a.b"},"trigger":{"body":{"n":1,"none":null,"list":[3,1]}},"name":"world"}"#;
    match Value::from_json(json) {
        Ok(Value::Map(map)) => (*map).clone(),
        _ => Map::new(),
    }
}

fn env<'a>() -> Env<'a> {
    Env::new(&NoSurroundings, "2024-05-06T07:08:09Z".parse().unwrap(), 7)
}

fn rendered(source: &str) -> String {
    Template::compile(source).unwrap().render(&variables(), &mut env()).unwrap()
}

#[test]
fn a_whole_expression_keeps_its_kind_and_text_around_it_makes_text() {
    let value = |source: &str| Template::compile(source).unwrap().value(&variables(), &mut env()).unwrap();
    assert_eq!(value("{{ trigger.body.list }}"), Value::from_json("[3,1]").unwrap());
    assert_eq!(value("x{{ trigger.body.list }}"), Value::from("x[3,1]"));
    assert_eq!(value("plain"), Value::from("plain"));
}

#[test]
fn the_body_prints_as_it_was_sent() {
    assert_eq!(rendered("{{ trigger | toJson }}"), r#"{"body":{"n":1,"none":null,"list":[3,1]}}"#);
    assert_eq!(rendered("{{ trigger | json }}"), rendered("{{ trigger }}"));
}

#[test]
fn a_missing_member_names_itself_its_place_and_the_nearest_name() {
    let template = Template::compile("a\n{{ trigger.body.lst }}").unwrap();
    let error = template.render(&variables(), &mut env()).unwrap_err();
    assert_eq!((error.variable(), error.line(), error.nearest()), (Some("lst"), 2, Some("list")));
    assert_eq!(rendered("{{ trigger.body.lst ?? 'none' }}"), "none");
}

#[test]
fn unknown_filters_and_functions_are_refused_at_once() {
    for source in ["{{ name | uper }}", "{{ nosuch() }}", "{{ name is defind }}", "{% tag %}", "{{ http('x') }}"] {
        assert!(Template::compile(source).is_err(), "{source}");
    }
    let error = Template::compile("{{ a }}\n  {{ name | uper }}").unwrap_err();
    assert_eq!((error.line, error.column), (2, 13));
    assert!(error.message.contains("Did you mean `upper`?"), "{error}");
}

/// What a Java virtual machine answered to the same calls.
#[test]
fn formats_and_patterns_do_as_in_java() {
    for (source, wanted) in [
        (r#"{{ "abc" | regexReplace(".*", "X") }}"#, "XX"),
        (r#"{{ "abc" | regexReplace("b*", "X") }}"#, "XaXXcX"),
        (r#"{{ "a,b" | split(".*?", -1) | join("|") }}"#, "a|,|b|"),
        (r#"{{ "abc" | split("x*", -1) | join("|") }}"#, "a|b|c|"),
        (r#"{{ "foo bar" | regexReplace("[[:alpha:]]", "X") }}"#, "foo bXr"),
        (r#"{{ "aBc" | regexReplace("\p{javaLowerCase}", "-") }}"#, "-B-"),
        (r#"{{ "2024-05-06T12:00:00Z" | date("B|h B") }}"#, "noon|12 noon"),
        (
            r#"{{ "0099-03-01T01:02:03Z" | date("O ZZZZ ZZZZZ", timeZone="Asia/Tokyo") }}"#,
            "GMT+9:18:59 GMT+09:18:59 +09:18:59",
        ),
        (r#"{{ 12345.5 | numberFormat("") }}"#, "12,345.5"),
        (r#"{{ "%h %a" | format("Hello", 2.5) }}"#, "42628b2 0x1.4p1"),
    ] {
        assert_eq!(rendered(source), wanted, "{source}");
    }
    let template = Template::compile(r#"{{ "a" | regexMatch("a{") }}"#).unwrap();
    let error = template.render(&variables(), &mut env()).unwrap_err();
    assert!(error.to_string().contains("Illegal repetition"), "{error}");
}

/// What a Java virtual machine answered to the same calls.
#[test]
fn dates_do_as_in_java() {
    for (source, wanted) in [
        (r#"{{ "2024-05-06T12:00:00Z" | date("ppd|ppppH") }}"#, " 6|  12"),
        (r#"{{ "-0044-03-15T00:00:00Z" | date("uu yy") }}"#, "44 45"),
        (r#"{{ "2024-05-06" | date("EEEE MMMM", locale="FR") }}"#, "lundi mai"),
        (r#"{{ "2024-05-06" | date("EEEE", locale="pt-BR") }}"#, "segunda-feira"),
        (r#"{{ "2024-05-06" | date("e", locale="fr") }}{{ "2024-05-06" | date("e", locale="fr-FR") }}"#, "21"),
    ] {
        assert_eq!(rendered(source), wanted, "{source}");
    }
    for source in [
        r#"{{ "2024-05-06T12:00:00Z" | date("pH") }}"#,
        r#"{{ "2024-05-06" | date("HH", timeZone="EST") }}"#,
        r#"{{ "2024-05-06" | date("HH", timeZone="ROC") }}"#,
    ] {
        let template = Template::compile(source).unwrap();
        assert!(template.render(&variables(), &mut env()).is_err(), "{source}");
    }
}

#[test]
fn whole_numbers_give_64_bits_and_exact_decimals_stay_exact() {
    for (source, wanted) in [
        ("{{ (trigger.body.n + trigger.body.n) | className }}", "java.lang.Long"),
        ("{{ (trigger.body.n - trigger.body.n) | className }}", "java.lang.Long"),
        (r#"{{ (("0.1" | number("BIGDECIMAL")) + 0.2) | className }}"#, "java.math.BigDecimal"),
        (r#"{{ (("0.1" | number("BIGDECIMAL")) + 0.2) }}"#, "0.3"),
        (r#"{{ (("0.1" | number) + 0.2) | className }}"#, "java.lang.Double"),
        (r#"{{ "-5" * "2" }}"#, "-10"),
    ] {
        assert_eq!(rendered(source), wanted, "{source}");
    }
    let template = Template::compile(r#"{{ "1_000" * 2 }}"#).unwrap();
    assert!(template.render(&variables(), &mut env()).is_err());
}

#[test]
fn a_template_that_writes_nothing_has_no_value() {
    let value = |source: &str| Template::compile(source).unwrap().value(&variables(), &mut env()).unwrap();
    for source in ["{% if false %}x{% endif %}", "{# a note #}", "{% set x = 1 %}", "{{ trigger.body.none }}"] {
        assert_eq!(value(source), Value::Null, "{source}");
    }
    assert_eq!(value("{{ '' }}"), Value::from(""));
}

#[test]
fn an_error_in_a_filter_tag_has_a_line_unless_it_is_the_name_of_the_filter() {
    let line = |source: &str| {
        let error = Template::compile(source).unwrap_err();
        RenderError::syntax(source, &error).kestra_line()
    };
    assert_eq!(line("{% filter nosuch %}x{% endfilter %}"), 0);
    assert_eq!(line("{% filter %}x{% endfilter %}"), 1);
}

#[test]
fn a_null_merges_with_anything_but_a_null() {
    assert_eq!(rendered("{{ trigger.body.none | merge([1]) }}{{ [1] | merge(trigger.body.none) }}"), "[1][1]");
    let template = Template::compile("{{ trigger.body.none | merge(null) }}").unwrap();
    let error = template.render(&variables(), &mut env()).unwrap_err();
    assert!(error.to_string().starts_with("The two arguments to be merged are null"), "{error}");
}

#[test]
fn a_tree_of_templates_renders_member_by_member_and_names_the_path_of_an_error() {
    let tree = Value::from_json(r#"{"a":["{{ name }}",1],"{{ name }}":null}"#).unwrap();
    let rendered = Templated::compile(&tree).unwrap().render(&variables(), &mut env()).unwrap();
    assert_eq!(rendered.to_json(), r#"{"a":["world",1],"world":null}"#);
    let wrong = Value::from_json(r#"{"a":[1,{"b":"{{"}]}"#).unwrap();
    assert_eq!(Templated::compile(&wrong).unwrap_err().path, "a[1].b");
}

#[test]
fn a_rendering_without_end_runs_out_of_fuel() {
    let source =
        "{% for a in 1..1000 %}{% for b in 1..1000 %}{% for c in 1..1000 %}{% endfor %}{% endfor %}{% endfor %}";
    let error = Template::compile(source).unwrap().render(&variables(), &mut env().with_fuel(100_000)).unwrap_err();
    assert_eq!(error.class(), Class::Limit);
}

#[test]
fn verdicts_follow_the_trimmed_text() {
    for text in ["", "  ", "false", " false ", "0", "-0"] {
        assert!(!verdict(text), "{text:?}");
    }
    for text in ["true", "FALSE", "no", "null", "0.0", "x"] {
        assert!(verdict(text), "{text:?}");
    }
}

#[test]
fn templates_that_render_each_other_deeply_end_with_an_error_and_not_with_the_stack() {
    let nested = |inner: &str| format!("{{{{ {}render({inner}){} }}}}", "[".repeat(200), "]".repeat(200));
    let mut variables = Map::new();
    for level in 1..15 {
        variables.insert(format!("v{level}"), Value::from(nested(&format!("v{}", level - 1))));
    }
    variables.insert("v0", Value::from("end"));
    let error = Template::compile(&nested("v14")).unwrap().render(&variables, &mut env()).unwrap_err();
    assert_eq!(error.class(), Class::Limit);
    let recursive = "{% macro m(n) %}{{ [[[[[[[[m(n)]]]]]]]] }}{% endmacro %}{{ m(1) }}";
    let error = Template::compile(recursive).unwrap().render(&variables, &mut env()).unwrap_err();
    assert_eq!(error.class(), Class::Limit);
}
