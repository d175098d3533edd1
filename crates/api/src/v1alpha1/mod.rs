//! Version `v1alpha1` of the four kinds.
//!
//! Doc comments of fields are what `kubectl explain` shows. Variants of plain enums have none: a schema with comments on
//! variants loses its `enum` list, so the field says what each value means.
#![allow(missing_docs, reason = "variants, see above")]
#![allow(unreachable_pub, reason = "the derive of the kinds generates public items in private modules")]

mod common;
mod employee_sync_job;
mod integration_provider;
mod stream;
mod sync_approval;
mod sync_setting;
mod words;

pub use common::*;
pub use employee_sync_job::*;
pub use integration_provider::*;
pub use stream::*;
pub use sync_approval::*;
pub use sync_setting::*;
