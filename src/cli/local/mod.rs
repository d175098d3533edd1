//! `rollcall` without a cluster: runs of a setting from manifests, and what a records file knows.
//!
//! | file | what it does |
//! | --- | --- |
//! | `run` | run, plan |
//! | `declared` | a setting and its providers, from manifests |
//! | `records_file` | which file, and which setting in it |
//! | `answers` | records, errors, explain, links, history |
//! | `link` | link and unlink, by hand |

pub(super) mod answers;
mod declared;
pub(super) mod link;
mod records_file;
pub(super) mod run;

/// Local runs have no uid; their records belong to namespace, setting and this word.
const LOCAL: &str = "local";
