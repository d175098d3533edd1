//! Command lines: what `rollcall` and `kubectl rollcall` understand. Only parsing and printing; the work is elsewhere.

pub mod export;
pub mod kubectl;
pub mod output;
