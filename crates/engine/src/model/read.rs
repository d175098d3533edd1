//! Rows of one stream, with what is known about their completeness.

use super::Row;

/// Rows of one stream of one system.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Distinct rows, ordered by identifier; those that could not be read whole among them.
    pub rows: Vec<Row>,
    /// Pages read.
    pub pages: i64,
    /// The system's own total, where it declares one.
    pub declared_total: Option<i64>,
    /// Whether absence can be concluded.
    pub proof: ReadProof,
}

impl Read {
    /// Nothing was read.
    pub const fn none() -> Self {
        Self { rows: Vec::new(), pages: 0, declared_total: None, proof: ReadProof::Selected }
    }
}

/// Why a read counts as complete, or why not. Only a complete read proves that a row is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadProof {
    /// The end was reached and the declared total agrees; rows are not addressed by position, or there was one page.
    DeclaredTotal,
    /// The end was reached twice, with the same identifiers.
    TwoAgreeingReads,
    /// The end was reached once and the totals agree, but pages are cut by position: what was inserted and deleted
    /// between two pages does not show.
    ByPosition,
    /// Only selected rows were asked for: says nothing about the others.
    Selected,
    /// Two reads delivered different identifiers.
    ReadsDisagree,
    /// The declared total differs from what was delivered, or an identifier came twice.
    TotalDisagrees,
    /// A page repeated its own position.
    CursorDidNotAdvance,
    /// A limit on pages or rows was reached.
    LimitReached,
    /// The read failed before its end.
    Failed,
}

impl ReadProof {
    /// Whether absence from this read proves absence from the system.
    pub const fn is_complete(self) -> bool {
        matches!(self, Self::DeclaredTotal | Self::TwoAgreeingReads)
    }

    /// The word that is shown in `status.read.proof`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeclaredTotal => "DeclaredTotal",
            Self::TwoAgreeingReads => "TwoAgreeingReads",
            Self::ByPosition => "ByPosition",
            Self::Selected => "Selected",
            Self::ReadsDisagree => "ReadsDisagree",
            Self::TotalDisagrees => "TotalDisagrees",
            Self::CursorDidNotAdvance => "CursorDidNotAdvance",
            Self::LimitReached => "LimitReached",
            Self::Failed => "Failed",
        }
    }
}
