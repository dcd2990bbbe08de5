//! The other side of the protocol: LIP as an agent, for clients such as editors. Pure as the rest: lines and canonical events in, lines out.
//! Source: agentclientprotocol.com, protocol/v1 and its schema; `session/set_model` and `models` are older than the standard and in use.
pub mod ask;
pub mod blocks;
pub mod lines;
pub mod offer;
pub mod speech;
pub mod transcript;
