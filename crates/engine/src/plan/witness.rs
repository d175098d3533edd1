//! Who is who is checked, not assumed. A link remembers keyed hashes of what its record looked like; a row that shares
//! none of it is taken for somebody else's.

use ring::hmac;
use serde_json::Value;

use super::mapping::Mapped;
use super::{PlanInput, classify};
use crate::compile::{CompiledField, CompiledStream};
use crate::definitions::schema::FieldSchema;
use crate::model::{Link, Row, Witness};
use crate::names::FieldName;
use crate::value::comparable;

/// Fewer strangers than this are a matter of single records, however few links there are.
const FEW: usize = 2;
/// More strangers than this share of the linked records, in percent, mean another tenant or a re-numbered source.
const MANY_PERCENT: usize = 10;

pub(super) const SOMEBODY_ELSE: &str =
    "the linked rows have nothing in common any more: another person, or another tenant";

pub(super) const PASSED_ON: &str = "the row that a match rule found is linked to a record that is gone and that has \
     little in common with this one: somebody else, who was given the same address";

/// Makes keyed hashes of values.
#[derive(Clone)]
pub(super) struct Hasher(hmac::Key);

impl Hasher {
    /// With the key of the setting.
    pub(super) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Hash of a value in the form in which it is compared; None when it is empty.
    pub(super) fn hash(&self, field: &FieldName, schema: &FieldSchema, value: &Value) -> Option<u64> {
        comparable(value, schema).map(|text| self.text(field, &text))
    }

    fn text(&self, field: &FieldName, text: &str) -> u64 {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [b"rollcall-witness-1".as_slice(), field.as_bytes(), text.to_lowercase().as_bytes()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        tag.as_ref().iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
    }
}

/// Whether two rows of a link are still the ones that were linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resemblance {
    /// Something that says who the record is agrees, or nothing is known.
    Same,
    /// The one thing that could tell has changed: for a few records an ordinary change, for many of them another tenant.
    Doubtful,
    /// Nothing agrees.
    Stranger,
}

/// The fields that say who a record is: those of the match rules, and those that the definition says identify people.
pub(super) fn fields(stream: &CompiledStream) -> Vec<(usize, &CompiledField)> {
    let is_matched = |index: usize| stream.match_rules.iter().any(|rule| rule.fields.contains(&index));
    let fields = stream.fields.iter().enumerate();
    fields.filter(|(index, field)| is_matched(*index) || field.forward.schema.identifies).collect()
}

/// What is remembered of a record: hashes of the values that it is mapped to.
pub(super) fn of(hasher: &Hasher, stream: &CompiledStream, mapped: &[Result<Mapped, classify::Failure>]) -> Witness {
    let values = fields(stream).into_iter().filter_map(|(index, field)| {
        let value = mapped.get(index)?.as_ref().ok()?.own_value()?;
        Some((field.to.clone(), hasher.hash(&field.to, &field.forward.schema, value)?))
    });
    values.collect()
}

/// What is remembered of a record, or true of it, apart from what merely repeats its identifier.
pub(super) fn beside_the_key(hasher: &Hasher, witness: &Witness, key: &str) -> Witness {
    let says_something = |(field, hash): &(&FieldName, &u64)| hasher.text(field, key) != **hash;
    witness.iter().filter(says_something).map(|(field, hash)| (field.clone(), *hash)).collect()
}

/// Compares a linked record of the source with what is remembered of it. What merely repeats its identifier says nothing.
pub(super) fn source_resemblance(hasher: &Hasher, remembered: &Witness, present: &Witness, key: &str) -> Resemblance {
    let is_key = |field: &FieldName, hash: u64| hasher.text(field, key) == hash;
    let evidence: Vec<bool> = remembered
        .iter()
        .filter(|(field, hash)| !is_key(field, **hash))
        .filter_map(|(field, hash)| present.get(field).map(|now| now == hash))
        .collect();
    match evidence.as_slice() {
        [] => Resemblance::Same,
        all if all.contains(&true) => Resemblance::Same,
        [_] => Resemblance::Doubtful,
        _ => Resemblance::Stranger,
    }
}

/// Whether a record that a match rule leads to the row of a link is somebody else all the same: of all that is remembered,
/// no more than one value agrees, and several differ.
pub(super) fn is_another(hasher: &Hasher, link: &Link, present: &Witness, key: &str) -> bool {
    let remembered = beside_the_key(hasher, &link.witness, &link.source_key);
    let present = beside_the_key(hasher, present, key);
    let both = remembered.iter().filter_map(|(field, before)| present.get(field).map(|now| now == before));
    let (agree, differ): (Vec<bool>, Vec<bool>) = both.partition(|same| *same);
    agree.len() <= 1 && differ.len() >= 2
}

/// Compares the linked row of the target with what is remembered, and with what the source says now: a change that was
/// written before the run could note it is no stranger.
pub(super) fn target_resemblance(
    hasher: &Hasher,
    stream: &CompiledStream,
    remembered: &Witness,
    present: &Witness,
    key: &str,
    row: &Row,
) -> Resemblance {
    let (mut agrees, mut differs, mut key_agrees) = (0, 0, false);
    for (_, field) in fields(stream) {
        let Some(before) = remembered.get(&field.to) else { continue };
        if row.is_unknown(&field.to) {
            continue;
        }
        let found = row.values().get(&field.to).and_then(|value| hasher.hash(&field.to, &field.forward.schema, value));
        let is_same = found == Some(*before) || (found.is_some() && found.as_ref() == present.get(&field.to));
        if hasher.text(&field.to, key) == *before {
            key_agrees |= is_same;
        } else if is_same {
            agrees += 1;
        } else {
            differs += 1;
        }
    }
    match (agrees, differs, key_agrees) {
        (0, 2.., _) | (0, 1, false) => Resemblance::Stranger,
        (0, 1, true) => Resemblance::Doubtful,
        _ => Resemblance::Same,
    }
}

/// Whether so many links are in doubt that the systems themselves are.
pub(super) const fn are_many(doubtful: usize, linked: usize) -> bool {
    doubtful > FEW && doubtful * 100 > linked * MANY_PERCENT
}

/// The hasher of a plan.
pub(super) fn hasher(input: &PlanInput<'_>) -> Hasher {
    Hasher::new(input.key)
}
