//! `lip plugin inspect`: what connectors say of themselves.
use super::list;
use crate::{cli, out, setup, trust};
use clap::{Arg, ArgMatches, Command};
use loader::{Auth, ConnectorManifest, Plugin};
use serde_json::{Value, json};
use settings::Resolved;
use std::path::Path;

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    Command::new("inspect")
        .about("Show what connectors say of themselves")
        .arg(cli::json_flag())
        .arg(Arg::new("which").help("A backend id, or a library's file name or path; all if left out"))
}

/// Shows the manifests of every connector, of one, or of one library.
///
/// # Errors
/// An error of the configuration, or a name that nothing loaded has.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let found = setup::setup(matches)?;
    let which = matches.get_one::<String>("which").map(String::as_str);
    let all = found.discovery.plugins().flat_map(|plugin| {
        plugin.manifest().connectors.iter().map(move |connector| (&**plugin, &**connector))
    });
    let chosen: Vec<(&Plugin, &ConnectorManifest)> = all
        .filter(|(plugin, connector)| which.is_none_or(|which| is_meant(plugin, connector, which)))
        .collect();
    if let (true, Some(which)) = (chosen.is_empty(), which) {
        return Err(format!("no loaded library has or is \"{which}\"; lip plugin list shows what there is"));
    }
    if matches.get_flag("json") {
        out::line(Value::from(chosen.iter().map(|(p, c)| as_json(p, c)).collect::<Vec<_>>()));
        return Ok(());
    }
    let blocks: Vec<_> =
        chosen.iter().map(|(plugin, connector)| block(plugin, connector, &found.settings)).collect();
    out::line(blocks.join("\n").trim_end());
    Ok(())
}

fn is_meant(plugin: &Plugin, connector: &ConnectorManifest, which: &str) -> bool {
    connector.id == which || is_file(plugin, which)
}

/// Whether `which` is the library's file, or a connector that it has.
pub(crate) fn is_library(plugin: &Plugin, which: &str) -> bool {
    is_file(plugin, which) || plugin.manifest().connector(which).is_some()
}

fn is_file(plugin: &Plugin, which: &str) -> bool {
    let file = plugin.path();
    file == Path::new(which) || file.file_name().is_some_and(|name| name == which)
}

fn as_json(plugin: &Plugin, connector: &ConnectorManifest) -> Value {
    json!({
        "path": plugin.path(),
        "plugin": plugin.manifest().plugin,
        "version": plugin.manifest().version,
        "trust": trust::code(plugin.trust().by),
        "signed_by": plugin.trust().signer.as_ref().map(|signer| &signer.key),
        "connector": connector,
    })
}

fn block(plugin: &Plugin, connector: &ConnectorManifest, settings: &Resolved) -> String {
    let manifest = plugin.manifest();
    let signer = plugin.trust().signer.as_ref();
    let dialects: Vec<_> = connector.dialects.iter().map(|dialect| dialect.id()).collect();
    let models: Vec<_> = connector.models.iter().map(|model| model.id.as_str()).collect();
    let mut rows = vec![
        ("id".to_owned(), connector.id.clone()),
        ("title".to_owned(), connector.title.clone()),
        ("best for".to_owned(), connector.best_for.clone()),
        (
            "library".to_owned(),
            format!("{} {} ({})", manifest.plugin, manifest.version, plugin.path().display()),
        ),
        ("trust".to_owned(), list::trust_words(plugin)),
        ("signer says".to_owned(), signer.map(|signer| signer.comment.clone()).unwrap_or_default()),
        ("authentication".to_owned(), auth_words(connector.auth).to_owned()),
        ("dialects".to_owned(), dialects.join(", ")),
        ("base URL".to_owned(), connector.base_url.clone().unwrap_or_default()),
        ("may reach".to_owned(), connector.egress.join(", ")),
        ("may also reach".to_owned(), trust::further_hosts(settings, plugin).join(", ")),
        ("models".to_owned(), models.join(", ")),
        ("docs".to_owned(), connector.docs.clone().unwrap_or_default()),
    ];
    rows.extend(connector.env.iter().map(|(key, variables)| (format!("{key} from"), variables.join(", "))));
    rows.extend(connector.disclaimers.iter().map(|text| ("note".to_owned(), text.clone())));
    let told = rows.into_iter().filter(|(_, value)| !value.is_empty());
    let rows: Vec<_> = told.map(|(name, value)| vec![name, value]).collect();
    out::table(&rows)
}

fn auth_words(auth: Auth) -> &'static str {
    match auth {
        Auth::ApiKey => "API key",
        Auth::OauthPersonal => "a person's own login",
        Auth::LocalAgent => "a program of this machine that is logged in",
        Auth::None => "none",
        Auth::Virtual => "that of the backends it uses",
    }
}
