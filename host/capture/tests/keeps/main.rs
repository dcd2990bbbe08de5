//! What is kept of turns, and that nothing is kept beyond the bounds.
mod bounds;
mod format;
mod kit;
