//! What is told of a turn when it begins and when it has ended, as plain values without a secret, and who is told.
//!
//! - Every call of the engine's `turn` is a turn, also one that is refused before anything was tried, one that this host answers itself,
//!   and one that counts tokens. A request that never became one, for its key or its body was bad, is none.
//! - A turn ends once, and so does what is told of it: there is one [`turn::TurnEnded`] for each [`turn::TurnBegan`], whatever happens.
//! - What a turn tried are its [`attempt::Attempt`]s: each leg that failed, lost a race or answered, and those that virtual backends and
//!   thinkers asked for. They are no turns of their own.
pub mod attempt;
pub mod open;
pub mod overhead;
pub mod pricing;
pub mod tokens;
pub mod trace;
pub mod trouble;
pub mod turn;
pub mod wire;
pub mod witness;
