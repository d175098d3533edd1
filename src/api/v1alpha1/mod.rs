//! Version `v1alpha1` of the four kinds.

mod common;
mod employee_sync_job;
mod integration_provider;
mod stream;
mod sync_approval;
mod sync_setting;

pub use common::*;
pub use employee_sync_job::*;
pub use integration_provider::*;
pub use stream::*;
pub use sync_approval::*;
pub use sync_setting::*;
