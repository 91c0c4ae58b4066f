//! Which secrets an expression names.

use crate::expr::Template;

/// Names in `secret('NAME')` and `secret(key='NAME')`, in order, each once. A name that is computed is not found.
pub(crate) fn named_in(template: &Template) -> Vec<String> {
    let mut names = Vec::new();
    if template.is_literal() {
        return names;
    }
    let mut rest = template.source();
    while let Some(at) = rest.find("secret") {
        let before = rest[..at].chars().next_back();
        rest = &rest[at + "secret".len()..];
        if before.is_some_and(|character| character.is_alphanumeric() || character == '_' || character == '.') {
            continue;
        }
        if let Some(name) = first_argument(rest).filter(|name| !names.contains(name)) {
            names.push(name);
        }
    }
    names
}

/// The first quoted text of an argument list.
fn first_argument(text: &str) -> Option<String> {
    let inside = text.trim_start().strip_prefix('(')?.trim_start();
    let inside = match inside.strip_prefix("key") {
        Some(named) => named.trim_start().strip_prefix('=')?.trim_start(),
        None => inside,
    };
    let quote = inside.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let (name, _) = inside[1..].split_once(quote)?;
    Some(name.to_owned())
}
