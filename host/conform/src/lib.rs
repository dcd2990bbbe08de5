//! `lip conform`: drives a gateway from both sides and scores how faithfully it translates. Knows the vendors' wire formats from a corpus of literal bytes;
//! never touches the codecs that it judges.
//!
//! A case of the corpus says what a client of each dialect asks, what an upstream of each dialect must receive and answers, and what each client must get.
//! Every pair of a dialect that can ask and another that can answer is one cell; every line of expectation is one check.
mod check;
mod client;
mod corpus;
mod dialect;
mod exchange;
mod fold;
mod host;
mod judge;
mod ledger;
mod record;
mod report;
mod run;
mod script;
mod sse;
mod upstream;

pub use corpus::{Corpus, CorpusError};
pub use record::Record;
pub use report::Report;
pub use run::{Conform, ConformError, Subject};
