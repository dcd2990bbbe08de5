//! Stories: the real host with real connector libraries in front of simulated providers. One module per theme.
#![cfg(test)]

mod access;
mod acp;
#[cfg(target_os = "linux")]
mod agents;
mod author_kit;
mod bad_input;
mod bodies;
mod budgets;
mod bundles;
mod cancel;
mod capture;
mod client_wire;
mod command_line;
mod commands_frontends;
mod commands_history;
mod commands_rules;
mod cuts;
mod deadlines;
mod diagnostics;
mod doctor;
mod draining;
mod first_run;
#[cfg(unix)]
mod foreign;
mod golden;
mod headers;
mod hybrid;
mod keys;
mod limits;
mod manners;
mod metrics;
mod pass_through;
#[cfg(target_os = "linux")]
mod plugin_attacks;
mod plugins;
mod processes;
mod profiles;
mod races;
mod ready;
#[cfg(target_os = "linux")]
mod reload;
mod responses;
mod routes;
mod scraped;
mod secrets;
mod security;
mod sessions;
#[cfg(target_os = "linux")]
mod signing;
mod silence;
mod simulated;
mod streams;
mod talk;
mod team;
mod thinking;
#[cfg(target_os = "linux")]
mod torture;
mod traces;
mod upstream_errors;
mod usage;
mod waits;
#[cfg(target_os = "linux")]
mod workers;
