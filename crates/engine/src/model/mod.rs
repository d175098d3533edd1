//! What the engine works on: rows as read, links, the lines of a plan, and what is kept of them. `Debug` of anything that
//! holds personal data shows names of fields, never values.

mod agreement;
mod fields;
mod journal;
mod line;
mod link;
mod proposal;
mod read;
mod row;

pub use agreement::{AgreedGuard, Agreement, StreamAgreement};
pub use fields::Fields;
pub(crate) use fields::is_empty;
pub use journal::{Claim, Claimed, EffectCounts, Effects, Write, WriteState};
pub use line::{Disposition, Entry, Line, Memory, Operation, OutOfScope, Plan, Reference, References, StreamPlan};
pub use link::{Agreed, Link, Provenance, Witness};
pub use proposal::{Origin, Proposal, ProposedLine};
pub use read::{Read, ReadProof};
pub use row::{Fault, Row};
