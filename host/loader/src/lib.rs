//! Finds, checks, loads and runs connector libraries. The only room of the host with `unsafe`.
pub mod run;
