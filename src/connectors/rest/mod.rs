//! Systems that speak JSON over HTTP in their own manner: everything particular to them is in the definition.

mod choose;
mod extract;
mod source;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use source::RestSource;
pub(crate) use target::RestTarget;
