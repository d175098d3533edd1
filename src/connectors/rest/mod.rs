//! Systems that speak JSON over HTTP in their own manner: everything particular to them is in the definition.

mod choose;
mod connector;
mod extract;
mod lookups;
mod parts;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trust_tests;
mod write;

pub(crate) use connector::RestConnector;
