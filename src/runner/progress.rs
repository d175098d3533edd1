//! How far a run has come, for whoever watches.

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading a stream of the source.
    ReadSource,
    /// Reading a stream of the target.
    ReadTarget,
    /// Writing a stream to the target.
    Write,
}

/// Told about progress; must return quickly.
pub trait RunProgress: Send + Sync {
    /// `done` of `total` records of `stream`.
    fn advance(&self, stage: Stage, stream: &str, done: u64, total: Option<u64>);
}

/// Nobody watches.
pub struct NoProgress;

impl RunProgress for NoProgress {
    fn advance(&self, _stage: Stage, _stream: &str, _done: u64, _total: Option<u64>) {}
}
