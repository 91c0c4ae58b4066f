//! Evaluates the tree. One machine lives for one rendering of one template.

use super::access;
use super::ast::{Args, Binary, Expected, Expr, FilterCall, Kind, Node, Test, Unary};
use super::call::Arguments;
use super::checks;
use super::env::{Env, output_too_large};
use super::error::{Class, RenderError};
use super::filters::Input;
use super::host::Host;
use super::limits::{CALL_DEPTH_MAX, EVALUATION_DEPTH_MAX, MEMBERS_MAX, OUTPUT_BYTES_MAX};
use super::map::Map;
use super::operators;
use super::parse::Parsed;
use super::scope::{Scopes, Visibility};
use super::surroundings::Variables;
use super::value::{Text, Value};

pub(crate) type Outcome = Result<Value, RenderError>;

/// Evaluates one template with its variables.
pub(crate) struct Machine<'m, 'e> {
    source: &'m str,
    parsed: &'m Parsed,
    pub(crate) variables: &'m dyn Variables,
    pub(crate) env: &'m mut Env<'e>,
    pub(crate) scopes: Scopes,
}

/// Where printed values go.
enum Sink {
    /// Text; lists and maps as JSON.
    Text(String),
    /// Text inside of macros and `filter`; lists and maps in the host's form.
    Host(String),
    /// A value that stays what it is as long as nothing else is printed.
    Typed(Option<Value>),
}

impl Sink {
    fn write(&mut self, value: Value) {
        match self {
            Sink::Text(out) => value.print_to(out),
            Sink::Host(_) if value.is_null() => {}
            Sink::Host(out) => value.host_text_to(out),
            Sink::Typed(slot) => {
                // Null prints nothing, so that it changes nothing beside another value.
                *slot = Some(match slot.take() {
                    None | Some(Value::Null) => value,
                    Some(before) if value.is_null() => before,
                    Some(before) => Value::from(before.print() + &value.print()),
                });
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Sink::Text(out) | Sink::Host(out) => out.len(),
            Sink::Typed(Some(Value::Text(text))) => text.len(),
            Sink::Typed(_) => 0,
        }
    }

    fn into_text(self) -> String {
        match self {
            Sink::Text(out) | Sink::Host(out) => out,
            Sink::Typed(value) => value.unwrap_or_default().print(),
        }
    }
}

impl<'m, 'e> Machine<'m, 'e> {
    pub(crate) fn new(
        source: &'m str,
        parsed: &'m Parsed,
        variables: &'m dyn Variables,
        env: &'m mut Env<'e>,
    ) -> Machine<'m, 'e> {
        Machine { source, parsed, variables, env, scopes: Scopes::default() }
    }

    /// Renders to text.
    pub(crate) fn render(&mut self) -> Result<String, RenderError> {
        let mut sink = Sink::Text(String::new());
        self.nodes(&self.parsed.nodes, &mut sink)?;
        Ok(sink.into_text())
    }

    /// Renders to a value.
    pub(crate) fn value(&mut self) -> Outcome {
        let mut sink = Sink::Typed(None);
        self.nodes(&self.parsed.nodes, &mut sink)?;
        match sink {
            // Nothing that was written is no value.
            Sink::Typed(value) => Ok(value.unwrap_or_default()),
            Sink::Text(text) | Sink::Host(text) => Ok(Value::from(text)),
        }
    }

    fn nodes(&mut self, nodes: &'m [Node], sink: &mut Sink) -> Result<(), RenderError> {
        self.deeper()?;
        let done = nodes.iter().try_for_each(|node| {
            self.env.spend(1)?;
            self.node(node, sink)?;
            if sink.len() > OUTPUT_BYTES_MAX { Err(output_too_large()) } else { Ok(()) }
        });
        self.env.depth -= 1;
        done
    }

