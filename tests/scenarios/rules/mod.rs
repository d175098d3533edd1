//! The ten rules of trust, each attacked end to end: whole runs against systems that lie, break off, or hold another
//! tenant's people; and what follows from the rules for approvals, undoing, two-way streams and crashes.

mod approvals;
mod crash_sweep;
mod crashes;
mod help;
mod others;
mod pair;
mod rule_1;
mod rule_10;
mod rule_2;
mod rule_3;
mod rule_4;
mod rule_5;
mod rule_6;
mod rule_7;
mod rule_9;
mod stopping;
mod two_way;
mod undo;
