//! What a plan must and must not hold, in a small world: one file for each rule of trust that planning keeps, and the
//! rest by subject.

mod guard;
mod mapping;
mod matching;
mod properties;
mod records;
mod related;
mod release;
mod rows;
mod terms;
mod two_way;
mod undo;
mod unknown;
mod witness;
mod world;

use world::World;
