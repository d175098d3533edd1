//! Patterns of `matches`, with what they cost.

use regex::{Regex, RegexBuilder};

use super::Mistake;
use super::budget::{Budget, PATTERN_SIZES, amount, pattern_steps};
use super::failure::Failure;

/// Most bytes that a pattern keeps to remember what it has matched so far.
const CACHE: usize = 256 * 1024;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// Steps for each byte of a text.
    pub(crate) steps_per_byte: u64,
}

impl Pattern {
    /// Compiles a pattern.
    pub(super) fn compile(text: &str) -> Result<Self, Mistake> {
        // The crate does not tell how large a pattern is, but it keeps to a limit.
        for size in PATTERN_SIZES {
            let limit = usize::try_from(size).unwrap_or(usize::MAX);
            match RegexBuilder::new(text).size_limit(limit).dfa_size_limit(CACHE).build() {
                Ok(regex) => return Ok(Self { regex, steps_per_byte: pattern_steps(size) }),
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(error) => {
                    let error = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
                    let rule = format!("a pattern cannot be read: {error}");
                    return Err(Mistake { rule, remedy: "correct the pattern".into() });
                }
            }
        }
        Err(Mistake {
            rule: format!("a pattern needs more than {} KiB when it is compiled", PATTERN_SIZES[5] / 1024),
            remedy: "write + in place of numbers of repetitions, and compare size() with them".into(),
        })
    }

    /// Whether it is found in a text.
    pub(super) fn is_match(&self, text: &str, budget: &mut Budget) -> Result<bool, Failure> {
        budget.step(amount(text.len()).saturating_mul(self.steps_per_byte))?;
        Ok(self.regex.is_match(text))
    }
}
