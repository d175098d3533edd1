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
//! | `t.getFullYear()`, `t.getMonth()`, `t.getDate()`, `t.getDayOfWeek()`, `t.getHours()`, `t.getMinutes()` | parts of a timestamp |

use cel::common::types::{
    CelBool, CelInt, CelList, CelNull, CelString, DYN_TYPE, LIST_TYPE, NULL_TYPE, STRING_TYPE, Type,
};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError, extensions};

use super::super::compile::kinds::Kind;

/// Most values that `coalesce` takes.
const MAX_COALESCE: usize = 8;

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    Text,
    Whole,
    List,
    Sized,
    Time,
    Any,
}

/// One way to call a function. For a member function the first parameter is what it is called on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) is_member: bool,
    pub(crate) parameters: &'static [Parameter],
    /// Whether the last parameter may be repeated.
    pub(crate) is_variadic: bool,
    pub(crate) result: Kind,
}

const fn global(name: &'static str, parameters: &'static [Parameter], result: Kind) -> Signature {
    Signature { name, is_member: false, parameters, is_variadic: false, result }
}

const fn member(name: &'static str, parameters: &'static [Parameter], result: Kind) -> Signature {
    Signature { name, is_member: true, parameters, is_variadic: false, result }
}

use Parameter::{Any, List, Sized, Text, Time, Whole};

/// Everything that may be called.
pub(crate) const SIGNATURES: &[Signature] = &[
    global("lower", &[Text], Kind::Text),
    global("upper", &[Text], Kind::Text),
    global("trim", &[Text], Kind::Text),
    global("join", &[List, Text], Kind::Text),
    Signature { name: "coalesce", is_member: false, parameters: &[Any], is_variadic: true, result: Kind::Unknown },
    global("size", &[Sized], Kind::Whole),
    global("string", &[Any], Kind::Text),
    global("int", &[Any], Kind::Whole),
    global("double", &[Any], Kind::Decimal),
    global("bool", &[Any], Kind::Bool),
    global("timestamp", &[Any], Kind::Time),
    global("duration", &[Any], Kind::Duration),
    global("matches", &[Text, Text], Kind::Bool),
    global("type", &[Any], Kind::Unknown),
    global("dyn", &[Any], Kind::Unknown),
    member("startsWith", &[Text, Text], Kind::Bool),
    member("endsWith", &[Text, Text], Kind::Bool),
    member("contains", &[Text, Text], Kind::Bool),
    member("matches", &[Text, Text], Kind::Bool),
    member("size", &[Sized], Kind::Whole),
    member("trim", &[Text], Kind::Text),
    member("lowerAscii", &[Text], Kind::Text),
    member("upperAscii", &[Text], Kind::Text),
    member("replace", &[Text, Text, Text], Kind::Text),
    member("replace", &[Text, Text, Text, Whole], Kind::Text),
    member("split", &[Text, Text], Kind::List),
    member("split", &[Text, Text, Whole], Kind::List),
    member("substring", &[Text, Whole], Kind::Text),
    member("substring", &[Text, Whole, Whole], Kind::Text),
    member("indexOf", &[Text, Text], Kind::Whole),
    member("lastIndexOf", &[Text, Text], Kind::Whole),
    member("charAt", &[Text, Whole], Kind::Text),
    member("join", &[List], Kind::Text),
    member("join", &[List, Text], Kind::Text),
    member("getFullYear", &[Time], Kind::Whole),
    member("getMonth", &[Time], Kind::Whole),
    member("getDate", &[Time], Kind::Whole),
    member("getDayOfWeek", &[Time], Kind::Whole),
    member("getHours", &[Time], Kind::Whole),
    member("getMinutes", &[Time], Kind::Whole),
];

/// CEL's standard and strings libraries and Rollcall's own functions, without the optional syntax (`a.?b`).
pub(super) fn environment() -> Env {
    let mut env = Env::stdlib().with_optional_support(false);
    let declared = declare(&mut env);
    debug_assert!(declared.is_ok(), "two functions have the same signature");
    env
}

fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_extension(extensions::strings)?;
    env.add_overload("lower", "lower_string", vec![STRING_TYPE], |args| text(args, str::to_lowercase))?;
    env.add_overload("upper", "upper_string", vec![STRING_TYPE], |args| text(args, str::to_uppercase))?;
    env.add_overload("trim", "trim_string", vec![STRING_TYPE], |args| text(args, |text| text.trim().to_owned()))?;
    for name in ["lower", "upper", "trim"] {
        env.add_overload(name, &format!("{name}_null"), vec![NULL_TYPE], |_| Ok(CowVal::owned(CelNull)))?;
    }
    env.add_overload("join", "join_list_string", vec![LIST_TYPE, STRING_TYPE], join)?;
    for count in 1..=MAX_COALESCE {
        let parameters = (0..count).map(|_| DYN_TYPE).collect();
        env.add_overload("coalesce", &format!("coalesce_{count}"), parameters, coalesce)?;
    }
    declare_for_null(env)
}

/// A text test on a missing value is false, not an error.
fn declare_for_null(env: &mut Env) -> Result<(), DeclarationError> {
    for name in ["startsWith", "endsWith", "contains", "matches"] {
        for (kind, type_) in [("string", STRING_TYPE), ("null", NULL_TYPE)] {
            env.add_member_overload(name, &format!("null_{name}_{kind}"), NULL_TYPE, vec![type_], no)?;
        }
    }
    env.add_overload("matches", "matches_null", vec![NULL_TYPE, STRING_TYPE], no)?;
    env.add_overload("size", "size_null", vec![NULL_TYPE], zero)?;
    env.add_member_overload("size", "null_size", NULL_TYPE, Vec::<Type>::new(), zero)?;
    env.add_member_overload("trim", "null_trim", NULL_TYPE, Vec::<Type>::new(), |_| Ok(CowVal::owned(CelNull)))
}

#[expect(clippy::unnecessary_wraps, reason = "the crate's signature of a function")]
fn no<'b, 'v>(_: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    Ok(CowVal::owned(CelBool::from(false)))
}

#[expect(clippy::unnecessary_wraps, reason = "the crate's signature of a function")]
fn zero<'b, 'v>(_: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    Ok(CowVal::owned(CelInt::from(0)))
}

fn wrong_type(function: &str) -> ExecutionError {
    ExecutionError::function_error(function, "a value has the wrong type")
}

#[expect(clippy::needless_pass_by_value, reason = "the crate's signature of a function")]
fn text<'b, 'v>(args: Vec<CowVal<'b, 'v>>, change: impl Fn(&str) -> String) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let text = args.first().and_then(|value| value.downcast_ref::<CelString>()).ok_or_else(|| wrong_type("text"))?;
    Ok(CowVal::owned(CelString::from(change(text.inner()))))
}

#[expect(clippy::needless_pass_by_value, reason = "the crate's signature of a function")]
fn join<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let list = args.first().and_then(|value| value.downcast_ref::<CelList>());
    let separator = args.get(1).and_then(|value| value.downcast_ref::<CelString>());
    let (Some(list), Some(separator)) = (list, separator) else { return Err(wrong_type("join")) };
    let mut parts = Vec::new();
    for item in list.inner() {
        if item.downcast_ref::<CelNull>().is_some() {
            continue;
        }
        let part = item.downcast_ref::<CelString>().ok_or_else(|| wrong_type("join"))?.inner().trim();
        if !part.is_empty() {
            parts.push(part);
        }
    }
    Ok(CowVal::owned(CelString::from(parts.join(separator.inner()))))
}

#[expect(clippy::unnecessary_wraps, reason = "the crate's signature of a function")]
fn coalesce<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let found = args.into_iter().find(|value| {
        let is_null = value.downcast_ref::<CelNull>().is_some();
        let is_blank = value.downcast_ref::<CelString>().is_some_and(|text| text.inner().trim().is_empty());
        !is_null && !is_blank
    });
    Ok(found.unwrap_or_else(|| CowVal::owned(CelNull)))
}
