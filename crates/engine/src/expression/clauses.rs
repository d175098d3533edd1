//! The parts of a scope expression.

use super::lexer::{Token, tokens};

/// Splits a scope expression at its top-level `&&`, so that a record that is left out can be told which clause was
/// false. An expression with a top-level `||` or `?:` is one clause: these bind less tightly.
pub(crate) fn clauses(text: &str) -> Vec<String> {
    let cuts = top_level_ands(text).unwrap_or_default();
    let mut clauses = Vec::new();
    let mut start = 0;
    for cut in cuts {
        clauses.push(text[start..cut].trim().to_owned());
        start = cut + "&&".len();
    }
    clauses.push(text[start..].trim().to_owned());
    clauses
}

/// Byte positions of the top-level `&&`; None when something binds less tightly.
fn top_level_ands(text: &str) -> Option<Vec<usize>> {
    let (mut depth, mut cuts) = (0_usize, Vec::new());
    for (token, at) in tokens(text).ok()? {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            Token::Or | Token::Question if depth == 0 => return None,
            Token::And if depth == 0 => cuts.push(at),
            _ => {}
        }
    }
    Some(cuts)
}
