//! Level 1 and 2: pure behaviour, and the controllers against an in-process API server.

mod admission;
mod architecture;
mod crds;
mod operator;
mod support;
