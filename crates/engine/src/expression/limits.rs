//! Limits on the text of an expression, checked before it is parsed: the parser's recursion follows the depth of the
//! text, and an expression that is as deep as it is long would use up the stack.

use super::Mistake;
use super::lexer::{Token, place, tokens};

/// Most characters of an expression; the custom resource definition has the same limit.
pub(crate) const MOST_CHARACTERS: usize = 4096;
/// Most names, numbers, texts, operators and brackets.
pub(crate) const MOST_TOKENS: usize = 1024;
/// Most levels: brackets inside brackets, operators one after the other, `.a.b.c`, `a ? b : c ? d : e`. `&&` and `||`
/// do not count, however many there are one after the other.
pub(crate) const MOST_LEVELS: usize = 40;
/// Most macros (`all`, `exists`, `exists_one`, `map`, `filter`) inside one another.
pub(crate) const MOST_NESTED_MACROS: usize = 3;
/// Most macros.
pub(crate) const MOST_MACROS: usize = 12;
/// Most patterns that are kept compiled.
pub(crate) const MOST_PATTERNS: usize = 16;
/// Most bytes of a compiled pattern.
pub(crate) const MOST_PATTERN_BYTES: usize = 128 * 1024;

/// Refuses a text that is too long or too deep to be parsed.
pub(super) fn check(text: &str) -> Result<(), Mistake> {
    let length = text.chars().count();
    if length > MOST_CHARACTERS {
        let rule = format!("it has {length} characters, and at most {MOST_CHARACTERS} are allowed");
        return Err(Mistake { rule, remedy: "shorten it, or map codes with values".into() });
    }
    let tokens = tokens(text)?;
    if let Some((_, at)) = tokens.get(MOST_TOKENS) {
        let rule = format!("{}: it has more than {MOST_TOKENS} names, operators and brackets", place(text, *at));
        return Err(Mistake { rule, remedy: "shorten it, or map codes with values".into() });
    }
    match too_deep(&tokens) {
        None => Ok(()),
        Some(at) => Err(Mistake {
            rule: format!(
                "{}: brackets, operators and names with dots are more than {MOST_LEVELS} levels deep",
                place(text, at)
            ),
            remedy: "write lists with join() instead of +, remove brackets, or map codes with values".into(),
        }),
    }
}

/// One pair of brackets, or the whole text.
#[derive(Default)]
struct Level {
    /// `?` since the last comma.
    conditions: usize,
    /// Binary operators since the last `&&`, `||`, `?`, `:` or comma.
    operators: usize,
    /// Height of the operand that is being read: unary operators, dots, and brackets with what is in them.
    operand: usize,
    /// Height of the highest operand before it.
    highest: usize,
}

impl Level {
    fn height(&self) -> usize {
        self.conditions + self.operators + self.operand.max(self.highest)
    }

    /// An operand is at its end.
    fn close_operand(&mut self) {
        self.highest = self.highest.max(self.operand);
        self.operand = 0;
    }

    /// A chain of operators is at its end: its height counts as that of an operand.
    fn close_chain(&mut self) {
        self.close_operand();
        self.highest += self.operators;
        self.operators = 0;
    }
}

/// Position of the token with which an expression becomes too deep.
fn too_deep(tokens: &[(Token, usize)]) -> Option<usize> {
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for (token, at) in tokens {
        match token {
            Token::Operand => {}
            Token::Open => outer.push(std::mem::take(&mut level)),
            Token::Close => {
                let inner = level.height();
                level = outer.pop().unwrap_or_default();
                level.operand = level.operand.max(inner) + 1;
            }
            Token::Unary | Token::Dot => level.operand += 1,
            Token::Binary => {
                level.close_operand();
                level.operators += 1;
            }
            Token::And | Token::Or | Token::Colon => level.close_chain(),
            Token::Question => {
                level.close_chain();
                level.conditions += 1;
            }
            Token::Comma => {
                level.close_chain();
                level.highest += level.conditions;
                level.conditions = 0;
            }
        }
        let around: usize = outer.iter().map(|level| level.conditions + level.operators + 1).sum();
        if around + level.height() > MOST_LEVELS {
            return Some(*at);
        }
    }
    None
}
