//! When a setting runs: cron expressions, IANA zones, jitter, missed times. Pure: the time is always passed in.
//!
//! Rules: five fields or a macro; the zone's clock decides. When clocks go forward, a fixed time inside the gap runs
//! once, at the first valid minute after it. When clocks go back, a fixed time runs once, the first time it comes by;
//! an expression with a wildcard in minute or hour goes on with the clock on the wall (croner, OCPS 1.0 rules).

mod jitter;
#[cfg(test)]
mod tests;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use jitter::{fraction, start_jitter};

/// Missed times are counted up to this number; more are not told apart.
pub const MAX_COUNTED: i64 = 100;

/// Why a schedule cannot be used. The first word of each message is the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not a cron expression, or one that never comes true.
    #[error(
        "spec.schedule {expression:?} {problem}: write five fields (minute hour day-of-month month day-of-week) or a macro such as @daily"
    )]
    Invalid {
        /// What was given.
        expression: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Not an IANA zone.
    #[error("spec.timeZone {0:?} is not an IANA time zone: write a name such as Europe/Berlin or Etc/UTC")]
    ZoneUnknown(String),
}

impl ScheduleError {
    /// The word of [`rollcall_api::reasons`] for it.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => rollcall_api::reasons::SCHEDULE_INVALID,
            Self::ZoneUnknown(_) => rollcall_api::reasons::TIME_ZONE_UNKNOWN,
        }
    }
}

/// A parsed schedule in its zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    jitter: SignedDuration,
}

/// Scheduled times that have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The latest of them.
    pub latest: Timestamp,
    /// How many there are, `latest` included, at most [`MAX_COUNTED`].
    pub count: i64,
}

/// Looks a zone up; only names of the IANA database count.
pub fn parse_zone(name: &str) -> Result<TimeZone, ScheduleError> {
    TimeZone::get(name).map_err(|_| ScheduleError::ZoneUnknown(name.to_owned()))
}

impl Schedule {
    /// Reads an expression and a zone name. Both errors name the field.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let zone = parse_zone(zone)?;
        let invalid = |problem: String| ScheduleError::Invalid { expression: expression.to_owned(), problem };
        let trimmed = expression.trim();
        if trimmed.eq_ignore_ascii_case("@reboot") {
            return Err(invalid("has no meaning here".into()));
        }
        if !trimmed.starts_with('@') && trimmed.split_whitespace().count() != 5 {
            return Err(invalid("does not have five fields".into()));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        // croner does not know this macro of crontab(5).
        let pattern = if trimmed.eq_ignore_ascii_case("@midnight") { "@daily" } else { trimmed };
        let cron = parser.parse(pattern).map_err(|error| invalid(format!("cannot be read ({error})")))?;
        let schedule = Self { cron, zone, jitter: SignedDuration::ZERO };
        // 29 February comes every four years, eight at the turn of some centuries: no match from the epoch on means never.
        if schedule.next_time(Timestamp::UNIX_EPOCH).is_none() {
            return Err(invalid("never comes true".into()));
        }
        Ok(schedule)
    }

    /// Shifts every start by an amount below `max_seconds` that is always the same for one uid.
    #[must_use]
    pub fn with_jitter(mut self, uid: &str, max_seconds: i32) -> Self {
        self.jitter = start_jitter(uid, max_seconds);
        self
    }

    /// The first scheduled time after `after`.
    pub fn next_time(&self, after: Timestamp) -> Option<Timestamp> {
        let start = after.to_zoned(self.zone.clone());
        self.cron.find_next_occurrence(&start, false).ok().map(|time| time.timestamp())
    }

    /// When a run for the scheduled time `time` starts: the jitter later.
    pub fn start_of(&self, time: Timestamp) -> Timestamp {
        time.checked_add(self.jitter).unwrap_or(time)
    }

    /// The first start after `after`, and the scheduled time it belongs to.
    pub fn next_start(&self, after: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let time = self.next_time(self.unshifted(after))?;
        Some((self.start_of(time), time))
    }

    /// Scheduled times after `since` whose start has come by `now`.
    pub fn missed(&self, since: Timestamp, now: Timestamp) -> Option<Missed> {
        let until = self.unshifted(now);
        let first = self.next_time(since).filter(|time| *time <= until)?;
        let mut missed = Missed { latest: first, count: 1 };
        while missed.count < MAX_COUNTED {
            match self.next_time(missed.latest).filter(|time| *time <= until) {
                Some(time) => missed = Missed { latest: time, count: missed.count + 1 },
                None => return Some(missed),
            }
        }
        // More than can be told apart: go straight to the latest.
        let zoned = until.to_zoned(self.zone.clone());
        if let Ok(latest) = self.cron.find_previous_occurrence(&zoned, true) {
            missed.latest = missed.latest.max(latest.timestamp());
        }
        Some(missed)
    }

    /// Seconds between the next two scheduled times: what "in time" means for this schedule.
    pub fn interval_seconds(&self, after: Timestamp) -> Option<i64> {
        let first = self.next_time(after)?;
        let second = self.next_time(first)?;
        Some(second.as_second() - first.as_second())
    }

    fn unshifted(&self, time: Timestamp) -> Timestamp {
        time.checked_sub(self.jitter).unwrap_or(time)
    }
}
