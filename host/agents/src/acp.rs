//! The Agent Client Protocol, version 1: lines, messages, and what they mean. Pure: no process, no clock.
//! Source: agentclientprotocol.com, protocol/v1, and what real agents send.
pub mod history;
pub mod permission;
pub mod prompt;
pub mod rpc;
pub mod serve;
pub mod setup;
pub mod tool;
pub mod update;
pub mod usage;
