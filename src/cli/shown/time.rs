//! Times for people. Pure: now is a parameter.

use jiff::Timestamp;

/// A time to the second, in UTC.
pub(in crate::cli) fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time to the second with its distance from now: `2026-01-02T03:04:05Z (3h ago)`.
pub(in crate::cli) fn with_distance(time: Timestamp, now: Timestamp) -> String {
    let seconds = time.as_second() - now.as_second();
    let amount = amount(seconds.unsigned_abs());
    let distance = if seconds > 0 { format!("in {amount}") } else { format!("{amount} ago") };
    format!("{} ({distance})", second(time))
}

/// The two largest units, the second one only while it says something.
fn amount(seconds: u64) -> String {
    let (minute, hour, day) = (60, 3600, 86_400);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / minute),
        7200..172_800 => format!("{}h{}m", seconds / hour, seconds % hour / minute),
        _ => format!("{}d{}h", seconds / day, seconds % day / hour),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_told_in_the_units_that_matter() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let at = |seconds: i64| with_distance(Timestamp::from_second(1_000_000 + seconds).unwrap(), now);
        assert!(at(-90).ends_with("(90s ago)"));
        assert!(at(-300).ends_with("(5m ago)"));
        assert!(at(9_000).ends_with("(in 2h30m)"));
        assert!(at(200_000).ends_with("(in 2d7h)"));
        assert!(at(0).starts_with("1970-01-12T13:46:40Z"));
    }
}
