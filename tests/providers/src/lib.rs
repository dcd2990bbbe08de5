//! Proves every row of the table of backends: strict simulated providers, written from the vendors' documentation, behind
//! the real host and the real libraries, driven from all four frontends. Imports nothing of what it judges.
#![cfg(test)]

mod asked;
mod bugs;
mod cassettes;
mod clients;
mod code_assist;
mod judge;
mod kiro;
mod logins;
mod proof;
mod provider;
mod rows;
mod server;
mod stories;
mod table;
