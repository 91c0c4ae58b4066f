//! From tokens to the typed tree: a Pratt parser for expressions, one function per form.

use super::ast::{Args, Binary, Block, Expr, FilterCall, INFIX, Infix, Kind, Macro, Span, Test, Unary};
use super::error::{SyntaxError, nearest};
use super::filters::{self, Filter};
use super::functions;
use super::lex::{Spanned, Token, lex};
use super::value::{Text, Value};

/// Deepest nesting of a template: what is written by people stays far below, and the stack stays small.
pub const NESTING_MAX: u16 = 256;

/// A template that was read and understood.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) nodes: Vec<super::ast::Node>,
    pub(crate) macros: Vec<Macro>,
    pub(crate) blocks: Vec<Block>,
}

/// Reads a template whole.
pub(crate) fn parse(source: &str) -> Result<Parsed, SyntaxError> {
    let tokens = lex(source)?;
    let macro_names = macro_names(&tokens);
    let mut parser = Parser { source, tokens, at: 0, depth: 0, macro_names, macros: Vec::new(), blocks: Vec::new() };
    let nodes = parser.template()?;
    Ok(Parsed { nodes, macros: parser.macros_in_order()?, blocks: parser.blocks })
}

/// The names behind `{% macro`, in order: macros can be called before they are written.
fn macro_names(tokens: &[Spanned]) -> Vec<Text> {
    let starts = tokens.windows(3).filter_map(|three| match three {
        [(Token::TagStart, _), (Token::Name(tag), _), (Token::Name(name), _)] if &**tag == "macro" => {
            Some(name.clone())
        }
        _ => None,
    });
    starts.collect()
}

pub(super) struct Parser<'a> {
    pub(super) source: &'a str,
    tokens: Vec<Spanned>,
    at: usize,
    depth: u16,
    macro_names: Vec<Text>,
    pub(super) macros: Vec<Macro>,
    pub(super) blocks: Vec<Block>,
}

