//! `lip plugin run`: a host with one library, on a free port, and a line to send it.
use crate::serve::{self, Bound};
use crate::setup;
use crate::setup::Setup;
use clap::{Arg, ArgMatches, Command, value_parser};
use engine::{Backend, Backends};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    Command::new("run")
        .about("Serve with this library and no other, on a free port, and print a line to try it with")
        .arg(
            Arg::new("file")
                .required(true)
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The library"),
        )
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// A file that is no library, or what `lip serve` refuses.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let file = matches.get_one::<PathBuf>("file").ok_or("which library?")?;
    if !file.is_file() {
        return Err(format!("{} is no file; build the library first", file.display()));
    }
    let found = setup::only(matches, file)?;
    let is_port_given = matches.try_get_one::<String>("port").ok().flatten().is_some();
    let port = if is_port_given { found.settings.port() } else { 0 };
    serve::with(found, port, words)
}

/// The first line is that of `lip serve`: scripts wait for it.
fn words(found: &Setup, backends: &Backends, bound: &Bound) -> String {
    let bound = bound.clients;
    let mut lines = vec![format!("lip listening on http://{bound}")];
    for plugin in found.discovery.plugins() {
        let (manifest, cage) = (plugin.manifest(), plugin.isolation().name());
        let path = plugin.path().display();
        lines.push(format!(
            "  library   {} {} (abi {}, {cage}) {path}",
            manifest.plugin, manifest.version, manifest.abi
        ));
    }
    for backend in backends.iter() {
        let name = backend.name();
        match backend.missing() {
            None => lines.push(format!("  ready     {name}")),
            Some(missing) => lines.push(format!("  missing   {name}: {missing}")),
        }
        lines.extend(
            variable(backend).map(|variable| format!("            export {variable}=… and start again")),
        );
    }
    lines.extend(backends.iter().map(|backend| format!("  try       {}", curl(backend, bound))));
    lines.join("\n")
}

/// The variable to set for the key, of a backend that lacks it.
fn variable(backend: &Backend) -> Option<String> {
    let manifest = backend.spec().manifest.as_ref()?;
    backend.missing()?;
    manifest.env.get("api_key")?.first().cloned()
}

fn curl(backend: &Backend, bound: SocketAddr) -> String {
    let model = backend.spec().models.first().map_or("MODEL", String::as_str);
    let name = backend.name();
    format!(
        "curl -N http://{bound}/v1/chat/completions -H 'content-type: application/json' \
         -d '{{\"model\":\"{name}:{model}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"hello\"}}]}}'"
    )
}
