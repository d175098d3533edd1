//! Conditions: set, merge, derive. Pure.
