//! What the check of a setting finds.
