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

/// One pair of brackets, or the whole text. Heights are those of the tree that it becomes.
#[derive(Default)]
struct Level {
    /// Height of the operand that is being read: unary operators, dots, and brackets with what is in them.
    operand: usize,
    /// Binary operators since the last `&&`, `||`, `?`, `:` or comma, and the highest operand of theirs.
    operators: usize,
    highest_operand: usize,
    /// `?` since the last comma, and the highest chain of operators beside them.
    conditions: usize,
    highest_chain: usize,
    /// What is highest between commas.
    highest: usize,
}

impl Level {
    fn chain(&self) -> usize {
        self.operators + self.operand.max(self.highest_operand)
    }

    fn height(&self) -> usize {
        self.highest.max(self.conditions + self.highest_chain.max(self.chain()))
    }

    fn close_operand(&mut self) {
        self.highest_operand = self.highest_operand.max(self.operand);
        self.operand = 0;
    }

    fn close_chain(&mut self) {
        self.highest_chain = self.highest_chain.max(self.chain());
        (self.operand, self.operators, self.highest_operand) = (0, 0, 0);
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
                level = Level { highest: level.height(), ..Level::default() };
            }
        }
        let around: usize = outer.iter().map(|level| level.conditions + level.operators + 1).sum();
        if around + level.height() > MOST_LEVELS {
            return Some(*at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::expression::{Expression, Variable};

    fn is_refused(text: &str) -> bool {
        check(text).is_err()
    }

    #[test]
    fn everyday_lengths_and_depths_are_allowed() {
        let alternatives = vec!["source.type == 'X'"; 150].join(" || ");
        let sum = vec!["source.a"; 30].join(" + ");
        let codes: Vec<String> = (0..30).map(|code| format!("source.a == '{code}' ? '{code}' : ")).collect();
        for text in [alternatives, sum, codes.concat() + "''", format!("{}1{}", "(".repeat(30), ")".repeat(30))] {
            assert!(!is_refused(&text), "{text}");
        }
    }

    #[test]
    fn depth_is_told_before_brackets_are_closed_and_after() {
        assert!(is_refused(&format!("1{} + {}", " + 1".repeat(20), "(".repeat(20))));
        assert!(is_refused(&format!("({}1{}){}", "(".repeat(20), ")".repeat(20), " + 1".repeat(20))));
    }

    /// What an expression is made of, to be put together in any order.
    fn part() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            "-",
            "!",
            "+",
            "*",
            "<",
            "==",
            "&&",
            "||",
            "?",
            ":",
            ",",
            ".",
            " in ",
            "a",
            "1",
            "'",
            "\"",
            "'''",
            "\\",
            "r'",
            "//",
            "\n",
            "1.5",
            "source.a",
            "'x'",
            "x.map(a, ",
            "lower(",
            "0x",
            "e1",
            "é",
        ])
    }

    proptest! {
        /// The thread of a test has two megabytes of stack, like the threads of the operator: an overflow ends the
        /// test.
        #[test]
        fn whatever_is_put_together_ends(parts in prop::collection::vec(part(), 0..200), times in 1_usize..400) {
            let text = parts.concat();
            let _ = Expression::compile(&text, Variable::Source);
            let repeated: String = text.chars().take(12).collect::<String>().repeat(times);
            let _ = Expression::compile(&repeated, Variable::Source);
        }

        #[test]
        fn whatever_nests_up_to_the_limit_is_read(opening in prop::sample::select(vec![
            ("(", ")"), ("[", "]"), ("-(", ")"), ("!(", ")"), ("true ? 1 : (", ")"), ("1 + ", ""), ("lower(", ")"),
            ("1 < ", ""), ("{'a': ", "}"), ("true ? 1 : ", ""),
        ]), depth in 0_usize..60) {
            let text = format!("{}source.a{}", opening.0.repeat(depth), opening.1.repeat(depth));
            let is_read = Expression::compile(&text, Variable::Source).is_ok();
            prop_assert_eq!(is_read, !is_refused(&text));
        }
    }
}
