//! What an expression may call, beside CEL's operators and the macros `has`, `all`, `exists`, `exists_one`, `map` and
//! `filter`:
//!
//! | call | result |
//! | --- | --- |
//! | `lower(s)`, `upper(s)`, `trim(s)` | the text in small or capital letters, or without blanks around it |
//! | `join(list, sep)` | the texts of a list in one, empty ones and nulls left out |
//! | `coalesce(a, b, …)` | the first of up to eight values that is neither null nor an empty text, else null |
//! | `s.startsWith(t)`, `s.endsWith(t)`, `s.contains(t)`, `s.matches(regex)`, `matches(s, regex)` | true or false |
//! | `size(x)`, `x.size()` | number of characters or elements |
//! | `string(x)`, `int(x)`, `double(x)`, `bool(x)`, `timestamp(s)`, `duration(s)` | conversions |
//! | `s.trim()`, `s.lowerAscii()`, `s.upperAscii()`, `s.replace(a, b)`, `s.split(sep)`, `s.substring(from, to)`, `s.indexOf(t)`, `s.lastIndexOf(t)`, `s.charAt(n)`, `list.join(sep)` | CEL's strings library |
//! | `t.getFullYear()`, `t.getMonth()`, `t.getDate()`, `t.getDayOfWeek()`, `t.getHours()`, `t.getMinutes()` | parts of a timestamp, in the offset that it was written with |
//! | `type(x)`, `dyn(x)` | the type of a value; the value itself |
//!
//! Indexes count characters, not bytes.

use super::time::TimePart;
use crate::expression::kinds::Kind;

/// Most values that `coalesce` takes.
pub(crate) const MOST_ARGUMENTS: usize = 8;

/// What a function does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Lower,
    Upper,
    Trim,
    LowerAscii,
    UpperAscii,
    /// Joins texts; empty ones and nulls are left out.
    JoinFilled,
    /// Joins texts as CEL's strings library does; null is an error.
    Join,
    Coalesce,
    Size,
    ToText,
    ToWhole,
    ToDecimal,
    ToBool,
    ToTime,
    ToDuration,
    Type,
    Dyn,
    StartsWith,
    EndsWith,
    Contains,
    Matches,
    Replace,
    Split,
    Substring,
    IndexOf,
    LastIndexOf,
    CharAt,
    Part(TimePart),
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    Text,
    Whole,
    List,
    /// Text, a list or an object.
    Sized,
    Time,
    Any,
    /// What `string()` takes.
    Scalar,
    /// What `int()` takes.
    IntoWhole,
    /// What `double()` takes.
    IntoDecimal,
    /// What `bool()` takes.
    IntoBool,
    /// What `timestamp()` takes.
    IntoTime,
    /// What `duration()` takes.
    IntoDuration,
}

impl Parameter {
    /// Kinds that it takes; none when it takes all.
    pub(crate) const fn kinds(self) -> &'static [Kind] {
        use Kind::{Bool, Decimal, Duration, List, Map, Text, Time, Whole};
        match self {
            Self::Text => &[Text],
            Self::Whole => &[Whole],
            Self::List => &[List],
            Self::Sized => &[Text, List, Map],
            Self::Time => &[Time],
            Self::Any => &[],
            Self::Scalar => &[Text, Whole, Decimal, Bool, Time, Duration],
            Self::IntoWhole => &[Whole, Decimal, Text, Time],
            Self::IntoDecimal => &[Decimal, Whole, Text],
            Self::IntoBool => &[Bool, Text],
            Self::IntoTime => &[Time, Text, Whole],
            Self::IntoDuration => &[Duration, Text],
        }
    }
}

/// One way to call a function. For a member function the first parameter is what it is called on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) function: Function,
    pub(crate) is_member: bool,
    pub(crate) parameters: &'static [Parameter],
    /// Whether the last parameter may be repeated.
    pub(crate) is_variadic: bool,
    /// Whether null in place of a text, list or object is an answer of its own and no error.
    pub(crate) takes_null: bool,
    pub(crate) result: Kind,
}

const fn global(name: &'static str, function: Function, parameters: &'static [Parameter], result: Kind) -> Signature {
    Signature { name, function, is_member: false, parameters, is_variadic: false, takes_null: false, result }
}

const fn member(name: &'static str, function: Function, parameters: &'static [Parameter], result: Kind) -> Signature {
    Signature { is_member: true, ..global(name, function, parameters, result) }
}

const fn or_null(signature: Signature) -> Signature {
    Signature { takes_null: true, ..signature }
}

use Parameter::{
    Any, IntoBool, IntoDecimal, IntoDuration, IntoTime, IntoWhole, List, Scalar, Sized, Text, Time, Whole,
};

