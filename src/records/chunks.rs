//! Cutting large requests into several that the service takes. What must not be torn apart stays together: the writes
//! and claims of a pair, and everything of a batch that links, claims and settles.

use std::collections::HashMap;

use serde::Serialize;

use super::{Batch, Outcome, StoreError, pair};
use rollcall_engine::model::{Claim, Write};

/// Bytes of JSON that one request should hold; well below the limit, and soon answered.
const TARGET_BYTES: usize = 8 * 1024 * 1024;

/// Writes with the claims of their pairs.
pub(super) type Announcement = (Vec<Write>, Vec<Claim>);

/// Parts of a list, in order.
pub(super) fn of_list<T: Clone + Serialize>(items: &[T]) -> Result<Vec<Vec<T>>, StoreError> {
    let sizes = items.iter().map(size).collect::<Result<Vec<_>, _>>()?;
    Ok(cut(&sizes).into_iter().map(|range| items[range].to_vec()).collect())
}

/// Parts of a batch. Outcomes that do not fit go first, on their own: a run that ends in between has stored outcomes that
/// its next attempt replaces. There is at least one part, because a commit also renews the lock.
pub(super) fn of_batch(batch: &Batch) -> Result<Vec<Batch>, StoreError> {
    let rest = Batch { outcomes: Vec::new(), ..batch.clone() };
    let mut sizes = batch.outcomes.iter().map(size).collect::<Result<Vec<_>, _>>()?;
    sizes.push(size(&rest)?);
    let mut parts: Vec<Batch> = cut(&sizes)
        .into_iter()
        .map(|range| {
            let outcomes: Vec<Outcome> = batch.outcomes[range.start..range.end.min(batch.outcomes.len())].to_vec();
            Batch { outcomes, ..Batch::default() }
        })
        .collect();
    if let Some(last) = parts.last_mut() {
        *last = Batch { outcomes: std::mem::take(&mut last.outcomes), ..rest };
    }
    Ok(parts)
}

/// Parts of an announcement. One that is too large is cut between pairs, in the order in which they first come.
pub(super) fn of_announcement(writes: &[Write], claims: &[Claim]) -> Result<Vec<Announcement>, StoreError> {
    if size(&(writes, claims))? <= TARGET_BYTES {
        return Ok(vec![(writes.to_vec(), claims.to_vec())]);
    }
    let mut places = HashMap::new();
    let mut groups: Vec<Announcement> = Vec::new();
    let mut group_of = |stream: &str, pair: String, groups: &mut Vec<_>| {
        *places.entry((stream.to_owned(), pair)).or_insert_with(|| {
            groups.push((Vec::new(), Vec::new()));
            groups.len() - 1
        })
    };
    for write in writes {
        let at = group_of(&write.stream, pair(write.source_key.as_ref(), write.target_id.as_ref()), &mut groups);
        groups[at].0.push(write.clone());
    }
    for claim in claims {
        let at = group_of(&claim.stream, claim.pair.clone(), &mut groups);
        groups[at].1.push(claim.clone());
    }
    let sizes = groups.iter().map(size).collect::<Result<Vec<_>, _>>()?;
    let part = |range: std::ops::Range<usize>| {
        let (writes, claims): (Vec<_>, Vec<_>) = groups[range].iter().cloned().unzip();
        (writes.concat(), claims.concat())
    };
    Ok(cut(&sizes).into_iter().map(part).collect())
}

fn size<T: Serialize>(value: &T) -> Result<usize, StoreError> {
    let json = serde_json::to_vec(value);
    json.map(|json| json.len()).map_err(|_| StoreError::Invalid("a request cannot be written as JSON".into()))
}

/// Ranges of items that are together no larger than the target; an item that is larger by itself is alone.
fn cut(sizes: &[usize]) -> Vec<std::ops::Range<usize>> {
    let (mut ranges, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, size) in sizes.iter().enumerate() {
        if bytes + size > TARGET_BYTES && at > start {
            ranges.push(start..at);
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    if start < sizes.len() {
        ranges.push(start..sizes.len());
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::OutcomeResult;
    use crate::records::fixtures::{link, outcome, row_claim, write};
    use rollcall_engine::model::Operation;

    #[test]
    fn parts_are_no_larger_than_the_target_unless_one_item_is() {
        assert!(cut(&[]).is_empty());
        assert_eq!(of_list(&["a", "b"]).unwrap(), [["a", "b"]]);
        assert_eq!(cut(&[TARGET_BYTES, 1]), [0..1, 1..2]);
        assert_eq!(cut(&[1, TARGET_BYTES - 1, 1, TARGET_BYTES + 1, 1]), [0..2, 2..3, 3..4, 4..5]);
    }

    #[test]
    fn an_empty_call_is_one_part_because_it_renews_the_lock() {
        assert_eq!(of_batch(&Batch::default()).unwrap(), [Batch::default()]);
        assert_eq!(of_announcement(&[], &[]).unwrap(), [(Vec::new(), Vec::new())]);
    }

    #[test]
    fn an_announcement_that_fits_keeps_its_order() {
        let writes = [("a", Operation::Update), ("b", Operation::Update), ("a", Operation::Enable)];
        let writes = writes.map(|(key, operation)| write(key, operation));
        assert_eq!(of_announcement(&writes, &[]).unwrap(), [(writes.to_vec(), Vec::new())]);
    }

    #[test]
    fn whatever_links_claims_or_settles_stays_together_and_comes_last() {
        let mut batch = Batch::default();
        for key in ["a", "b"] {
            let mut outcome = outcome("people", key, OutcomeResult::Created);
            outcome.message = "x".repeat(TARGET_BYTES);
            batch.outcomes.push(outcome);
            batch.links.push(link("people", key));
            batch.claims.push(row_claim(key, key));
        }
        let parts = of_batch(&batch).unwrap();
        assert_eq!(parts.iter().map(|part| part.outcomes.len()).collect::<Vec<_>>(), [1, 1, 0]);
        assert_eq!(parts[2], Batch { outcomes: Vec::new(), ..batch });
    }

    #[test]
    fn writes_and_claims_of_a_pair_stay_together() {
        let mut large = write("a", Operation::Create);
        large.id = "x".repeat(TARGET_BYTES);
        let writes = [large.clone(), write("b", Operation::Create)];
        let claims = [row_claim("b", "1"), row_claim("a", "2"), row_claim("c", "3")];
        let parts = of_announcement(&writes, &claims).unwrap();
        let expected = [
            (vec![large], vec![claims[1].clone()]),
            (vec![writes[1].clone()], vec![claims[0].clone(), claims[2].clone()]),
        ];
        assert_eq!(parts, expected);
    }
}
