//! State of the emulated tenant: people, settings and the tokens that were handed out.

use super::super::people::People;
use super::PersonioOptions;
use super::problem::Problem;
use super::ratelimit::Buckets;
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The vendor's schema says `last_working_day`, an example in the same document says
/// `last_working_date`; a client has to take both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TerminationKey {
    /// Always `last_working_day`.
    Day,
    /// Always `last_working_date`.
    Date,
    /// The former for even ids, the latter for odd ones.
    #[default]
    Alternate,
}

impl TerminationKey {
    /// The spelling for a person.
    pub fn key(self, person: u64) -> &'static str {
        let date = match self {
            Self::Day => false,
            Self::Date => true,
            Self::Alternate => person % 2 == 1,
        };
        if date { "last_working_date" } else { "last_working_day" }
    }
}

#[derive(Debug)]
struct Token {
    ends: Instant,
    scopes: Vec<String>,
}

/// People, settings, tokens.
#[derive(Debug)]
pub struct PersonioState {
    /// The people; change them as you like.
    pub people: People,
    /// The settings; a change takes effect at the next request.
    pub options: PersonioOptions,
    /// How many tokens were handed out.
    pub issued: u64,
    pub(super) buckets: Buckets,
    tokens: HashMap<String, Token>,
}

impl PersonioState {
    pub(super) fn new(people: People, options: PersonioOptions) -> Self {
        Self { people, options, issued: 0, buckets: Buckets::default(), tokens: HashMap::new() }
    }

    /// Hands out a token.
    pub(super) fn issue(&mut self, scopes: Vec<String>) -> String {
        self.issued += 1;
        let token = format!("papi-emulated-{:06}", self.issued);
        let ends = Instant::now() + Duration::from_secs(self.options.expires_in);
        self.tokens.insert(token.clone(), Token { ends, scopes });
        token
    }

    /// Ends one token.
    pub(super) fn revoke(&mut self, token: &str) {
        self.tokens.remove(token);
    }

    /// Ends all tokens.
    pub fn expire_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Takes a scope from the credential and from all tokens.
    pub fn withdraw_scope(&mut self, scope: &str) {
        self.options.scopes.retain(|held| held != scope);
        self.tokens.values_mut().for_each(|token| token.scopes.retain(|held| held != scope));
    }

    /// Checks the token and its scope. The vendor answers a missing scope with 401, not 403.
    pub(super) fn authorize(&self, headers: &HeaderMap, scope: &str) -> Result<(), Problem> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = given.and_then(|value| value.strip_prefix("Bearer "));
        let held = token.and_then(|token| self.tokens.get(token));
        let live = held.filter(|token| token.ends > Instant::now());
        let live = live.ok_or_else(|| Problem::unauthorized("missing or invalid token"))?;
        if live.scopes.iter().any(|held| held == scope) {
            Ok(())
        } else {
            Err(Problem::unauthorized(format!("the token lacks the scope {scope}")))
        }
    }
}