impl Parser<'_> {
    pub(super) fn current(&self) -> &Token {
        &self.tokens[self.at].0
    }

    pub(super) fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    fn peek(&self) -> &Token {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].0
    }

    pub(super) fn advance(&mut self) -> Token {
        let token = self.tokens[self.at].0.clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    /// From `start` to the last token that was taken.
    pub(super) fn span_from(&self, start: Span) -> Span {
        let last = self.tokens[self.at.saturating_sub(1)].1;
        Span { start: start.start, end: last.end.max(start.end) }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::at(self.source, self.span().start as usize, message)
    }

    fn expected(&self, kind: &str) -> SyntaxError {
        let (value, found) = (self.current().spelling(), self.current().kind());
        self.error(format!("Unexpected token of value \"{value}\" and type {found}, expected token of type {kind}"))
    }

    fn unexpected(&self) -> SyntaxError {
        let (kind, value) = (self.current().kind(), self.current().spelling());
        self.error(format!("Unexpected token \"{kind}\" of value \"{value}\""))
    }

    pub(super) fn take(&mut self, token: &Token) -> Result<(), SyntaxError> {
        if self.current() != token {
            return Err(self.expected(token.kind()));
        }
        self.advance();
        Ok(())
    }

    pub(super) fn name(&mut self) -> Result<Text, SyntaxError> {
        match self.current() {
            Token::Name(name) => {
                let name = name.clone();
                self.advance();
                Ok(name)
            }
            _ => Err(self.expected("NAME")),
        }
    }

    pub(super) fn is_name(&self, wanted: &str) -> bool {
        matches!(self.current(), Token::Name(name) if &**name == wanted)
    }

    pub(super) fn is_punctuation(&self, wanted: char) -> bool {
        *self.current() == Token::Punctuation(wanted)
    }

    /// Runs `read` one level deeper.
    pub(super) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        if self.depth == NESTING_MAX {
            return Err(self.error(format!("the template is nested deeper than {NESTING_MAX} levels")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn build(&self, kind: Kind, start: Span) -> Result<Expr, SyntaxError> {
        let expr = Expr::new(kind, self.span_from(start));
        if expr.height > NESTING_MAX {
            return Err(self.error(format!("the expression is nested deeper than {NESTING_MAX} levels")));
        }
        Ok(expr)
    }

    /// A whole expression, with its ternary.
    pub(super) fn expression(&mut self) -> Result<Expr, SyntaxError> {
        self.nested(|parser| {
            let start = parser.span();
            let condition = parser.operand_and_operators(0)?;
            parser.ternary(condition, start)
        })
    }

    fn ternary(&mut self, condition: Expr, start: Span) -> Result<Expr, SyntaxError> {
        if !self.is_punctuation('?') {
            return Ok(condition);
        }
        self.advance();
        let yes = Box::new(self.expression()?);
        self.take(&Token::Punctuation(':'))?;
        let no = Box::new(self.expression()?);
        self.build(Kind::Ternary { condition: Box::new(condition), yes, no }, start)
    }

    /// An operand and every infix operator behind it that binds at least as tight as `precedence_min`.
    fn operand_and_operators(&mut self, precedence_min: u16) -> Result<Expr, SyntaxError> {
        let start = self.span();
        let mut left = self.operand()?;
        while let Some((precedence, infix)) = self.infix().filter(|(precedence, _)| *precedence >= precedence_min) {
            self.advance();
            let kind = match infix {
                Infix::Filter => Kind::Filtered { input: Box::new(left), call: self.filter_call()? },
                Infix::Test(expected) => Kind::Test { input: Box::new(left), test: self.test()?, expected },
                Infix::Binary(operator) => {
                    let right = self.nested(|parser| parser.operand_and_operators(precedence + 1))?;
                    Kind::Binary { operator, left: Box::new(left), right: Box::new(right) }
                }
            };
            left = self.build(kind, start)?;
        }
        Ok(left)
    }

    fn infix(&self) -> Option<(u16, Infix)> {
        let spelled = match self.current() {
            Token::Operator(spelled) => spelled,
            Token::Name(name) if &**name == "in" => return Some((30, Infix::Binary(Binary::IsIn))),
            _ => return None,
        };
        INFIX.iter().find(|(known, _, _)| known == spelled).map(|(_, precedence, infix)| (*precedence, *infix))
    }

    fn operand(&mut self) -> Result<Expr, SyntaxError> {
        let start = self.span();
        let unary = match self.current() {
            Token::Operator("not") => Unary::Not,
            Token::Operator("+") => Unary::Plus,
            Token::Operator("-") => Unary::Minus,
            Token::Punctuation('(') => return self.parenthesised(),
            Token::Punctuation('[') => return self.list(),
            Token::Punctuation('{') => return self.map(),
            _ => return self.primary(),
        };
        self.advance();
        let operand = Box::new(self.nested(|parser| parser.operand_and_operators(Unary::PRECEDENCE))?);
        self.build(Kind::Unary { operator: unary, operand }, start)
    }

    fn parenthesised(&mut self) -> Result<Expr, SyntaxError> {
        let start = self.span();
        self.advance();
        let inner = self.expression()?;
        self.take(&Token::Punctuation(')'))?;
        self.postfix(inner, start)
    }

    fn list(&mut self) -> Result<Expr, SyntaxError> {
        let start = self.span();
        self.advance();
        let mut members = Vec::new();
        while !self.is_punctuation(']') {
            if !members.is_empty() {
                self.take(&Token::Punctuation(','))?;
            }
            members.push(self.expression()?);
        }
        self.advance();
        self.build(Kind::List(members), start)
    }

    fn map(&mut self) -> Result<Expr, SyntaxError> {
        let start = self.span();
        self.advance();
        let mut entries = Vec::new();
        while !self.is_punctuation('}') {
            if !entries.is_empty() {
                self.take(&Token::Punctuation(','))?;
            }
            let key = self.expression()?;
            self.take(&Token::Punctuation(':'))?;
            entries.push((key, self.expression()?));
        }
        self.advance();
        self.build(Kind::Map(entries), start)
    }

    /// A literal, a variable or a call, with its members and indexes.
    fn primary(&mut self) -> Result<Expr, SyntaxError> {
        let start = self.span();
        let kind = match self.current().clone() {
            Token::Name(name) if *self.peek() == Token::Punctuation('(') => return self.call(&name),
            Token::Name(name) => {
                self.advance();
                named_literal(&name).map_or(Kind::Variable(name), Kind::Literal)
            }
            Token::Whole(digits) => {
                self.advance();
                Kind::Literal(Value::long_or_big(digits.parse().unwrap_or_default()))
            }
            Token::Fraction(digits) => {
                self.advance();
                Kind::Literal(Value::Double(digits.parse().unwrap_or(f64::INFINITY)))
            }
            Token::Text(text) => {
                self.advance();
                Kind::Literal(Value::Text(text))
            }
            Token::QuoteStart => self.interpolated()?,
            _ => return Err(self.unexpected()),
        };
        let expr = self.build(kind, start)?;
        self.postfix(expr, start)
    }

    fn interpolated(&mut self) -> Result<Kind, SyntaxError> {
        self.advance();
        let mut parts = Vec::new();
        loop {
            let start = self.span();
            match self.current().clone() {
                Token::Text(text) => {
                    self.advance();
                    parts.push(self.build(Kind::Literal(Value::Text(text)), start)?);
                }
                Token::HoleStart => {
                    self.advance();
                    parts.push(self.expression()?);
                    self.take(&Token::HoleEnd)?;
                }
                Token::QuoteEnd => {
                    self.advance();
                    return Ok(Kind::Interpolated(parts));
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn postfix(&mut self, mut object: Expr, start: Span) -> Result<Expr, SyntaxError> {
        loop {
            let kind = match self.current() {
                Token::Punctuation('.') => {
                    self.advance();
                    let name = self.name()?;
                    let object = Box::new(object);
                    if self.is_punctuation('(') {
                        self.arguments()?;
                        Kind::Method { object, name }
                    } else {
                        Kind::Member { object, name }
                    }
                }
                Token::Punctuation('[') => {
                    self.advance();
                    let key = Box::new(self.expression()?);
                    self.take(&Token::Punctuation(']'))?;
                    Kind::Index { object: Box::new(object), key }
                }
                _ => return Ok(object),
            };
            object = self.build(kind, start)?;
        }
    }

    fn call(&mut self, name: &Text) -> Result<Expr, SyntaxError> {
        let start = self.span();
        let known = functions::find(name);
        let index = self.macro_names.iter().position(|known| known == name);
        self.advance();
        let mut args = self.arguments()?;
        let kind = match (known, index) {
            (Some(function), _) => match functions::refusal(name) {
                Some(reason) => return Err(SyntaxError::at(self.source, start.start as usize, reason)),
                None => Kind::Call { function, args },
            },
            (None, Some(index)) => Kind::MacroCall { index, args },
            (None, None) if &**name == "block" && args.positional.len() == 1 => {
                Kind::BlockCall { name: Box::new(args.positional.remove(0)) }
            }
            (None, None) if &**name == "parent" => {
                return Err(SyntaxError::at(
                    self.source,
                    start.start as usize,
                    "Can not use parent function if template does not extend another template.",
                ));
            }
            (None, None) => return Err(self.unknown_function(name, start)),
        };
        let expr = self.build(kind, start)?;
        self.postfix(expr, start)
    }

    fn unknown_function(&self, name: &str, start: Span) -> SyntaxError {
        let known = functions::names().chain(self.macro_names.iter().map(|name| &**name));
        let message = format!("Function or Macro [{name}] does not exist.{}", hint(name, known));
        SyntaxError::at(self.source, start.start as usize, message)
    }

    /// `(a, b, c=d)`.
    pub(super) fn arguments(&mut self) -> Result<Args, SyntaxError> {
        let mut args = Args::default();
        self.take(&Token::Punctuation('('))?;
        while !self.is_punctuation(')') {
            if !(args.positional.is_empty() && args.named.is_empty()) {
                self.take(&Token::Punctuation(','))?;
            }
            if matches!(self.current(), Token::Name(_)) && *self.peek() == Token::Punctuation('=') {
                let name = self.name()?;
                self.advance();
                args.named.push((name, self.expression()?));
            } else if args.named.is_empty() {
                args.positional.push(self.expression()?);
            } else {
                return Err(self.error("Positional arguments must be declared before any named arguments."));
            }
        }
        self.advance();
        Ok(args)
    }

    fn filter_call(&mut self) -> Result<FilterCall, SyntaxError> {
        let filter = self.filter()?;
        Ok(FilterCall { filter, args: self.filter_arguments()? })
    }

    /// The name of a filter.
    pub(super) fn filter(&mut self) -> Result<&'static Filter, SyntaxError> {
        let place = self.span();
        let name = self.name()?;
        filters::find(&name).ok_or_else(|| {
            let message = format!("Filter [{name}] does not exist.{}", hint(&name, filters::names()));
            SyntaxError::at(self.source, place.start as usize, message)
        })
    }

    /// What stands behind the name of a filter.
    pub(super) fn filter_arguments(&mut self) -> Result<Args, SyntaxError> {
        if self.is_punctuation('(') { self.arguments() } else { Ok(Args::default()) }
    }

    fn test(&mut self) -> Result<Test, SyntaxError> {
        let place = self.span();
        let name = self.name()?;
        let Some((_, test)) = Test::ALL.iter().find(|(known, _)| **known == *name) else {
            let message =
                format!("Test [{name}] does not exist.{}", hint(&name, Test::ALL.iter().map(|(known, _)| *known)));
            return Err(SyntaxError::at(self.source, place.start as usize, message));
        };
        if self.is_punctuation('(') {
            self.arguments()?;
        }
        Ok(*test)
    }

    /// Macros by the place of their name, which is how calls refer to them.
    fn macros_in_order(&mut self) -> Result<Vec<Macro>, SyntaxError> {
        let mut found = std::mem::take(&mut self.macros);
        found.sort_by_key(|one| self.macro_names.iter().position(|name| *name == one.name));
        match found.windows(2).find(|pair| pair[0].name == pair[1].name) {
            Some(pair) => {
                let message = format!("More than one macro can not share the same name: {}", pair[0].name);
                Err(SyntaxError::at(self.source, 0, message))
            }
            None => Ok(found),
        }
    }
}

pub(super) fn named_literal(name: &str) -> Option<Value> {
    match name {
        "true" | "TRUE" => Some(Value::Bool(true)),
        "false" | "FALSE" => Some(Value::Bool(false)),
        "null" | "NULL" | "none" | "NONE" => Some(Value::Null),
        _ => None,
    }
}

fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known).map(|name| format!(" Did you mean `{name}`?")).unwrap_or_default()
}
