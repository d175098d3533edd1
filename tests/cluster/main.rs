//! Temporary main of the admission suite.

mod cases {
    pub mod admission;
}
