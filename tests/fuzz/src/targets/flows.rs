//! The target of flow documents.

use windhover_proto::flow::{Flow, ParsedDocument};

/// Faulty and good texts, one JSON string after `"yaml":` or `"source":` a line.
const RECORDED: [&str; 4] = [
    include_str!("../../../../proto/tests/data/flows-invalid.jsonl"),
    include_str!("../../../../proto/tests/data/flows-http-invalid.jsonl"),
    include_str!("../../../../proto/tests/data/flows-http.jsonl"),
    include_str!("../../../../proto/tests/data/flows-recorded.jsonl"),
];

/// What YAML 1.1 takes for the end of a line.
const BREAKS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

pub(crate) fn documents() -> Vec<Vec<u8>> {
    let text = |line: &str| {
        let case = windhover_proto::expr::Value::from_json(line).ok()?;
        let source = case.get("yaml").or(case.get("source"))?;
        source.as_text().map(|text| text.as_bytes().to_vec())
    };
    RECORDED.iter().flat_map(|file| file.lines()).filter_map(text).collect()
}

pub(crate) fn read(input: &[u8]) -> Result<(), String> {
    let source = String::from_utf8_lossy(input);
    let documents = Flow::parse_all(&source);
    if documents.is_empty() {
        return Err("no document at all".to_owned());
    }
    let lines = source.matches(BREAKS).count() + 1;
    documents.iter().try_for_each(|document| check(document, lines))?;
    if documents == Flow::parse_all(&source) { Ok(()) } else { Err("read differently the second time".to_owned()) }
}

/// A refusal has reasons, and each reason a place in the text; a flow is refused by nobody who reads it alone.
fn check(document: &ParsedDocument, lines: usize) -> Result<(), String> {
    match &document.flow {
        Ok(flow) => match Flow::parse(&document.source) {
            Ok(again) if again == *flow => Ok(()),
            Ok(_) => Err("its own text gives another flow".to_owned()),
            Err(errors) => Err(format!("its own text is refused: {errors}")),
        },
        Err(errors) => {
            let outside = errors.iter().find(|error| error.line() == 0 || error.line() > lines || error.column() == 0);
            outside.map_or(Ok(()), |error| Err(format!("no place in a text of {lines} lines: {error}")))
        }
    }
}
