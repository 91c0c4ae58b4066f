//! The typed tree of a template. Every expression knows the bytes it stands on.

use super::filters::Filter;
use super::functions::Function;
use super::value::{Text, Value};

/// Bytes of the source, end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

#[derive(Debug)]
pub(crate) enum Node {
    Text(Text),
    Print(Expr),
    If {
        branches: Vec<(Expr, Vec<Node>)>,
        otherwise: Vec<Node>,
    },
    For {
        name: Text,
        over: Expr,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Set {
        name: Text,
        value: Expr,
    },
    /// Shows the block of this number.
    Block(usize),
    /// Renders the body and sends it through the filters.
    Filter {
        body: Vec<Node>,
        steps: Vec<(FilterCall, Span)>,
    },
}

/// `{% macro name(a, b="x") %}…{% endmacro %}`, callable from anywhere in its template.
#[derive(Debug)]
pub(crate) struct Macro {
    pub(crate) name: Text,
    pub(crate) params: Vec<(Text, Option<Expr>)>,
    pub(crate) body: Vec<Node>,
}

/// `{% block name %}…{% endblock %}`.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) name: Text,
    pub(crate) body: Vec<Node>,
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// Levels of the tree from here down, which bounds the stack of the evaluator.
    pub(crate) height: u16,
}

impl Expr {
    pub(crate) fn new(kind: Kind, span: Span) -> Expr {
        let height = 1 + kind.children().map(|child| child.height).max().unwrap_or(0);
        Expr { kind, span, height }
    }
}

#[derive(Debug)]
pub(crate) enum Kind {
    Literal(Value),
    /// Text with `#{…}` in it.
    Interpolated(Vec<Expr>),
    Variable(Text),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    /// `object.name`
    Member {
        object: Box<Expr>,
        name: Text,
    },
    /// `object.name(…)`: never answered, see [`super::access`].
    Method {
        object: Box<Expr>,
        name: Text,
    },
    /// `object[key]`
    Index {
        object: Box<Expr>,
        key: Box<Expr>,
    },
    Filtered {
        input: Box<Expr>,
        call: FilterCall,
    },
    Call {
        function: &'static Function,
        args: Args,
    },
    MacroCall {
        index: usize,
        args: Args,
    },
    BlockCall {
        name: Box<Expr>,
    },
    Test {
        input: Box<Expr>,
        test: Test,
        expected: Expected,
    },
    Unary {
        operator: Unary,
        operand: Box<Expr>,
    },
    Binary {
        operator: Binary,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Ternary {
        condition: Box<Expr>,
        yes: Box<Expr>,
        no: Box<Expr>,
    },
}

impl Kind {
    /// The expressions directly below.
    pub(crate) fn children(&self) -> Box<dyn Iterator<Item = &Expr> + '_> {
        match self {
            Kind::Literal(_) | Kind::Variable(_) => Box::new(std::iter::empty()),
            Kind::Interpolated(parts) | Kind::List(parts) => Box::new(parts.iter()),
            Kind::Map(entries) => Box::new(entries.iter().flat_map(|(key, value)| [key, value])),
            Kind::Member { object, .. } | Kind::Method { object, .. } => Box::new([&**object].into_iter()),
            Kind::Index { object, key } => Box::new([&**object, &**key].into_iter()),
            Kind::Filtered { input, call } => Box::new(std::iter::once(&**input).chain(call.args.all())),
            Kind::Call { args, .. } | Kind::MacroCall { args, .. } => Box::new(args.all()),
            Kind::BlockCall { name: one } | Kind::Test { input: one, .. } | Kind::Unary { operand: one, .. } => {
                Box::new([&**one].into_iter())
            }
            Kind::Binary { left, right, .. } => Box::new([&**left, &**right].into_iter()),
            Kind::Ternary { condition, yes, no } => Box::new([&**condition, &**yes, &**no].into_iter()),
        }
    }
}

#[derive(Debug)]
pub(crate) struct FilterCall {
    pub(crate) filter: &'static Filter,
    pub(crate) args: Args,
}

#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) positional: Vec<Expr>,
    pub(crate) named: Vec<(Text, Expr)>,
}

impl Args {
    fn all(&self) -> impl Iterator<Item = &Expr> {
        self.positional.iter().chain(self.named.iter().map(|(_, value)| value))
    }
}

/// Whether a test must hold (`is`) or must not (`is not`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Holds,
    Fails,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Defined,
    Empty,
    Even,
    Iterable,
    Json,
    Map,
    Null,
    Odd,
}

impl Test {
    pub(crate) const ALL: [(&'static str, Test); 8] = [
        ("defined", Test::Defined),
        ("empty", Test::Empty),
        ("even", Test::Even),
        ("iterable", Test::Iterable),
        ("json", Test::Json),
        ("map", Test::Map),
        ("null", Test::Null),
        ("odd", Test::Odd),
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Plus,
    Minus,
}

impl Unary {
    /// Binds tighter than every binary operator.
    pub(crate) const PRECEDENCE: u16 = 500;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    Contains,
    Equals,
    NotEquals,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    OrIfNull,
    OrIfMissing,
    IsIn,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Concatenate,
    Range,
}

/// What stands between two operands: an operator, a filter bar or a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Infix {
    Binary(Binary),
    Filter,
    Test(Expected),
}

/// Every infix operator with its precedence; all group to the left. Longer spellings stand first, so that the lexer finds
/// them. `in` is no operator of the lexer: it is a plain name that the parser takes for `isIn` between two operands.
pub(crate) const INFIX: [(&str, u16, Infix); 23] = [
    ("contains", 20, Infix::Binary(Binary::Contains)),
    ("equals", 30, Infix::Binary(Binary::Equals)),
    ("is not", 20, Infix::Test(Expected::Fails)),
    ("isIn", 30, Infix::Binary(Binary::IsIn)),
    ("and", 15, Infix::Binary(Binary::And)),
    ("???", 30, Infix::Binary(Binary::OrIfMissing)),
    ("or", 10, Infix::Binary(Binary::Or)),
    ("is", 20, Infix::Test(Expected::Holds)),
    ("!=", 30, Infix::Binary(Binary::NotEquals)),
    ("<=", 30, Infix::Binary(Binary::LessOrEqual)),
    ("==", 30, Infix::Binary(Binary::Equals)),
    (">=", 30, Infix::Binary(Binary::GreaterOrEqual)),
    ("??", 30, Infix::Binary(Binary::OrIfNull)),
    ("..", 120, Infix::Binary(Binary::Range)),
    ("<", 30, Infix::Binary(Binary::Less)),
    (">", 30, Infix::Binary(Binary::Greater)),
    ("+", 40, Infix::Binary(Binary::Add)),
    ("-", 40, Infix::Binary(Binary::Subtract)),
    ("%", 60, Infix::Binary(Binary::Remainder)),
    ("*", 60, Infix::Binary(Binary::Multiply)),
    ("/", 60, Infix::Binary(Binary::Divide)),
    ("|", 100, Infix::Filter),
    ("~", 110, Infix::Binary(Binary::Concatenate)),
];
