//! The engine: what a run would do, worked out from values alone. No input or output, no clock: the same inputs give
//! the same plan, byte for byte.
//!
//! [`compile`] checks a setting against the schemas of its two vendors and makes it ready to be used; [`plan`] works out
//! what is to happen to each record; [`model`] has the values that pass between the engine and its callers.

pub mod admission;
pub mod compile;
pub mod definitions;
mod expression;
pub mod model;
pub mod names;
pub mod plan;
pub mod redacted;
pub mod schedule;
mod suggest;
mod value;

pub use compile::{CompiledSetting, Problem, compile};
pub use plan::{PlanInput, Planned, StreamInput, Terms, plan};
pub use value::hexadecimal;
