//! What many hosts share, kept in Redis 7 or Valkey: one [`Link`](link::Link) for each host, opened only where the setting
//! `state` asks for it.
//!
//! How to use it:
//! - A key is made by [`Keys`](keys::Keys): its tag, in braces, decides the hash slot. All keys of one script have one tag, so
//!   that a cluster can serve it.
//! - [`Link::run`](link::Link::run) sends a command, [`Link::script`](link::Link::script) a Lua script by its hash. Both answer
//!   within [`COMMAND_TIME`](link::COMMAND_TIME) or say [`Lost`](link::Lost); what to do without an answer is the caller's to
//!   decide, and never to fail a turn.
//! - [`Link::tell`](link::Link::tell) and [`Link::news`](link::Link::news) carry short words between hosts. News may be lost:
//!   it may hasten what happens anyway, and nothing may depend on it.
//! - [`Link::is_up`](link::Link::is_up) costs one atomic read. [`Link::changes`](link::Link::changes) wakes who reconciles.
pub mod address;
pub mod answer;
pub mod bounds;
pub mod keys;
pub mod link;
pub mod lock;
mod names;
pub mod owner;
pub mod probe;
pub mod rest;
pub mod session;
