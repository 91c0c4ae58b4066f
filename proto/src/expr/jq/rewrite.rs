//! Rewrites a program so that every value pays where values can multiply or grow.
//!
//! `_step` pays for an output, `_grown` for the length of one, `_measured` for all that is in it. All three pass their input
//! on unchanged and are paths, so that they can stand in paths and updates too.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::ops::Math;
use jaq_core::path::{Opt, Part, Path};

type T<'s> = Term<&'s str>;

/// Deepest nesting of a program, which bounds the stack of the rewriting, the compiling and the running.
const DEPTH_MAX: usize = 100;

/// Functions whose cost does not depend on the size of their input.
const CHEAP: [&str; 17] = [
    "select", "empty", "error", "not", "first", "last", "limit", "length", "type", "range", "repeat", "until", "while",
    "recurse", "true", "false", "null",
];

/// Functions of mathematics, whose results lose their point where they are whole.
const MATHEMATICS: [&str; 20] = [
    "sqrt", "pow", "log", "log2", "log10", "exp", "exp2", "exp10", "fabs", "cbrt", "sin", "cos", "tan", "asin", "acos",
    "atan", "trunc", "rint", "fmin", "fmax",
];

/// The program as the body of a definition; `None` when it defines a function in terms of itself or uses a name of ours.
pub(super) fn definition(program: T<'_>) -> Option<Def<&str>> {
    let body = Rewriter { enclosing: Vec::new(), depth: 0 }.term(program)?;
    Some(Def { name: "_main", args: Vec::new(), body: stepped(body) })
}

