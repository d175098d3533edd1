//! The rules a definition must keep beyond its shape: everything that is named exists, everything that exists is used.

use std::collections::BTreeSet;

use super::access::{Authentication, ErrorRule, Request};
use super::check_streams;
use super::error::Problem;
use super::json_path::JsonPath;
use super::template::Template;
use super::vendor::VendorDefinition;
use rollcall_api::reasons;

/// Everything that is wrong, in the order of the document.
pub(super) fn problems(definition: &VendorDefinition) -> Vec<Problem> {
    let mut check = Check { definition, problems: Vec::new() };
    check.head();
    check.endpoints();
    check.authentication();
    check.rate_limits();
    for (index, rule) in definition.errors.iter().enumerate() {
        check.error_rule(&format!("errors[{index}]"), rule);
    }
    check_streams::run(&mut check);
    check.problems
}

/// The definition and what was found.
pub(super) struct Check<'a> {
    pub(super) definition: &'a VendorDefinition,
    problems: Vec<Problem>,
}

impl Check<'_> {
    /// Notes a problem.
    pub(super) fn note(&mut self, place: impl Into<String>, rule: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem { place: place.into(), rule: rule.into(), remedy: remedy.into() });
    }

    fn head(&mut self) {
        let name = &self.definition.name;
        let is_word = !name.is_empty()
            && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
            && !name.starts_with('-')
            && !name.ends_with('-');
        if !is_word {
            self.note("name", "must be small letters, digits and hyphens", "write it like personio-v2");
        }
        if self.definition.documentation.is_empty() {
            self.note("documentation", "must name at least one source", "give the address of the public documentation");
        }
        if self.definition.streams.is_empty() {
            self.note("streams", "there is none", "describe at least one stream");
        }
        if self.definition.probe.is_empty() {
            self.note("probe", "must have at least one request", "name a cheap authenticated request");
        }
        for (index, request) in self.definition.probe.iter().enumerate() {
            self.request(&format!("probe[{index}]"), request, &[]);
        }
    }

    fn endpoints(&mut self) {
        for (name, endpoint) in &self.definition.endpoints {
            let place = format!("endpoints.{name}");
            self.header_names(&place, endpoint.headers.keys());
            let Some(text) = &endpoint.default else { continue };
            let usable = url::Url::parse(text).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && url.query().is_none()
                    && url.fragment().is_none()
                    && url.username().is_empty()
            });
            if !usable {
                self.note(
                    format!("{place}.default"),
                    "must be an http or https URL without query, fragment and user",
                    "write it like https://api.example.com",
                );
            }
        }
    }

    fn authentication(&mut self) {
        let mut used = BTreeSet::new();
        match &self.definition.authentication {
            Authentication::StaticHeader { header, value } => {
                self.header_names("authentication", std::iter::once(header));
                self.credentials_in("authentication.value", value, false, &mut used);
            }
            Authentication::OAuth2ClientCredentials { request, form, token, expires_in, header, value } => {
                self.request("authentication.request", request, &[]);
                self.header_names("authentication", std::iter::once(header));
                for (field, template) in form {
                    self.credentials_in(&format!("authentication.form.{field}"), template, false, &mut used);
                }
                self.path("authentication.token", token);
                self.path("authentication.expiresIn", expires_in);
                self.credentials_in("authentication.value", value, true, &mut used);
            }
        }
        for name in self.definition.credentials.keys().filter(|name| !used.contains(*name)) {
            self.note(
                format!("credentials.{name}"),
                "is used by nothing",
                format!("use {{credentials.{name}}} in authentication, or remove it"),
            );
        }
    }

    fn credentials_in(&mut self, place: &str, template: &Template, token: bool, used: &mut BTreeSet<String>) {
        if let Some(problem) = template.problem() {
            self.note(place, problem, "write placeholders like {credentials.apiKey}");
        }
        for variable in template.variables() {
            match variable.strip_prefix("credentials.") {
                Some(name) if self.definition.credentials.contains_key(name) => {
                    used.insert(name.to_owned());
                }
                Some(name) => {
                    self.note(place, format!("names the unknown credential {name}"), "describe it under credentials");
                }
                None if token && variable == "token" => {}
                None => self.note(
                    place,
                    format!("has the unknown placeholder {{{variable}}}"),
                    "known are {credentials.NAME}, and {token} where there is one",
                ),
            }
        }
    }

    fn rate_limits(&mut self) {
        let limits = &self.definition.rate_limits;
        if !limits.classes.iter().any(|limit| limit.class == "default") {
            self.note("rateLimits.classes", "must have the class default", "add it; it covers all other requests");
        }
        for (index, limit) in limits.classes.iter().enumerate() {
            if limit.requests < 1 || limit.period_seconds < 1 || limit.burst.is_some_and(|burst| burst < 1) {
                self.note(
                    format!("rateLimits.classes[{index}]"),
                    "requests, periodSeconds and burst must be at least 1",
                    "correct the number",
                );
            }
        }
        let headers = &limits.headers;
        let names = [&headers.remaining, &headers.replenish_rate, &headers.burst_capacity];
        self.header_names("rateLimits.headers", names.into_iter().flatten());
    }

    fn error_rule(&mut self, place: &str, rule: &ErrorRule) {
        if rule.status.is_empty() && rule.headers.is_empty() && rule.body.is_empty() {
            self.note(place, "has no condition on status, headers or body", "say which answers it is about");
        }
        if let Some(reason) = &rule.reason
            && reasons::find(reason).is_none()
        {
            self.note(format!("{place}.reason"), format!("{reason} is not a reason"), "take a word of docs/reasons.md");
        }
        if let Some(endpoint) = &rule.endpoint {
            self.endpoint(place, endpoint);
        }
        for path in rule.body.keys() {
            self.path(&format!("{place}.body"), path);
        }
    }

    /// A request: endpoint, class, path and its placeholders.
    pub(super) fn request(&mut self, place: &str, request: &Request, variables: &[&str]) {
        self.endpoint(place, &request.endpoint);
        self.rate_class(place, &request.rate_class);
        self.header_names(place, request.headers.keys());
        let path = &request.path;
        if let Some(problem) = path.problem() {
            self.note(format!("{place}.path"), problem, "write placeholders like {id}");
        }
        if !path.text().starts_with('/') || path.text().contains(['?', '#']) {
            self.note(
                format!("{place}.path"),
                "must begin with / and have no query",
                "put parameters under query, by name",
            );
        }
        for variable in path.variables().filter(|variable| !variables.contains(variable)) {
            self.note(
                format!("{place}.path"),
                format!("has the unknown placeholder {{{variable}}}"),
                format!("known here: {}", if variables.is_empty() { "none".to_owned() } else { variables.join(", ") }),
            );
        }
        for variable in variables.iter().filter(|variable| !path.variables().any(|used| used == **variable)) {
            self.note(format!("{place}.path"), format!("does not name {{{variable}}}"), "add the placeholder");
        }
    }

    /// An endpoint that is named.
    pub(super) fn endpoint(&mut self, place: &str, name: &str) {
        if !self.definition.endpoints.contains_key(name) {
            let known: Vec<&str> = self.definition.endpoints.keys().map(String::as_str).collect();
            self.note(
                format!("{place}.endpoint"),
                format!("names the unknown endpoint {name}"),
                format!("known are: {}", known.join(", ")),
            );
        }
    }

    /// A class of requests that is named.
    pub(super) fn rate_class(&mut self, place: &str, name: &str) {
        if !self.definition.rate_limits.classes.iter().any(|limit| limit.class == name) {
            self.note(format!("{place}.rateClass"), format!("names the unknown class {name}"), "add it to rateLimits");
        }
    }

    /// A path into JSON.
    pub(super) fn path(&mut self, place: &str, path: &JsonPath) {
        if let Some(problem) = path.problem() {
            self.note(place, format!("{}: {problem}", path.text()), "write it like a.b, a[0].b or a[type=x].b");
        }
    }

    fn header_names<'b>(&mut self, place: &str, names: impl Iterator<Item = &'b String>) {
        for name in names.filter(|name| name.parse::<http::HeaderName>().is_err()) {
            self.note(place, format!("{name} is not a name of a header"), "letters, digits and hyphens only");
        }
    }
}