/// Everything that may be called.
pub(crate) const SIGNATURES: &[Signature] = &[
    or_null(global("lower", Function::Lower, &[Text], Kind::Text)),
    or_null(global("upper", Function::Upper, &[Text], Kind::Text)),
    or_null(global("trim", Function::Trim, &[Text], Kind::Text)),
    global("join", Function::JoinFilled, &[List, Text], Kind::Text),
    Signature { is_variadic: true, ..or_null(global("coalesce", Function::Coalesce, &[Any], Kind::Unknown)) },
    or_null(global("size", Function::Size, &[Sized], Kind::Whole)),
    global("string", Function::ToText, &[Scalar], Kind::Text),
    global("int", Function::ToWhole, &[IntoWhole], Kind::Whole),
    global("double", Function::ToDecimal, &[IntoDecimal], Kind::Decimal),
    global("bool", Function::ToBool, &[IntoBool], Kind::Bool),
    global("timestamp", Function::ToTime, &[IntoTime], Kind::Time),
    global("duration", Function::ToDuration, &[IntoDuration], Kind::Duration),
    or_null(global("matches", Function::Matches, &[Text, Text], Kind::Bool)),
    or_null(global("type", Function::Type, &[Any], Kind::Type)),
    or_null(global("dyn", Function::Dyn, &[Any], Kind::Unknown)),
    or_null(member("startsWith", Function::StartsWith, &[Text, Text], Kind::Bool)),
    or_null(member("endsWith", Function::EndsWith, &[Text, Text], Kind::Bool)),
    or_null(member("contains", Function::Contains, &[Text, Text], Kind::Bool)),
    or_null(member("matches", Function::Matches, &[Text, Text], Kind::Bool)),
    or_null(member("size", Function::Size, &[Sized], Kind::Whole)),
    or_null(member("trim", Function::Trim, &[Text], Kind::Text)),
    member("lowerAscii", Function::LowerAscii, &[Text], Kind::Text),
    member("upperAscii", Function::UpperAscii, &[Text], Kind::Text),
    member("replace", Function::Replace, &[Text, Text, Text], Kind::Text),
    member("replace", Function::Replace, &[Text, Text, Text, Whole], Kind::Text),
    member("split", Function::Split, &[Text, Text], Kind::List),
    member("split", Function::Split, &[Text, Text, Whole], Kind::List),
    member("substring", Function::Substring, &[Text, Whole], Kind::Text),
    member("substring", Function::Substring, &[Text, Whole, Whole], Kind::Text),
    member("indexOf", Function::IndexOf, &[Text, Text], Kind::Whole),
    member("lastIndexOf", Function::LastIndexOf, &[Text, Text], Kind::Whole),
    member("charAt", Function::CharAt, &[Text, Whole], Kind::Text),
    member("join", Function::Join, &[List], Kind::Text),
    member("join", Function::Join, &[List, Text], Kind::Text),
    member("getFullYear", Function::Part(TimePart::FullYear), &[Time], Kind::Whole),
    member("getMonth", Function::Part(TimePart::Month), &[Time], Kind::Whole),
    member("getDate", Function::Part(TimePart::Date), &[Time], Kind::Whole),
    member("getDayOfWeek", Function::Part(TimePart::DayOfWeek), &[Time], Kind::Whole),
    member("getHours", Function::Part(TimePart::Hours), &[Time], Kind::Whole),
    member("getMinutes", Function::Part(TimePart::Minutes), &[Time], Kind::Whole),
];

impl Signature {
    /// Whether it is called so, with so many values (the one before the dot included).
    pub(super) fn is_called_so(&self, is_member: bool, count: usize) -> bool {
        let wanted = self.parameters.len();
        let fits = if self.is_variadic { (wanted..=MOST_ARGUMENTS).contains(&count) } else { wanted == count };
        self.is_member == is_member && fits
    }

    /// What the value at an index must be.
    pub(crate) fn parameter(&self, index: usize) -> Parameter {
        self.parameters.get(index).or(self.parameters.last()).copied().unwrap_or(Any)
    }

    /// How it is written.
    pub(super) fn example(&self) -> String {
        let word = |parameter: &Parameter| match parameter {
            Text => "text",
            Whole => "number",
            List => "list",
            Time => "timestamp",
            _ => "value",
        };
        let words: Vec<&str> = self.parameters.iter().map(word).collect();
        match (self.is_member, words.split_first()) {
            (true, Some((on, rest))) => format!("{on}.{}({})", self.name, rest.join(", ")),
            _ => format!("{}({}{})", self.name, words.join(", "), if self.is_variadic { ", …" } else { "" }),
        }
    }
}