    fn node(&mut self, node: &'m Node, sink: &mut Sink) -> Result<(), RenderError> {
        match node {
            Node::Text(text) => sink.write(Value::Text(text.clone())),
            Node::Print(expr) => {
                let value = self.eval(expr)?;
                sink.write(value);
            }
            Node::If { branches, otherwise } => return self.if_node(branches, otherwise, sink),
            Node::For { name, over, body, otherwise } => return self.for_node(name, over, (body, otherwise), sink),
            Node::Set { name, value } => {
                let value = self.eval(value)?;
                self.scopes.set(name, value);
            }
            Node::Block(place) => return self.nodes(&self.parsed.blocks[*place].body, sink),
            Node::Filter { body, steps } => {
                let mut inner = Sink::Host(String::new());
                self.nodes(body, &mut inner)?;
                let mut value = Value::from(inner.into_text());
                for (call, span) in steps {
                    let outcome = self.filter(call, Input::Present(value));
                    value = outcome.map_err(|error| error.of_filter_tag().at(span.start))?;
                }
                sink.write(value);
            }
        }
        Ok(())
    }

    fn if_node(
        &mut self,
        branches: &'m [(Expr, Vec<Node>)],
        otherwise: &'m [Node],
        sink: &mut Sink,
    ) -> Result<(), RenderError> {
        for (condition, body) in branches {
            if self.condition(condition)? {
                return self.nodes(body, sink);
            }
        }
        self.nodes(otherwise, sink)
    }

    /// The condition of `if`; every failure that is not a limit reads as a wrong operand, as in Kestra.
    fn condition(&mut self, condition: &'m Expr) -> Result<bool, RenderError> {
        let wrong = |error: RenderError| match error.class() {
            Class::Limit => error,
            _ => RenderError::engine("Wrong operand(s) type in conditional expression").at(condition.span.start),
        };
        let value = self.eval(condition).map_err(wrong)?;
        operators::truth(&value).map_err(wrong)
    }

    fn for_node(
        &mut self,
        name: &Text,
        over: &'m Expr,
        (body, otherwise): (&'m [Node], &'m [Node]),
        sink: &mut Sink,
    ) -> Result<(), RenderError> {
        let over_value = self.eval(over)?;
        if over_value.is_null() {
            return Ok(());
        }
        let Some(members) = access::iterated(&over_value) else {
            let message = format!("Not an iterable object. Value = [{}]", over_value.host_text());
            return Err(RenderError::engine(message).at(over.span.start));
        };
        if members.is_empty() {
            return self.nodes(otherwise, sink);
        }
        self.scopes.push(Visibility::Outer);
        let length = members.len();
        let done = members.into_iter().enumerate().try_for_each(|(index, member)| {
            self.scopes.define("loop", loop_value(index, length));
            self.scopes.define(name, member);
            self.env.spend(1)?;
            self.nodes(body, sink)
        });
        self.scopes.pop();
        done
    }

    /// The value of an expression.
    pub(crate) fn eval(&mut self, expr: &'m Expr) -> Outcome {
        self.env.spend(1)?;
        if self.env.is_traced() {
            return self.eval_traced(expr);
        }
        self.deeper()?;
        let outcome = self.eval_kind(expr).map_err(|error| error.at(expr.span.start));
        self.env.depth -= 1;
        outcome
    }

    /// Counts the levels of evaluation, nested templates and macros included, which bounds the stack.
    #[inline]
    fn deeper(&mut self) -> Result<(), RenderError> {
        if self.env.depth == EVALUATION_DEPTH_MAX {
            return Err(RenderError::limit(format!(
                "the evaluation is nested deeper than {EVALUATION_DEPTH_MAX} levels"
            )));
        }
        self.env.depth += 1;
        Ok(())
    }

    #[cold]
    fn eval_traced(&mut self, expr: &'m Expr) -> Outcome {
        self.deeper()?;
        self.env.trace_depth += 1;
        let outcome = self.eval_kind(expr).map_err(|error| error.at(expr.span.start));
        self.env.note_step(self.source, expr.span, outcome.as_ref());
        self.env.trace_depth -= 1;
        self.env.depth -= 1;
        outcome
    }

