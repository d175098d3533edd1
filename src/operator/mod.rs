//! The controller: watches the four kinds and the connector pods, decides (pure), acts, writes status.

pub mod catalogue;
pub mod decide;
pub mod resources;
