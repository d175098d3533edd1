//! (being written)
pub mod schema;