    fn eval_kind(&mut self, expr: &'m Expr) -> Outcome {
        match &expr.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Interpolated(parts) => self.interpolated(parts),
            Kind::Variable(name) => self.variable(name),
            Kind::List(members) => {
                let members = members.iter().map(|member| self.eval(member));
                Ok(Value::from(members.collect::<Result<Vec<_>, _>>()?))
            }
            Kind::Map(entries) => self.map(entries),
            Kind::Member { object, name } => {
                let value = self.eval(object)?;
                access::member(&value, name).map_err(|error| null_root(object, &value, error))
            }
            Kind::Method { object, name } => {
                let value = self.eval(object)?;
                Err(null_root(object, &value, access::no_method(&value, name)))
            }
            Kind::Index { object, key } => {
                let value = self.eval(object)?;
                let key = self.eval(key)?;
                access::index(&value, &key).map_err(|error| null_root(object, &value, error))
            }
            Kind::Filtered { input, call } => {
                let input = self.filter_input(input, call)?;
                self.filter(call, input)
            }
            Kind::Call { function, args } => {
                let arguments = self.arguments(function.params, args)?;
                (function.run)(self, &arguments)
            }
            Kind::MacroCall { index, args } => self.macro_call(*index, args),
            Kind::BlockCall { name } => self.block_call(name),
            Kind::Test { input, test, expected } => self.test(input, *test, *expected),
            Kind::Unary { operator, operand } => self.unary(*operator, operand),
            Kind::Binary { operator, left, right } => self.binary(*operator, left, right),
            Kind::Ternary { condition, yes, no } => {
                let condition = self.eval(condition)?;
                let chosen = if !condition.is_null() && operators::truth(&condition)? { yes } else { no };
                self.eval(chosen)
            }
        }
    }

    fn interpolated(&mut self, parts: &'m [Expr]) -> Outcome {
        if let [single] = parts {
            return self.eval(single);
        }
        let mut out = String::new();
        for part in parts {
            let value = self.eval(part)?;
            if !value.is_null() {
                value.host_text_to(&mut out);
            }
            self.env.spend_bytes(out.len())?;
        }
        Ok(Value::from(out))
    }

    /// A variable: of the scopes first, of the caller then.
    fn variable(&mut self, name: &str) -> Outcome {
        if let Some(value) = self.scopes.get(name) {
            return Ok(value.clone());
        }
        let outer = if self.scopes.sees_variables() { self.outer_variable(name) } else { None };
        outer.ok_or_else(|| RenderError::missing(name))
    }

    fn outer_variable(&self, name: &str) -> Option<Value> {
        let value = self.variables.get(name);
        if value.is_none() && name == "locale" { Some(Value::from("en_US")) } else { value }
    }

    fn map(&mut self, entries: &'m [(Expr, Expr)]) -> Outcome {
        let mut map = Map::with_capacity(entries.len());
        for (key, value) in entries {
            let key = self.eval(key)?;
            let value = self.eval(value)?;
            map.insert(key.host_text(), value);
        }
        Ok(Value::from(map))
    }

    /// What goes into a filter: only `default` accepts a missing name.
    fn filter_input(&mut self, input: &'m Expr, call: &FilterCall) -> Result<Input, RenderError> {
        match self.eval(input) {
            Ok(value) => Ok(Input::Present(value)),
            Err(error) if call.filter.accepts_missing() && error.class() == Class::Missing => Ok(Input::Missing),
            Err(error) => Err(error),
        }
    }

    fn filter(&mut self, call: &'m FilterCall, input: Input) -> Outcome {
        let arguments = self.arguments(call.filter.params, &call.args)?;
        let value = match input {
            Input::Present(value) => value,
            Input::Missing => Value::Null,
        };
        (call.filter.run)(self, &value, &arguments)
    }

