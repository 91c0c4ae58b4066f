//! Files of executions and of namespaces.

use std::sync::Arc;

use super::super::call::Arguments;
use super::super::error::RenderError;
use super::super::eval::Machine;
use super::super::host::Host;
use super::super::value::Value;
use super::surround::own_namespace;

type Outcome = Result<Value, RenderError>;

/// Where a file is.
enum Place {
    /// At a `kestra://` address.
    Address(String),
    /// In a namespace, at a path without a leading slash.
    Namespace(String, String),
}

fn path(args: &Arguments) -> Result<String, RenderError> {
    match args.get("path") {
        Value::Text(text) => Ok(text.to_string()),
        Value::Host(host) if matches!(&**host, Host::Uri(_)) => Ok(args.get("path").host_text()),
        Value::Null => Err(RenderError::engine("The file function expects an argument 'path'.")),
        other => Err(RenderError::engine(format!("Unable to read the file {}", other.host_text()))),
    }
}

fn place(machine: &Machine<'_, '_>, args: &Arguments) -> Result<Place, RenderError> {
    let path = path(args)?;
    if path.split('/').any(|part| part == "..") {
        return Err(RenderError::engine(
            "File should be accessed with their full path and not using relative '..' path.",
        ));
    }
    if path.starts_with("kestra://") {
        return Ok(Place::Address(path));
    }
    let namespace = || match args.text("namespace")? {
        Some(namespace) => Ok(namespace.to_owned()),
        None => own_namespace(machine),
    };
    if let Some(rest) = path.strip_prefix("nsfile://") {
        let (host, file) = rest.split_once('/').unwrap_or(("", rest));
        let namespace = if host.is_empty() { namespace()? } else { host.to_owned() };
        return Ok(Place::Namespace(namespace, file.to_owned()));
    }
    if path.contains("://") {
        return Err(RenderError::engine(format!("Cannot process the URI {path}: scheme not supported.")));
    }
    Ok(Place::Namespace(namespace()?, path.trim_start_matches('/').to_owned()))
}

fn bytes(machine: &Machine<'_, '_>, args: &Arguments) -> Result<Arc<[u8]>, RenderError> {
    let (found, missing) = match place(machine, args)? {
        Place::Address(uri) => (
            machine.env.surroundings.file(&uri),
            format!("Unable to read the file '{uri}' as it is not an execution file"),
        ),
        Place::Namespace(namespace, path) => (
            machine.env.surroundings.namespace_file(&namespace, &path),
            format!("File '/{path}' was not found in namespace '{namespace}'."),
        ),
    };
    found.ok_or_else(|| RenderError::engine(missing))
}

pub(super) fn read(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let bytes = bytes(machine, args)?;
    machine.env.spend_bytes(bytes.len())?;
    Ok(Value::from(String::from_utf8_lossy(&bytes).into_owned()))
}

pub(super) fn exists(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let found = match place(machine, args)? {
        Place::Address(uri) => machine.env.surroundings.file(&uri),
        Place::Namespace(namespace, path) => machine.env.surroundings.namespace_file(&namespace, &path),
    };
    Ok(Value::Bool(found.is_some()))
}

pub(super) fn size(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    Ok(Value::Long(bytes(machine, args)?.len() as i64))
}

pub(super) fn is_empty(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    Ok(Value::Bool(bytes(machine, args)?.is_empty()))
}

/// The address of a file of a namespace, whether it is there or not.
pub(super) fn uri(machine: &mut Machine<'_, '_>, args: &Arguments) -> Outcome {
    let revision = args.get("revision");
    if !revision.is_null() && revision.host_text().parse::<i32>().is_err() {
        return Err(RenderError::engine(
            "The 'fileURI' function expects the 'revision' argument to be a valid integer.",
        ));
    }
    Ok(match place(machine, args)? {
        Place::Address(uri) => Value::from(uri),
        Place::Namespace(namespace, path) => {
            Value::from(format!("kestra:///{}/_files/{path}", namespace.replace('.', "/")))
        }
    })
}
