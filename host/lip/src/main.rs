//! The `lip` binary: reads the command line and hands over to one subcommand.
mod access;
mod accounts;
mod acp;
mod agents;
mod backends;
mod bundles;
mod cages;
mod capture;
mod cli;
mod config;
mod conform;
mod desk;
mod dirs;
mod doctor;
mod ending;
mod keys;
mod list;
mod log;
mod model_lists;
mod operate;
mod out;
mod plugin;
mod profiles;
mod reload;
mod route;
mod rules;
mod serve;
mod setup;
mod shared_accounts;
mod shared_keys;
mod shell;
mod state;
mod summary;
mod telemetry;
mod trust;
mod usage;

use std::process::ExitCode;

/// What one thread allocates another often frees, for turns wander between threads: the system's allocator makes them wait
/// for each other then, once per turn under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A child that stands between the host and an agent.
    #[cfg(target_os = "linux")]
    if let Some(code) = ::agents::warden::intercept(std::env::args_os().skip(1)) {
        return code;
    }
    // A child that only tries a library, so that a bad one cannot take the host down.
    if let Some(code) = loader::probe::intercept(std::env::args_os().skip(1)) {
        return code;
    }
    // A child that holds one library for a host.
    if let Some(code) = loader::cage::intercept(std::env::args_os().skip(1)) {
        return code;
    }
    match cli::run(cli::command().get_matches()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            out::error(&message);
            ExitCode::FAILURE
        }
    }
}
