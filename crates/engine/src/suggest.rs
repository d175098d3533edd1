//! Remedies for names that do not exist: the nearest known name, and the list of known ones.

/// Most names that are listed; a vendor can have hundreds of fields.
const MOST_NAMES: usize = 12;

/// "did you mean 'people'? known are costCentres, people".
pub(crate) fn suggestion<S: AsRef<str>>(name: &str, known: impl IntoIterator<Item = S>) -> String {
    let mut known: Vec<String> = known.into_iter().map(|name| name.as_ref().to_owned()).collect();
    known.sort_unstable();
    known.dedup();
    if known.is_empty() {
        return "none is known here".into();
    }
    let nearest = known
        .iter()
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .min()
        .filter(|(distance, candidate)| *distance * 5 <= name.chars().count().max(candidate.chars().count()) * 2);
    let listed = known.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    let more = known.len().saturating_sub(MOST_NAMES);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    match nearest {
        Some((_, nearest)) => format!("did you mean '{nearest}'? known are {listed}{rest}"),
        None => format!("known are {listed}{rest}"),
    }
}

/// Levenshtein distance: how many characters have to be inserted, removed or replaced.
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().collect();
    let mut previous: Vec<usize> = (0..=two.len()).collect();
    for (row, left) in one.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, right) in two.iter().enumerate() {
            let replaced = previous[column] + usize::from(left != *right);
            current.push(replaced.min(previous[column + 1] + 1).min(current[column] + 1));
        }
        previous = current;
    }
    previous.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::suggestion;

    #[test]
    fn the_nearest_name_is_suggested_when_it_is_near() {
        assert!(suggestion("poeple", ["people", "costCentres"]).starts_with("did you mean 'people'?"));
        assert_eq!(suggestion("xyz", ["people", "costCentres"]), "known are costCentres, people");
    }
}
