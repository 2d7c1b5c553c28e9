//! Stories of a caller and a server with the machine between them, on a virtual clock.

mod bounds;
mod cells;
mod downgrade;
mod lost;
mod native;
mod opening;
mod pair;
mod parties;
mod random;
mod stories;
mod upgrade;
