//! What may be shown of what was made with secrets: the one rule for values, log lines and errors alike.
//!
//! Whatever was rendered with a secret in reach is rendered a second time without sight: wherever a secret is read, [`MASK`] is
//! read instead. What comes out of that holds no secret, whatever filters did on the way. Where the two agree around the masks,
//! it is what everyone may read; where they do not, the secret was changed on its way in, and [`MASK`] is all that is shown.
//! Searching for the secret could not do this: it stands nowhere in `{{ secret('TOKEN') | base64encode }}`.

use std::fmt;

use crate::{
    expr::{Map, RenderError, Value},
    seal::MASK,
};

/// Whether a rendering sees secrets, sealed headers, sealed outputs and inputs of the type SECRET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// As the flow sees them.
    Opened,
    /// Masked, as everyone may see them.
    Masked,
}

/// What one rendering gave.
#[derive(Debug)]
pub struct Attempt<T> {
    /// What came out.
    pub outcome: Result<T, RenderError>,
    /// Secrets that were in its reach. None: there is nothing to hide.
    pub secrets: Vec<String>,
}

/// What was rendered, and what may be shown of it. `Debug` shows only that.
pub struct Rendered<T> {
    /// The whole value, for whoever works with it.
    pub value: T,
    /// Secrets that went into it; none when it is the same without them.
    pub secrets: Vec<String>,
    shown: Option<T>,
}

/// Renders with sight and, when a secret was in reach, once more without: afterwards it is known what may be shown.
///
/// # Errors
/// When it does not render. The error may be shown.
pub fn render<T: Showable>(attempt: impl Fn(Sight) -> Attempt<T>) -> Result<Rendered<T>, RenderError> {
    let Attempt { outcome, secrets } = attempt(Sight::Opened);
    if secrets.is_empty() {
        return outcome.map(Rendered::open);
    }
    let blind = attempt(Sight::Masked).outcome;
    match outcome {
        Ok(value) if blind.as_ref().is_ok_and(|blind| *blind == value) => Ok(Rendered::open(value)),
        Ok(value) => Ok(Rendered { shown: Some(value.shown(blind.as_ref().ok())), value, secrets }),
        Err(error) => Err(error.shown(blind.as_ref().err())),
    }
}

/// Renders for somebody who shows nothing but the failure: only then it is rendered twice.
///
/// # Errors
/// When it does not render. The error may be shown.
pub fn unshown<T>(attempt: impl Fn(Sight) -> Attempt<T>) -> Result<T, RenderError> {
    let Attempt { outcome, secrets } = attempt(Sight::Opened);
    match outcome {
        Err(error) if !secrets.is_empty() => Err(error.shown(attempt(Sight::Masked).outcome.err().as_ref())),
        outcome => outcome,
    }
}

impl<T> Rendered<T> {
    /// What holds no secret.
    pub fn open(value: T) -> Self {
        Self { value, secrets: Vec::new(), shown: None }
    }

    /// What holds secrets, and what may be shown of it.
    pub fn hiding(value: T, shown: T, secrets: Vec<String>) -> Self {
        Self { value, secrets, shown: Some(shown) }
    }

    /// Whether there is something to hide.
    pub fn is_secret(&self) -> bool {
        self.shown.is_some()
    }

    /// What everyone may read.
    pub fn shown(&self) -> &T {
        self.shown.as_ref().unwrap_or(&self.value)
    }

    /// The whole value and, when there is something to hide, what may be shown.
    pub fn into_parts(self) -> (T, Option<T>) {
        (self.value, self.shown)
    }

    /// The same in another form.
    pub fn map<U>(self, form: impl Fn(T) -> U) -> Rendered<U> {
        Rendered { value: form(self.value), shown: self.shown.map(form), secrets: self.secrets }
    }

    /// Reads the value as something else. What is wrong with it is told in the words for what may be shown.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read<U, E: fmt::Display>(&self, read: impl Fn(&T) -> Result<U, E>) -> Result<U, String> {
        read(&self.value).map_err(|error| match self.shown.as_ref().map(read) {
            None => error.to_string(),
            Some(Err(of_shown)) => of_shown.to_string(),
            Some(Ok(_)) => HIDDEN_REASON.to_owned(),
        })
    }
}

impl<T: fmt::Debug> fmt::Debug for Rendered<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown().fmt(formatter)
    }
}

/// What an error says that may not say why.
pub const HIDDEN_REASON: &str = "****** (the reason is hidden: it may quote a secret)";

