//! Prints a tree back as a template, every operation in parentheses.

use super::ast::{Args, Binary, Expected, Expr, FilterCall, INFIX, Infix, Kind, Macro, Node, Test, Unary};
use super::lex::is_space;
use super::parse::Parsed;
use super::value::Value;

/// The template that the tree stands for. Reading it gives the same tree.
pub(crate) fn print(parsed: &Parsed) -> String {
    let mut printer = Printer { parsed, out: String::new() };
    parsed.macros.iter().for_each(|one| printer.macro_tag(one));
    printer.nodes(&parsed.nodes);
    printer.out
}

struct Printer<'p> {
    parsed: &'p Parsed,
    out: String,
}

impl Printer<'_> {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn macro_tag(&mut self, one: &Macro) {
        self.push(&format!("{{% macro {}(", one.name));
        for (place, (name, default)) in one.params.iter().enumerate() {
            self.push(if place == 0 { "" } else { ", " });
            self.push(name);
            if let Some(default) = default {
                self.push("=");
                self.expr(default);
            }
        }
        self.push(") %}");
        self.nodes(&one.body);
        self.push("{% endmacro %}");
    }

    fn nodes(&mut self, nodes: &[Node]) {
        nodes.iter().for_each(|node| self.node(node));
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Text(text) if text.contains('{') => {
                // White space behind the tag would not be part of the text.
                let protected = text.trim_start_matches(is_space);
                self.push(&text[..text.len() - protected.len()]);
                self.push("{% verbatim %}");
                self.push(protected);
                self.push("{% endverbatim %}");
            }
            Node::Text(text) => self.push(text),
            Node::Print(expr) => {
                self.push("{{ ");
                self.expr(expr);
                self.push(" }}");
            }
            Node::If { branches, otherwise } => {
                for (place, (condition, body)) in branches.iter().enumerate() {
                    self.push(if place == 0 { "{% if " } else { "{% elseif " });
                    self.expr(condition);
                    self.push(" %}");
                    self.nodes(body);
                }
                self.otherwise(otherwise);
                self.push("{% endif %}");
            }
            Node::For { name, over, body, otherwise } => {
                self.push(&format!("{{% for {name} in "));
                self.expr(over);
                self.push(" %}");
                self.nodes(body);
                self.otherwise(otherwise);
                self.push("{% endfor %}");
            }
            Node::Set { name, value } => {
                self.push(&format!("{{% set {name} = "));
                self.expr(value);
                self.push(" %}");
            }
            Node::Block(place) => {
                let block = &self.parsed.blocks[*place];
                self.push(&format!("{{% block {} %}}", block.name));
                self.nodes(&block.body);
                self.push("{% endblock %}");
            }
            Node::Filter { body, steps } => {
                self.push("{% filter ");
                for (place, (call, _)) in steps.iter().enumerate() {
                    self.push(if place == 0 { "" } else { " | " });
                    self.filter(call);
                }
                self.push(" %}");
                self.nodes(body);
                self.push("{% endfilter %}");
            }
        }
    }

    fn otherwise(&mut self, nodes: &[Node]) {
        if !nodes.is_empty() {
            self.push("{% else %}");
            self.nodes(nodes);
        }
    }

    /// An expression in parentheses, unless it is a single word or has brackets of its own.
    fn expr(&mut self, expr: &Expr) {
        let alone = matches!(
            expr.kind,
            Kind::Literal(_)
                | Kind::Variable(_)
                | Kind::List(_)
                | Kind::Map(_)
                | Kind::Interpolated(_)
                | Kind::Call { .. }
        );
        if !alone {
            self.push("(");
        }
        self.kind(&expr.kind);
        if !alone {
            self.push(")");
        }
    }

    fn kind(&mut self, kind: &Kind) {
        match kind {
            Kind::Literal(value) => self.push(&literal(value)),
            Kind::Interpolated(parts) => self.interpolated(parts),
            Kind::Variable(name) => self.push(name),
            Kind::List(members) => {
                self.push("[");
                self.exprs(members);
                self.push("]");
            }
            Kind::Map(entries) => self.map(entries),
            Kind::Member { object, name } => {
                self.object(object);
                self.push(&format!(".{name}"));
            }
            Kind::Method { object, name } => {
                self.object(object);
                self.push(&format!(".{name}()"));
            }
            Kind::Index { object, key } => {
                self.object(object);
                self.push("[");
                self.expr(key);
                self.push("]");
            }
            Kind::Filtered { input, call } => {
                self.expr(input);
                self.push(" | ");
                self.filter(call);
            }
            Kind::Call { function, args } => {
                self.push(function.name);
                self.args(args);
            }
            Kind::MacroCall { index, args } => {
                let name = self.parsed.macros[*index].name.clone();
                self.push(&name);
                self.args(args);
            }
            Kind::BlockCall { name } => {
                self.push("block(");
                self.expr(name);
                self.push(")");
            }
            Kind::Test { input, test, expected } => {
                self.expr(input);
                self.push(if *expected == Expected::Holds { " is " } else { " is not " });
                self.push(test_name(*test));
            }
            Kind::Unary { operator, operand } => {
                self.push(sign(*operator));
                self.expr(operand);
            }
            Kind::Binary { operator, left, right } => {
                self.expr(left);
                self.push(&format!(" {} ", spelling(*operator)));
                self.expr(right);
            }
            Kind::Ternary { condition, yes, no } => {
                self.expr(condition);
                self.push(" ? ");
                self.expr(yes);
                self.push(" : ");
                self.expr(no);
            }
        }
    }

    fn map(&mut self, entries: &[(Expr, Expr)]) {
        self.push("{");
        for (place, (key, value)) in entries.iter().enumerate() {
            self.push(if place == 0 { "" } else { ", " });
            self.expr(key);
            self.push(": ");
            self.expr(value);
        }
        self.push("}");
    }

    /// A member stands directly behind a name, a text or a call; lists and maps need parentheses.
    fn object(&mut self, object: &Expr) {
        match &object.kind {
            Kind::List(_) | Kind::Map(_) => {
                self.push("(");
                self.kind(&object.kind);
                self.push(")");
            }
            _ => self.expr(object),
        }
    }

    fn exprs(&mut self, exprs: &[Expr]) {
        for (place, expr) in exprs.iter().enumerate() {
            self.push(if place == 0 { "" } else { ", " });
            self.expr(expr);
        }
    }

    fn interpolated(&mut self, parts: &[Expr]) {
        self.push("\"");
        for part in parts {
            match &part.kind {
                Kind::Literal(Value::Text(text)) => self.push(&text.replace('"', "\\\"")),
                _ => {
                    self.push("#{");
                    self.expr(part);
                    self.push("}");
                }
            }
        }
        self.push("\"");
    }

    fn filter(&mut self, call: &FilterCall) {
        self.push(call.filter.name);
        if !(call.args.positional.is_empty() && call.args.named.is_empty()) {
            self.args(&call.args);
        }
    }

    fn args(&mut self, args: &Args) {
        self.push("(");
        self.exprs(&args.positional);
        for (place, (name, value)) in args.named.iter().enumerate() {
            self.push(if place == 0 && args.positional.is_empty() { "" } else { ", " });
            self.push(&format!("{name}="));
            self.expr(value);
        }
        self.push(")");
    }
}

fn sign(operator: Unary) -> &'static str {
    match operator {
        Unary::Not => "not ",
        Unary::Plus => "+",
        Unary::Minus => "-",
    }
}

fn spelling(operator: Binary) -> &'static str {
    // `equals` and `==` are the same operator; the later one in the table is the sign.
    let found = INFIX.iter().rev().find(|(_, _, infix)| *infix == Infix::Binary(operator));
    found.map_or("", |(spelled, _, _)| spelled)
}

fn test_name(test: Test) -> &'static str {
    Test::ALL.iter().find(|(_, known)| *known == test).map_or("", |(name, _)| name)
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Double(number) => {
            let digits = number.to_string();
            if digits.contains('.') { digits } else { format!("{digits}.0") }
        }
        Value::Text(text) if text.contains('"') || text.contains("#{") => format!("'{}'", text.replace('\'', "\\'")),
        Value::Text(text) => format!("\"{text}\""),
        other => other.host_text(),
    }
}