    fn arguments(&mut self, params: Option<&'static [&'static str]>, args: &'m Args) -> Result<Arguments, RenderError> {
        let Some(names) = params else {
            let values = args.positional.iter().map(|arg| self.eval(arg));
            return Ok(Arguments::unnamed(values.collect::<Result<_, _>>()?));
        };
        if args.positional.len() > names.len() {
            let message = format!(
                "The argument at position {} is not allowed. Only {} argument(s) are allowed.",
                names.len() + 1,
                names.len()
            );
            return Err(RenderError::engine(message));
        }
        let mut arguments = Arguments::named(names);
        for (place, arg) in args.positional.iter().enumerate() {
            let value = self.eval(arg)?;
            arguments.set(place, value);
        }
        for (name, arg) in &args.named {
            let Some(place) = names.iter().position(|known| *known == &**name) else {
                return Err(unknown_argument(name));
            };
            let value = self.eval(arg)?;
            arguments.set(place, value);
        }
        Ok(arguments)
    }

    fn test(&mut self, input: &'m Expr, test: Test, expected: Expected) -> Outcome {
        let holds = match self.eval(input) {
            Ok(value) => checks::holds(test, &value)?,
            Err(error) if test == Test::Defined && error.class() == Class::Missing => false,
            Err(error) => return Err(error),
        };
        Ok(Value::Bool(holds == (expected == Expected::Holds)))
    }

    fn unary(&mut self, operator: Unary, operand: &'m Expr) -> Outcome {
        let value = self.eval(operand)?;
        match operator {
            Unary::Not => operators::not(&value),
            Unary::Plus => operators::plus(&value),
            Unary::Minus => operators::minus(&value),
        }
    }

    fn binary(&mut self, operator: Binary, left: &'m Expr, right: &'m Expr) -> Outcome {
        match operator {
            Binary::And | Binary::Or => self.logic(operator, left, right),
            Binary::OrIfNull => match self.eval(left) {
                Ok(value) if !value.is_null() => Ok(value),
                Err(error) if error.class() != Class::Missing => Err(error),
                Ok(_) | Err(_) => self.eval(right),
            },
            Binary::OrIfMissing => match self.eval(left) {
                Err(error) if error.class() == Class::Missing => self.eval(right),
                other => other,
            },
            Binary::Contains | Binary::IsIn | Binary::Concatenate | Binary::Range => {
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                self.plain_operator(operator, &left, &right)
            }
            _ => self.named_operator(operator, left, right),
        }
    }

    fn logic(&mut self, operator: Binary, left: &'m Expr, right: &'m Expr) -> Outcome {
        let left = operators::operand_truth(&self.eval(left)?)?;
        let decided = if operator == Binary::And { !left } else { left };
        if decided {
            return Ok(Value::Bool(left));
        }
        Ok(Value::Bool(operators::operand_truth(&self.eval(right)?)?))
    }

    fn plain_operator(&mut self, operator: Binary, left: &Value, right: &Value) -> Outcome {
        match operator {
            Binary::Contains => operators::contains(left, right),
            Binary::IsIn => operators::is_in(left, right),
            Binary::Range => operators::range(left, right),
            _ => {
                let text = operators::concatenate(left, right);
                self.env.spend_bytes(text.len())?;
                Ok(Value::from(text))
            }
        }
    }

    /// Operators that report every failure of theirs, a missing operand included, under their own name.
    fn named_operator(&mut self, operator: Binary, left: &'m Expr, right: &'m Expr) -> Outcome {
        let comparison =
            matches!(operator, Binary::Less | Binary::LessOrEqual | Binary::Greater | Binary::GreaterOrEqual);
        let left = match self.eval(left) {
            Err(error) if !comparison => return Err(operators::failed(operator, error)),
            other => other?,
        };
        let right = match self.eval(right) {
            Err(error) if !comparison => return Err(operators::failed(operator, error)),
            other => other?,
        };
        let value = operators::apply(operator, &left, &right).map_err(|error| operators::failed(operator, error))?;
        self.pay_for(&value)?;
        Ok(value)
    }

    /// Checks the size of what an operation made, and pays for it.
    pub(crate) fn pay_for(&mut self, value: &Value) -> Result<(), RenderError> {
        match value {
            Value::Text(text) => self.env.spend_bytes(text.len()),
            Value::List(list) => self.pay_for_members(list.len()),
            Value::Map(map) => self.pay_for_members(map.len()),
            Value::Big(number) => self.env.spend_bytes(number.bits() as usize / 8),
            _ => Ok(()),
        }
    }

    pub(crate) fn pay_for_members(&mut self, members: usize) -> Result<(), RenderError> {
        if members > MEMBERS_MAX {
            return Err(RenderError::limit(format!("a list or map has more than {MEMBERS_MAX} members")));
        }
        self.env.spend(members as u64 / 8)
    }

    fn macro_call(&mut self, index: usize, args: &'m Args) -> Outcome {
        let called = &self.parsed.macros[index];
        let positional = args.positional.iter().map(|arg| self.eval(arg)).collect::<Result<Vec<_>, _>>()?;
        let named = args.named.iter().map(|(name, arg)| Ok((name, self.eval(arg)?)));
        let named = named.collect::<Result<Vec<_>, RenderError>>()?;
        if positional.len() > called.params.len() {
            let allowed = called.params.len();
            let message = format!(
                "The argument at position {} is not allowed. Only {allowed} argument(s) are allowed.",
                allowed + 1
            );
            return Err(RenderError::engine(message));
        }
        if let Some((name, _)) = named.iter().find(|(name, _)| !called.params.iter().any(|(param, _)| param == *name)) {
            return Err(unknown_argument(name));
        }
        self.enter()?;
        self.scopes.push(Visibility::OwnOnly);
        let result = self.macro_body(index, &positional, &named);
        self.scopes.pop();
        self.env.call_depth -= 1;
        result
    }

    fn macro_body(&mut self, index: usize, positional: &[Value], named: &[(&Text, Value)]) -> Outcome {
        let called = &self.parsed.macros[index];
        for (place, (param, default)) in called.params.iter().enumerate() {
            let given =
                positional.get(place).or_else(|| named.iter().find(|(name, _)| *name == param).map(|(_, value)| value));
            let value = match (given, default) {
                (Some(value), _) => value.clone(),
                (None, Some(default)) => self.eval(default)?,
                (None, None) => Value::Null,
            };
            self.scopes.define(param, value);
        }
        let mut sink = Sink::Host(String::new());
        self.nodes(&called.body, &mut sink)?;
        Ok(Value::from(sink.into_text()))
    }

    fn block_call(&mut self, name: &'m Expr) -> Outcome {
        let name = self.eval(name)?.host_text();
        let Some(block) = self.parsed.blocks.iter().find(|block| *block.name == name) else {
            return Ok(Value::from(""));
        };
        self.enter()?;
        let mut sink = Sink::Host(String::new());
        let done = self.nodes(&block.body, &mut sink);
        self.env.call_depth -= 1;
        done.map(|()| Value::from(sink.into_text()))
    }

    fn enter(&mut self) -> Result<(), RenderError> {
        if self.env.call_depth == CALL_DEPTH_MAX {
            return Err(RenderError::limit(format!("macros call each other deeper than {CALL_DEPTH_MAX} levels")));
        }
        self.env.call_depth += 1;
        Ok(())
    }
}

/// A member of a variable that is null is reported under the name of the variable.
fn null_root(object: &Expr, value: &Value, error: RenderError) -> RenderError {
    match &object.kind {
        Kind::Variable(name) if value.is_null() => RenderError::missing(&**name),
        _ => error,
    }
}

fn unknown_argument(name: &str) -> RenderError {
    RenderError::engine(format!("The following named argument does not exist: {name}"))
}

fn loop_value(index: usize, length: usize) -> Value {
    let state = [
        ("last", Value::Bool(index + 1 == length)),
        ("length", Value::integer(length as i64)),
        ("index", Value::integer(index as i64)),
        ("revindex", Value::integer((length - 1 - index) as i64)),
        ("first", Value::Bool(index == 0)),
    ];
    Host::Loop(Map::from_iter(state)).into()
}