fn call(name: &'static str) -> T<'static> {
    Term::Call(name, Vec::new())
}

fn pipe<'s>(left: T<'s>, right: T<'s>) -> T<'s> {
    Term::BinOp(Box::new(left), BinaryOp::Pipe(None), Box::new(right))
}

fn stepped(term: T<'_>) -> T<'_> {
    pipe(term, call("_step"))
}

fn grown(term: T<'_>) -> T<'_> {
    pipe(term, call("_grown"))
}

/// The result of arithmetic: a whole number loses its point, as in Kestra.
fn computed(term: T<'_>) -> T<'_> {
    pipe(grown(term), call("_whole"))
}

/// Ours where the outcome must be bounded, or is another one than jaq's.
fn calculation<'s>(math: Math, left: T<'s>, right: T<'s>) -> T<'s> {
    match math {
        Math::Mul => Term::Call("_product", vec![left, right]),
        Math::Div => Term::Call("_quotient", vec![left, right]),
        Math::Rem => Term::Call("_remainder", vec![left, right]),
        _ => Term::BinOp(Box::new(left), BinaryOp::Math(math), Box::new(right)),
    }
}

fn measured(term: T<'_>) -> T<'_> {
    pipe(term, call("_measured"))
}

struct Rewriter<'s> {
    /// Functions whose bodies are being rewritten, and which may not be called there.
    enclosing: Vec<&'s str>,
    depth: usize,
}

impl<'s> Rewriter<'s> {
    fn term(&mut self, term: T<'s>) -> Option<T<'s>> {
        if self.depth == DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        let rewritten = self.any(term);
        self.depth -= 1;
        rewritten
    }

    fn boxed(&mut self, term: T<'s>) -> Option<Box<T<'s>>> {
        self.term(term).map(Box::new)
    }

    fn optional(&mut self, term: Option<Box<T<'s>>>) -> Option<Option<Box<T<'s>>>> {
        match term {
            Some(term) => self.boxed(*term).map(Some),
            None => Some(None),
        }
    }

    fn terms(&mut self, terms: Vec<T<'s>>) -> Option<Vec<T<'s>>> {
        terms.into_iter().map(|term| self.term(term)).collect()
    }

    fn any(&mut self, term: T<'s>) -> Option<T<'s>> {
        Some(match term {
            Term::Id | Term::Num(_) | Term::Var(_) | Term::Break(_) | Term::Arr(None) => term,
            Term::Recurse => pipe(call("_measured"), call("recurse")),
            Term::Str(format, parts) => grown(Term::Str(format, self.parts(parts)?)),
            Term::Arr(Some(inner)) => measured(Term::Arr(Some(self.boxed(*inner)?))),
            Term::Obj(entries) => measured(Term::Obj(self.entries(entries)?)),
            Term::Neg(inner) => Term::Neg(self.boxed(*inner)?),
            Term::BinOp(left, operator, right) => self.binary(*left, operator, *right)?,
            Term::Label(name, inner) => Term::Label(name, self.boxed(*inner)?),
            Term::Fold(kind, source, pattern, steps) => {
                let source = stepped(self.term(*source)?);
                let steps = self.terms(steps)?.into_iter().map(stepped).collect();
                Term::Fold(kind, Box::new(source), self.pattern(pattern)?, steps)
            }
            Term::TryCatch(tried, caught) => Term::TryCatch(self.boxed(*tried)?, self.optional(caught)?),
            Term::IfThenElse(branches, otherwise) => {
                let branches =
                    branches.into_iter().map(|(condition, then)| Some((self.term(condition)?, self.term(then)?)));
                Term::IfThenElse(branches.collect::<Option<_>>()?, self.optional(otherwise)?)
            }
            Term::Def(definitions, inner) => {
                let definitions = definitions.into_iter().map(|one| self.def(one)).collect::<Option<_>>()?;
                Term::Def(definitions, self.boxed(*inner)?)
            }
            Term::Call(name, args) => self.call(name, args)?,
            Term::Path(head, path) => self.path(*head, path)?,
        })
    }

    fn parts(&mut self, parts: Vec<StrPart<&'s str, T<'s>>>) -> Option<Vec<StrPart<&'s str, T<'s>>>> {
        let rewritten = parts.into_iter().map(|part| match part {
            StrPart::Term(term) => Some(StrPart::Term(measured(self.term(term)?))),
            StrPart::Str(_) | StrPart::Char(_) => Some(part),
        });
        rewritten.collect()
    }

    fn entries(&mut self, entries: Vec<(T<'s>, Option<T<'s>>)>) -> Option<Vec<(T<'s>, Option<T<'s>>)>> {
        let rewritten = entries.into_iter().map(|(key, value)| match value {
            Some(value) => Some((stepped_unless_plain(self.term(key)?), Some(stepped(self.term(value)?)))),
            // `{a}`, `{$x}`, `{"a"}`: the key says what the value is.
            None => Some((key, None)),
        });
        rewritten.collect()
    }

    fn pattern(&mut self, pattern: Pattern<&'s str>) -> Option<Pattern<&'s str>> {
        Some(match pattern {
            Pattern::Var(name) => Pattern::Var(name),
            Pattern::Arr(inner) => Pattern::Arr(inner.into_iter().map(|one| self.pattern(one)).collect::<Option<_>>()?),
            Pattern::Obj(entries) => {
                let entries =
                    entries.into_iter().map(|(key, one)| Some((key_of_pattern(self, key)?, self.pattern(one)?)));
                Pattern::Obj(entries.collect::<Option<_>>()?)
            }
        })
    }

    fn binary(&mut self, left: T<'s>, operator: BinaryOp<&'s str>, right: T<'s>) -> Option<T<'s>> {
        let left = self.term(left)?;
        let right = self.term(right)?;
        let join = |left, operator, right| Term::BinOp(Box::new(left), operator, Box::new(right));
        Some(match operator {
            BinaryOp::Pipe(None) => pipe(stepped(left), right),
            BinaryOp::Pipe(Some(pattern)) => {
                let pattern = self.pattern(pattern)?;
                join(stepped(left), BinaryOp::Pipe(Some(pattern)), right)
            }
            BinaryOp::Comma => join(left, BinaryOp::Comma, right),
            BinaryOp::Alt | BinaryOp::Or | BinaryOp::And => join(stepped(left), operator, stepped(right)),
            BinaryOp::Math(math) => computed(calculation(math, stepped(left), stepped(right))),
            BinaryOp::Cmp(_) => stepped(join(measured(left), operator, measured(right))),
            BinaryOp::Assign | BinaryOp::UpdateAlt => grown(join(left, operator, stepped(right))),
            BinaryOp::Update => grown(join(left, operator, grown(right))),
            BinaryOp::UpdateMath(math) => {
                let operand = || Term::Var("$_operand");
                let changed = calculation(math, Term::Id, operand());
                let update = grown(join(left, BinaryOp::Update, grown(changed)));
                join(stepped(right), BinaryOp::Pipe(Some(Pattern::Var("$_operand"))), update)
            }
        })
    }

    fn def(&mut self, mut one: Def<&'s str>) -> Option<Def<&'s str>> {
        if one.name.starts_with('_') {
            return None;
        }
        // A parameter of the same name hides the function.
        let hidden: Vec<_> = self.enclosing.iter().copied().filter(|name| one.args.contains(name)).collect();
        let enclosing = self.enclosing.clone();
        self.enclosing.retain(|name| !hidden.contains(name));
        if !one.args.contains(&one.name) {
            self.enclosing.push(one.name);
        }
        let body = self.term(std::mem::take(&mut one.body));
        self.enclosing = enclosing;
        one.body = body?;
        Some(one)
    }

    fn call(&mut self, name: &'s str, args: Vec<T<'s>>) -> Option<T<'s>> {
        if name.starts_with('_') || self.enclosing.contains(&name) {
            return None;
        }
        let called = Term::Call(name, self.terms(args)?);
        let called = if MATHEMATICS.contains(&name) { computed(called) } else { grown(called) };
        Some(if CHEAP.contains(&name) { called } else { pipe(call("_measured"), called) })
    }

    fn path(&mut self, head: T<'s>, path: Path<T<'s>>) -> Option<T<'s>> {
        let mut head = self.term(head)?;
        if let Some((Part::Index(Term::Num(_)), optional)) = path.0.first() {
            head = pipe(
                head,
                call(match optional {
                    Opt::Essential => "_list",
                    Opt::Optional => "_list_or_nothing",
                }),
            );
        }
        let mut parts = Vec::with_capacity(path.0.len());
        for (part, optional) in path.0 {
            let part = match part {
                Part::Index(index) => Part::Index(self.index(index)?),
                Part::Range(from, to) => Part::Range(self.bound(from)?, self.bound(to)?),
            };
            parts.push((part, optional));
        }
        Some(stepped(Term::Path(Box::new(head), Path(parts))))
    }

    fn index(&mut self, index: T<'s>) -> Option<T<'s>> {
        let index = self.term(index)?;
        let is_plain =
            matches!(&index, Term::Str(None, parts) if parts.iter().all(|part| !matches!(part, StrPart::Term(_))));
        Some(if is_plain { index } else { pipe(index, pipe_index()) })
    }

    fn bound(&mut self, bound: Option<T<'s>>) -> Option<Option<T<'s>>> {
        match bound {
            Some(bound) => self.index(bound).map(Some),
            None => Some(None),
        }
    }
}

/// `if _pay_index then . else empty end`
fn pipe_index() -> T<'static> {
    Term::IfThenElse(vec![(call("_pay_index"), Term::Id)], Some(Box::new(call("empty"))))
}

fn stepped_unless_plain(key: T<'_>) -> T<'_> {
    match key {
        Term::Str(..) | Term::Var(_) | Term::Num(_) => key,
        other => stepped(other),
    }
}

/// The keys of a pattern are mostly plain names.
fn key_of_pattern<'s>(rewriter: &mut Rewriter<'s>, key: T<'s>) -> Option<T<'s>> {
    match key {
        Term::Str(None, _) | Term::Var(_) => Some(key),
        other => rewriter.term(other),
    }
}
