//! Timestamps and durations of CEL: instants of the years 1 to 9999, and spans that fit into 2^63 nanoseconds
//! (<https://github.com/google/cel-spec/blob/master/doc/langdef.md>).

use jiff::civil::Weekday;
use jiff::{SignedDuration, Timestamp, tz::Offset};

use super::failure::Failure;
use super::value::Value;

/// One part of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimePart {
    FullYear,
    /// 0 is January.
    Month,
    /// Day of the month, from 1.
    Date,
    /// 0 is Sunday.
    DayOfWeek,
    Hours,
    Minutes,
}

impl TimePart {
    /// The part in the offset that the timestamp was written with.
    pub(super) fn of(self, instant: Timestamp, offset: Offset) -> i64 {
        let local = offset.to_datetime(instant);
        match self {
            Self::FullYear => i64::from(local.year()),
            Self::Month => i64::from(local.month()) - 1,
            Self::Date => i64::from(local.day()),
            Self::DayOfWeek => i64::from(Weekday::to_sunday_zero_offset(local.weekday())),
            Self::Hours => i64::from(local.hour()),
            Self::Minutes => i64::from(local.minute()),
        }
    }
}

/// A timestamp within the years that CEL has.
pub(super) fn checked<'v>(instant: Timestamp, offset: Offset) -> Option<Value<'v>> {
    (1..=9999).contains(&Offset::UTC.to_datetime(instant).year()).then_some(Value::Time(instant, offset))
}

/// Reads RFC 3339, keeping the offset.
pub(super) fn timestamp<'v>(text: &str) -> Result<Value<'v>, Failure> {
    let wrong = || Failure::function("timestamp", "the text is not an RFC 3339 timestamp");
    let instant: Timestamp = text.parse().map_err(|_| wrong())?;
    let pieces = jiff::fmt::temporal::Pieces::parse(text).map_err(|_| wrong())?;
    let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
    checked(instant, offset).ok_or_else(|| Failure::function("timestamp", "the year is not one of 1 to 9999"))
}

/// A duration that fits into 2^63 nanoseconds.
pub(super) fn checked_duration<'v>(duration: SignedDuration) -> Option<Value<'v>> {
    i64::try_from(duration.as_nanos()).ok().map(|_| Value::Duration(duration))
}

/// Reads `1h30m`, `-1.5s`, `250ms`.
pub(super) fn duration<'v>(text: &str) -> Result<Value<'v>, Failure> {
    parse(text).ok_or_else(|| Failure::function("duration", "the text is not a duration such as 1h30m or -1.5s"))
}

const UNITS: [(&str, f64); 6] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("h", 3.6e12), ("m", 6e10), ("s", 1e9)];

fn parse<'v>(text: &str) -> Option<Value<'v>> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    if rest == "0" {
        return Some(Value::Duration(SignedDuration::ZERO));
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = SignedDuration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, tail) = rest.split_at(end);
        let (unit, nanoseconds) = UNITS.iter().find(|(unit, _)| tail.starts_with(unit))?;
        let span = SignedDuration::try_from_secs_f64(number.parse::<f64>().ok()? * nanoseconds / 1e9).ok()?;
        total = total.checked_add(span)?;
        rest = &tail[unit.len()..];
    }
    checked_duration(total.checked_mul(sign)?)
}

/// A duration in seconds, as `string()` writes it: `5400s`, `-1.5s`.
pub(super) fn duration_text(duration: SignedDuration) -> String {
    let sign = if duration.is_negative() { "-" } else { "" };
    let magnitude = duration.unsigned_abs();
    let fraction = format!("{:09}", magnitude.subsec_nanos());
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{}s", magnitude.as_secs()),
        fraction => format!("{sign}{}.{fraction}s", magnitude.as_secs()),
    }
}
