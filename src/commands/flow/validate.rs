//! `windhover flow validate`: flow files, without a server.

use std::{
    collections::HashMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use windhover_proto::flow::{Flow, FlowError, ParsedDocument};

pub(super) const EXAMPLES: &str = "\
Examples:
  windhover flow validate flows/webhook_example.yaml
  windhover flow validate flows                       every .yaml and .yml file of a folder
  windhover flow validate --json flows | jq '.[] | select(.valid | not)'";

#[derive(Args, Debug)]
pub(super) struct Validate {
    /// Flow files in YAML, each with one flow or with several separated by `---`, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON list for programs instead of lines for people.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// When a file or a folder cannot be read, or a folder holds no flow file.
pub(super) fn run(validate: &Validate) -> anyhow::Result<ExitCode> {
    let checked = check(&validate.files)?;
    let mut out = io::stdout().lock();
    if validate.json { print_json(&checked, &mut out) } else { print_lines(&checked, &mut out) }?;
    Ok(if checked.iter().all(|document| document.valid) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The flows of these files with their texts; `None` when something is wrong with one, which is printed as `validate` does.
///
/// # Errors
/// As [`run`].
pub(super) fn deployable(files: &[PathBuf]) -> anyhow::Result<Option<Vec<(Flow, String)>>> {
    let checked = check(files)?;
    if checked.iter().any(|document| !document.valid) {
        let wrong: Vec<_> = checked.into_iter().filter(|document| !document.valid).collect();
        print_lines(&wrong, &mut io::stderr().lock())?;
        return Ok(None);
    }
    Ok(Some(checked.into_iter().filter_map(|document| document.flow).collect()))
}

/// What was found out about one document of a file.
#[derive(Debug, Serialize)]
struct Checked {
    file: PathBuf,
    /// The line on which the document begins.
    line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    valid: bool,
    errors: Vec<FlowError>,
    /// The flow and its text.
    #[serde(skip)]
    flow: Option<(Flow, String)>,
}

/// Checks all documents of all files, in the order given; a flow that an earlier document defines already is a mistake.
fn check(paths: &[PathBuf]) -> anyhow::Result<Vec<Checked>> {
    let mut checked = Vec::new();
    for file in flow_files(paths)? {
        let bytes = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let source = String::from_utf8(bytes).with_context(|| format!("{} is not text in UTF-8", file.display()))?;
        checked.extend(Flow::parse_all(&source).into_iter().map(|document| of_document(&file, document)));
    }
    refuse_repeated(&mut checked);
    Ok(checked)
}

fn of_document(file: &Path, document: ParsedDocument) -> Checked {
    let ParsedDocument { line, id, namespace, flow, source } = document;
    let (flow, errors) = match flow {
        Ok(flow) => (Some((flow, source)), Vec::new()),
        Err(errors) => (None, errors.iter().cloned().collect()),
    };
    Checked { file: file.to_owned(), line, namespace, id, valid: flow.is_some(), errors, flow }
}

fn refuse_repeated(checked: &mut [Checked]) {
    let mut first: HashMap<(String, String), String> = HashMap::new();
    for document in checked {
        let (Some(namespace), Some(id)) = (&document.namespace, &document.id) else { continue };
        let here = format!("{}:{}", document.file.display(), document.line);
        let name = (namespace.clone(), id.clone());
        if let Some(earlier) = first.get(&name) {
            let position = windhover_proto::flow::Position { line: document.line, column: 1 };
            let message = format!("the flow {namespace}/{id} is defined a second time (first in {earlier})");
            document.errors.push(FlowError { message, path: "id".to_owned(), position, suggestion: None });
            document.valid = false;
        } else {
            first.insert(name, here);
        }
    }
}

/// The files themselves, and of a folder its flow files by name.
fn flow_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let in_folder = files_in(path).with_context(|| format!("{} cannot be read", path.display()))?;
        anyhow::ensure!(!in_folder.is_empty(), "{} holds no .yaml or .yml file", path.display());
        files.extend(in_folder);
    }
    Ok(files)
}

fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_flow = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_flow && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// One line per document or per mistake, as compilers print them.
fn print_lines(checked: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    for document in checked {
        let file = document.file.display();
        if document.valid {
            let name = |part: &Option<String>| part.clone().unwrap_or_default();
            writeln!(out, "{file}: {}/{} OK", name(&document.namespace), name(&document.id))?;
        }
        for error in &document.errors {
            writeln!(out, "{file}:{}:{}: {error}", error.line(), error.column())?;
        }
    }
    Ok(())
}

fn print_json(checked: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, checked)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "id: good\nnamespace: a\ntasks:\n  - id: t\n    type: io.kestra.plugin.core.log.Log\n    message: x\n";

    /// A folder with these files.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, source) in files {
            fs::write(folder.path().join(name), source).unwrap();
        }
        folder
    }

    fn lines(checked: &[Checked], folder: &Path) -> String {
        let mut out = Vec::new();
        print_lines(checked, &mut out).unwrap();
        String::from_utf8(out).unwrap().replace(&format!("{}/", folder.display()), "")
    }

    #[test]
    fn every_mistake_of_every_flow_file_of_a_folder_is_printed_with_its_place() {
        let bad = GOOD.replace("good", "bad").replace("message", "mesage");
        let folder = folder(&[("b.yml", &bad), ("a.yaml", GOOD), ("c.txt", "no flow")]);
        let checked = check(&[folder.path().to_owned()]).unwrap();
        let printed = lines(&checked, folder.path());
        assert!(
            printed.starts_with(
                "a.yaml: a/good OK\nb.yml:4:5: tasks[0].message: must not be null at line 4, column 5\nb.yml:6:5: "
            ),
            "{printed}"
        );
        assert!(
            printed.contains("Unrecognized field \"mesage\"")
                && printed.ends_with("(did you mean `message`?) at line 6, column 5\n"),
            "{printed}"
        );
        assert!(checked.iter().any(|document| !document.valid));
    }

    #[test]
    fn a_flow_that_two_documents_define_is_a_mistake() {
        let folder = folder(&[("a.yaml", &format!("{GOOD}---\n{GOOD}"))]);
        let printed = lines(&check(&[folder.path().join("a.yaml")]).unwrap(), folder.path());
        assert_eq!(
            printed,
            "a.yaml: a/good OK\na.yaml:8:1: id: the flow a/good is defined a second time (first in a.yaml:1) at line 8, column 1\n"
        );
    }

    #[test]
    fn json_names_file_place_and_suggestion() {
        let folder = folder(&[("a.yaml", &GOOD.replace("log.Log", "log.Lgo"))]);
        let mut out = Vec::new();
        print_json(&check(&[folder.path().join("a.yaml")]).unwrap(), &mut out).unwrap();
        let printed: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(printed[0]["valid"], false);
        assert_eq!(printed[0]["errors"][0]["line"], 5);
        assert_eq!(printed[0]["errors"][0]["suggestion"], "did you mean `io.kestra.plugin.core.log.Log`?");
    }

    #[test]
    fn the_flows_that_ship_are_valid() {
        let flows = Path::new(env!("CARGO_MANIFEST_DIR")).join("flows");
        let checked = check(std::slice::from_ref(&flows)).unwrap();
        assert!(checked.len() >= 2 && checked.iter().all(|document| document.valid), "{}", lines(&checked, &flows));
    }

    #[test]
    fn a_missing_file_and_a_folder_without_flows_are_errors() {
        let folder = folder(&[("c.txt", "no flow")]);
        assert!(
            check(&[folder.path().join("none.yaml")]).unwrap_err().to_string().contains("none.yaml cannot be read")
        );
        assert!(check(&[folder.path().to_owned()]).unwrap_err().to_string().contains("holds no .yaml or .yml file"));
    }
}
