//! The house rules as tests: run `cargo test -p tidy`. Builds nothing, compiles nothing, asks no network.
//!
//! Each failure names the rule, the place and the page that explains it. Rules live in `docs/ARCHITECTURE.md` and
//! `docs/STYLE.md`; where a rule is a table (levels, pure rooms, top level) this crate reads the table itself.
#![cfg(test)]

mod docs;
mod hygiene;
mod layout;
mod levels;
mod mask;
mod metadata;
mod plugins;
mod purity;
mod ratchet;
mod repo;
mod table;
mod test_modules;
mod unsafe_code;
mod walls;
mod zero_edit;
