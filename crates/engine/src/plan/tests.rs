//! What a plan must and must not hold, in a small world.

mod guard;
mod mapping;
mod matching;
mod records;
mod release;
mod world;

use world::World;
