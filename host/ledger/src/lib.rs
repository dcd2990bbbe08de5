//! What turns used and cost: a row for each, kept in SQLite or PostgreSQL, and what is read from them. Never in a turn's way: a database
//! that is slow, full or gone costs rows, which are counted, and no turn.
pub mod accounts;
mod attempts;
pub mod charge;
pub mod clients;
pub mod filter;
pub mod ledger;
pub mod lines;
pub mod price;
pub mod probe;
pub mod reader;
pub mod row;
mod schema;
pub mod series;
pub mod spool;
pub mod store;
mod values;
mod writer;