/// What can be shown in part.
pub trait Showable: PartialEq {
    /// What may be shown of it; `blind` is what came out without sight of the secrets, if anything did.
    fn shown(&self, blind: Option<&Self>) -> Self;
}

impl Showable for String {
    fn shown(&self, blind: Option<&String>) -> String {
        shown_text(self, blind.map(String::as_str)).unwrap_or(MASK).to_owned()
    }
}

impl Showable for Value {
    /// Leaf by leaf, as long as the trees have one shape.
    fn shown(&self, blind: Option<&Value>) -> Value {
        match (self, blind) {
            (value, Some(blind)) if value == blind => value.clone(),
            (Value::List(own), Some(Value::List(blind))) if own.len() == blind.len() => {
                Value::list(own.iter().zip(blind.iter()).map(|(own, blind)| own.shown(Some(blind))))
            }
            (Value::Map(own), Some(Value::Map(blind))) if own.keys().eq(blind.keys()) => {
                Value::Map(shown_map(own, blind).into())
            }
            (Value::Text(own), Some(Value::Text(blind))) => Value::text(shown_text(own, Some(blind)).unwrap_or(MASK)),
            _ => Value::text(MASK),
        }
    }
}

fn shown_map(own: &Map, blind: &Map) -> Map {
    own.iter().map(|(key, member)| (key.clone(), member.shown(blind.get(key)))).collect()
}

/// What may be shown of a text: what came out without sight, when the text is that but for what stands behind the masks.
pub(crate) fn shown_text<'a>(text: &str, blind: Option<&'a str>) -> Option<&'a str> {
    blind.filter(|blind| fits(text, blind))
}

/// Whether a text is `blind` with something in place of each mask.
fn fits(text: &str, blind: &str) -> bool {
    let Some((start, rest)) = blind.split_once(MASK) else { return text == blind };
    let (between, end) = rest.rsplit_once(MASK).unwrap_or(("", rest));
    let middle = text.strip_prefix(start).and_then(|text| text.strip_suffix(end));
    middle.is_some_and(|mut left| between.split(MASK).all(|piece| skip_past(&mut left, piece)))
}

/// Moves on behind the first `piece`; `false` when there is none.
fn skip_past(left: &mut &str, piece: &str) -> bool {
    let behind = left.split_once(piece).map(|(_, behind)| behind);
    *left = behind.unwrap_or_default();
    behind.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, blind: &str) -> String {
        text.to_owned().shown(Some(&blind.to_owned()))
    }

    #[test]
    fn what_stands_around_the_masks_is_shown() {
        assert_eq!(text("it is tok", "it is ******"), "it is ******");
        assert_eq!(text("tok and tok.", "****** and ******."), "****** and ******.");
        assert_eq!(text("toktok", "************"), "************");
        assert_eq!(text("", "******"), "******");
    }

    #[test]
    fn a_secret_that_was_changed_masks_the_whole_text() {
        assert_eq!(text("TOK dG9r", "****** KioqKioq"), "******");
        assert_eq!(text("10 long", "6 long"), "******");
        assert_eq!(text("a", "a******a"), "******");
        assert_eq!("tok".to_owned().shown(None), "******");
    }

    #[test]
    fn a_tree_is_masked_leaf_by_leaf_and_wholly_when_its_shape_depends_on_a_secret() {
        let tree = |b: Value| Value::map([("a", Value::text("clear")), ("b", b)]);
        let shown = tree(Value::integer(7)).shown(Some(&tree(Value::text(MASK))));
        assert_eq!(shown, tree(Value::text(MASK)));
        let other = Value::map([("tok", Value::text("clear"))]);
        assert_eq!(other.shown(Some(&Value::map([(MASK, Value::text("clear"))]))), Value::text(MASK));
    }

    #[test]
    fn what_is_wrong_with_a_value_is_told_of_what_may_be_shown() {
        let number = |text: &String| text.parse::<u8>().map_err(|_| format!("`{text}` is no number"));
        assert_eq!(Rendered::open("tok".to_owned()).read(number), Err("`tok` is no number".to_owned()));
        let hiding = |shown: &str| Rendered::hiding("tok".to_owned(), shown.to_owned(), Vec::new());
        assert_eq!(hiding("<******>").read(number), Err("`<******>` is no number".to_owned()));
        assert_eq!(hiding("1").read(number), Err(HIDDEN_REASON.to_owned()));
        assert_eq!(format!("{:?}", hiding("******")), "\"******\"");
    }
}
