//! The stored CRDs are those that the types generate.

use std::path::Path;

use rollcall_api::crds;

#[test]
fn stored_crds_are_what_the_types_generate() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    for crd in crds::all() {
        let path = folder.join(crds::file_name(&crd));
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(stored, crds::to_yaml(&crd), "{} is out of date: run `make crds`", path.display());
    }
}
