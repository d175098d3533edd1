//! The definitions that are built in.

use std::sync::LazyLock;

use super::{DefinitionError, VendorDefinition, parse};

/// Names and texts.
const TEXTS: &[(&str, &str)] = &[
    ("personio-v2", include_str!("../../../../config/definitions/personio-v2.yaml")),
    ("travelperk", include_str!("../../../../config/definitions/travelperk.yaml")),
];

static PARSED: LazyLock<Vec<Result<VendorDefinition, DefinitionError>>> =
    LazyLock::new(|| TEXTS.iter().map(|(name, text)| parse(text, name)).collect());

/// Names of all built-in definitions, in order.
pub fn names() -> Vec<&'static str> {
    TEXTS.iter().map(|(name, _)| *name).collect()
}

/// The definition with this name. A test keeps all of them readable.
pub fn find(name: &str) -> Option<&'static VendorDefinition> {
    PARSED.iter().filter_map(|parsed| parsed.as_ref().ok()).find(|definition| definition.name == name)
}

/// The YAML of the definition with this name.
pub fn text(name: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_definition_is_sound_and_named_as_its_file() {
        for (name, text) in TEXTS {
            match parse(text, name) {
                Ok(definition) => assert_eq!(&definition.name, name),
                Err(error) => panic!("{error}"),
            }
            assert!(find(name).is_some());
        }
    }
}
