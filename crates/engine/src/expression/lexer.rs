//! Splits the text of an expression into the tokens of CEL's grammar, as far as its structure needs them. Whatever the
//! grammar has no token for is refused here, so that the parser never sees a structure that was not measured.

use super::Mistake;

/// What a token is to the structure of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a number or a text.
    Operand,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    Comma,
    Dot,
    Question,
    Colon,
    And,
    Or,
    /// `!`, or `-` before an operand.
    Unary,
    /// An operator between two operands, `in` included.
    Binary,
}

/// Gives tokens with the byte position of each.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Mistake> {
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, found: Vec::new() };
    while lexer.at < lexer.bytes.len() {
        lexer.next()?;
    }
    Ok(lexer.found)
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    found: Vec<(Token, usize)>,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or_default()
    }

    fn push(&mut self, token: Token, width: usize) {
        self.found.push((token, self.at));
        self.at += width;
    }

    fn next(&mut self) -> Result<(), Mistake> {
        let start = self.at;
        match (self.peek(0), self.peek(1)) {
            (b' ' | b'\t' | b'\r' | b'\n' | 0x0C, _) => self.at += 1,
            (b'/', b'/') => self.skip(|byte| byte != b'\n'),
            (b'(' | b'[' | b'{', _) => self.push(Token::Open, 1),
            (b')' | b']' | b'}', _) => self.push(Token::Close, 1),
            (b',', _) => self.push(Token::Comma, 1),
            (b'.', _) => self.push(Token::Dot, 1),
            (b'?', _) => self.push(Token::Question, 1),
            (b':', _) => self.push(Token::Colon, 1),
            (b'&', b'&') => self.push(Token::And, 2),
            (b'|', b'|') => self.push(Token::Or, 2),
            (b'=' | b'!' | b'<' | b'>', b'=') => self.push(Token::Binary, 2),
            (b'!', _) => self.push(Token::Unary, 1),
            (b'-', _) if !self.follows_operand() => self.push(Token::Unary, 1),
            (b'-' | b'+' | b'*' | b'/' | b'%' | b'<' | b'>', _) => self.push(Token::Binary, 1),
            (b'"' | b'\'', _) => self.literal(false)?,
            (b'0'..=b'9', _) => self.number(),
            (b'a'..=b'z' | b'A'..=b'Z' | b'_', _) => self.word()?,
            _ => return Err(self.mistake(start, "a character is not part of an expression", "remove it")),
        }
        Ok(())
    }

    /// Whether a `-` here is between two operands.
    fn follows_operand(&self) -> bool {
        matches!(self.found.last(), Some((Token::Operand | Token::Close, _)))
    }

    fn skip(&mut self, belongs: impl Fn(u8) -> bool) {
        while self.at < self.bytes.len() && belongs(self.bytes[self.at]) {
            self.at += 1;
        }
    }

    fn number(&mut self) {
        self.push(Token::Operand, 0);
        if self.peek(0) == b'0' && self.peek(1) == b'x' {
            self.at += 2;
            return self.skip(|byte| byte.is_ascii_hexdigit());
        }
        self.skip(|byte| byte.is_ascii_digit());
        if self.peek(0) == b'.' && self.peek(1).is_ascii_digit() {
            self.at += 1;
            self.skip(|byte| byte.is_ascii_digit());
        }
    }

    /// A name, the operator `in`, or the prefix of a text.
    fn word(&mut self) -> Result<(), Mistake> {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_quoted = matches!(self.peek(0), b'"' | b'\'');
        match &self.text[start..self.at] {
            "r" | "R" if is_quoted => return self.literal(true),
            "b" | "B" | "br" | "bR" | "Br" | "BR" if is_quoted => {
                return Err(self.mistake(start, "bytes are not supported", "write text, without b before it"));
            }
            "in" => self.found.push((Token::Binary, start)),
            _ => self.found.push((Token::Operand, start)),
        }
        Ok(())
    }

    /// A text in quotes: single or triple ones, with escapes or raw.
    fn literal(&mut self, is_raw: bool) -> Result<(), Mistake> {
        let (start, quote) = (self.at, self.peek(0));
        let width = if self.peek(1) == quote && self.peek(2) == quote { 3 } else { 1 };
        self.push(Token::Operand, width);
        loop {
            match self.peek(0) {
                _ if self.at >= self.bytes.len() => break,
                b'\n' | b'\r' if width == 1 => break,
                b'\\' if !is_raw => self.escape()?,
                byte if byte == quote && (width == 1 || (self.peek(1) == quote && self.peek(2) == quote)) => {
                    self.at += width;
                    return Ok(());
                }
                _ => self.at += 1,
            }
        }
        Err(self.mistake(start, "a text has no closing quote", "close it on the same line"))
    }

    fn escape(&mut self) -> Result<(), Mistake> {
        let start = self.at;
        let (digits, radix) = match self.peek(1) {
            b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'"' | b'\'' | b'\\' | b'?' | b'`' => (0, 16),
            b'x' | b'X' => (2, 16),
            b'u' => (4, 16),
            b'U' => (8, 16),
            b'0'..=b'3' => (2, 8),
            _ => return Err(self.mistake(start, "a backslash is followed by no known escape", r"write \\")),
        };
        self.at += 2;
        for _ in 0..digits {
            if !char::from(self.peek(0)).is_digit(radix) {
                return Err(self.mistake(start, "an escape has too few digits", r"write for instance \u00e9"));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn mistake(&self, at: usize, rule: &str, remedy: &str) -> Mistake {
        Mistake { rule: format!("{}: {rule}", place(self.text, at)), remedy: remedy.into() }
    }
}

/// A byte position as line and column, both from 1.
pub(super) fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|(token, _)| token).collect()
    }

    #[test]
    fn texts_in_quotes_and_comments_have_no_structure() {
        use Token::{Binary, Operand};
        assert_eq!(
            kinds("'((' + r'\\' + \"a'b\" + '''x'(''' // (("),
            [Operand, Binary, Operand, Binary, Operand, Binary, Operand]
        );
    }

    #[test]
    fn a_minus_is_unary_where_an_operand_is_expected() {
        use Token::{Binary, Close, Open, Operand, Unary};
        assert_eq!(kinds("-1 - -(2)"), [Unary, Operand, Binary, Unary, Open, Operand, Close]);
    }

    #[test]
    fn what_the_grammar_has_no_token_for_is_refused_with_its_place() {
        for (text, place) in [
            ("'a", "column 1"),
            ("1 +\n 'a\n'", "line 2, column 2"),
            (r"'\q'", "column 2"),
            (r"'\u00'", "column 2"),
            ("a # b", "column 3"),
            ("a.`b`", "column 3"),
            ("a & b", "column 3"),
            ("b'x'", "column 1"),
            ("é", "column 1"),
        ] {
            let mistake = tokens(text).unwrap_err();
            assert!(mistake.rule.contains(place), "{text}: {mistake:?}");
        }
    }
}
