//! The checked tree of an expression: every name is a variable that exists, every call a function that exists and is
//! called as it has to be, every macro a loop over one list. What the tree cannot hold is a [`Mistake`].

use cel::common::ast::operators;

use super::functions::Signature;
use super::pattern::Pattern;
use crate::expression::kinds::Kind;

/// One node of the tree.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Whole(i64),
    Decimal(f64),
    Text(Box<str>),
    /// The name of a type: `type(x) == string`.
    Kind(Kind),
    /// The row.
    Row,
    /// The variable of a macro around the node, counted from the outermost.
    Bound(usize),
    Select(Box<Node>, Box<str>),
    Index(Box<[Node; 2]>),
    List(Vec<Node>),
    Object(Vec<(Node, Node)>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    Conditional(Box<[Node; 3]>),
    Binary(Operator, Box<[Node; 2]>),
    Call(&'static Signature, Vec<Node>),
    /// A text against a pattern that is written in quotes.
    Matches(Box<Node>, Pattern),
    Loop(Box<Loop>),
}

/// A macro over a list, or the keys of an object.
#[derive(Clone, Debug)]
pub(crate) struct Loop {
    pub(crate) over: Node,
    pub(crate) act: Act,
}

/// What a macro does with each element.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    All(Node),
    Exists(Node),
    ExistsOne(Node),
    Filter(Node),
    /// The new element, of those for which the condition is true.
    Map {
        condition: Option<Node>,
        element: Node,
    },
}

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    /// The operator of a name in the parser's tree.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            operators::EQUALS => Self::Equal,
            operators::NOT_EQUALS => Self::NotEqual,
            operators::LESS => Self::Less,
            operators::LESS_EQUALS => Self::LessOrEqual,
            operators::GREATER => Self::Greater,
            operators::GREATER_EQUALS => Self::GreaterOrEqual,
            operators::IN => Self::In,
            operators::ADD => Self::Add,
            operators::SUBSTRACT => Self::Subtract,
            operators::MULTIPLY => Self::Multiply,
            operators::DIVIDE => Self::Divide,
            operators::MODULO => Self::Remainder,
            _ => return None,
        })
    }

    /// As people write it.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}
