//! Query parameters, cursors and links of a list.

use super::super::common::base_url;
use super::problem::Problem;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Rows of a page unless asked otherwise.
const DEFAULT_LIMIT: usize = 10;
/// The most rows of a page; asking for more is an error, not a wish that is cut.
const MAX_LIMIT: usize = 50;
/// Cursors begin like this. The `+` makes clients fail that put the cursor into a link of their
/// own without encoding it.
const CURSOR_PREFIX: &str = "cur_+";

/// What a list request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    limit: usize,
    after: u64,
    /// Parameters other than limit and cursor.
    pub filters: Vec<(String, String)>,
}

impl Page {
    /// Reads the query of a list request; only the named filters are accepted.
    pub fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let given = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let mut page = Self { limit: DEFAULT_LIMIT, after: 0, filters: Vec::new() };
        let mut given: Vec<(String, String)> = given.into_owned().collect();
        let cursor = given.iter().position(|(name, _)| name == "cursor");
        if let Some((_, cursor)) = cursor.map(|index| given.remove(index)) {
            page = Self::from_cursor(&cursor)
                .ok_or_else(|| Problem::bad_request("the cursor is not one of ours or not well encoded"))?;
            // Whether filters must be repeated with the cursor is not documented. The cursor
            // holds those of the first request, and repeating them changes nothing.
            given.retain(|pair| !page.filters.contains(pair));
        }
        for (name, value) in given {
            match name.as_str() {
                "limit" => page.limit = limit(&value)?,
                name if known.contains(&name) => page.filters.push((name.to_owned(), value)),
                _ => return Err(Problem::bad_request(format!("unknown parameter {name}"))),
            }
        }
        Ok(page)
    }

    fn from_cursor(cursor: &str) -> Option<Self> {
        let inner = URL_SAFE_NO_PAD.decode(cursor.strip_prefix(CURSOR_PREFIX)?).ok()?;
        let (limit, after, filters) = serde_json::from_slice(&inner).ok()?;
        Some(Self { limit, after, filters })
    }

    fn cursor(&self, after: u64) -> String {
        let inner = json!([self.limit, after, self.filters]).to_string();
        format!("{CURSOR_PREFIX}{}", URL_SAFE_NO_PAD.encode(inner))
    }

    /// Cuts the page out of rows with ascending keys from 1 and puts the links round it.
    pub fn cut<T>(
        &self,
        headers: &HeaderMap,
        path: &str,
        rows: impl Iterator<Item = (u64, T)>,
        render: impl Fn(T) -> Value,
    ) -> Value {
        let mut rows = rows.filter(|(key, _)| *key > self.after);
        let mut last = self.after;
        let taken = rows.by_ref().take(self.limit).inspect(|(key, _)| last = *key);
        let data: Vec<Value> = taken.map(|(_, row)| render(row)).collect();
        let here = format!("{}{path}", base_url(headers));
        let mut links = json!({ "self": { "href": here } });
        // No link means no further page.
        if rows.next().is_some() {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", &self.limit.to_string());
            query.append_pair("cursor", &self.cursor(last));
            links["next"] = json!({ "href": format!("{here}?{}", query.finish()) });
        }
        json!({ "_data": data, "_meta": { "links": links } })
    }
}

fn limit(value: &str) -> Result<usize, Problem> {
    value
        .parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| Problem::bad_request(format!("limit must be from 1 to {MAX_LIMIT}")))
}
