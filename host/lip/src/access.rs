//! What the settings say about who may use the host, in the words of those who see to it.
use crate::backends::{self, BASE_URL, BASE_URLS};
use crate::{dirs, usage};
use access::{Client, Clients, Grants, KeyHash, Limits, Names, Sight, Strangers, ThrottleRules, Unpriced};
use egress::Places;
use frontends::{Accounting, ClientKeys, Tls, Together, WithoutState};
use http::Uri;
use ledger::price::Prices;
use ledger::store::Place;
use loader::{Auth, ConnectorManifest};
use serde_json::{Map, Value};
use settings::{AccessMode, ClientKey, Env, KeysFile, Resolved, Values};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stores::bounds::{Before, Bounds};
use stores::link::Link;

/// Where `lip keys` keeps the hashes of keys.
pub(crate) fn keys_file(set: Option<&Path>, env: &Env) -> PathBuf {
    set.map_or_else(|| dirs::keys(env), Path::to_owned)
}

/// Where `lip keys` keeps what it makes.
#[derive(Debug)]
pub(crate) enum KeysPlace {
    /// In a file of this host.
    File(PathBuf),
    /// In a database, for all hosts that share it.
    Database(Place),
}

/// Where these settings have it kept.
///
/// # Errors
/// A database of an unknown kind.
pub(crate) fn keys_place(values: &Values, env: &Env) -> Result<KeysPlace, String> {
    match values.keys_database() {
        true => usage::place(values, env).map(KeysPlace::Database),
        false => Ok(KeysPlace::File(keys_file(values.keys_file(), env))),
    }
}

/// Reads the file of `lip keys`.
pub(crate) fn read_keys_file(set: Option<&Path>, env: &Env) -> KeysFile {
    let path = keys_file(set, env);
    let name = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(_) if is_writable_by_others(&path) => KeysFile::Refused(format!(
            "{name} may be changed by others; take that right away: chmod go-w {name}"
        )),
        Ok(text) => KeysFile::Read(name, text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && set.is_none() => KeysFile::Missing,
        Err(error) => {
            KeysFile::Refused(format!("{name} cannot be read: {error}; lip keys new NAME makes it"))
        }
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).map_or(0, |data| data.permissions().mode())
}

#[cfg(not(unix))]
fn mode(_: &Path) -> u32 {
    0
}

/// Whoever can write there makes a key for himself.
fn is_writable_by_others(path: &Path) -> bool {
    mode(path) & 0o022 != 0
}

/// All clients by their keys.
pub(crate) fn clients(settings: &Resolved) -> Clients {
    let plain = settings.client_keys();
    // A sole one stands where the operator alone writes. Of several, others were given some.
    let sight = if plain.len() == 1 { Sight::All } else { Sight::Own };
    let unnamed = || Client { sight, ..Client::default() };
    let plain = plain.iter().map(|key| (KeyHash::of(key.expose().as_bytes()), unnamed()));
    let named = settings.clients().filter_map(|key| {
        // Its form was checked where it was read.
        let hash = KeyHash::parse(key.values().hash()?).ok()?;
        Some((hash, client(key)))
    });
    let strangers = match (settings.keys_database(), settings.shared_are_known()) {
        (false, _) => Strangers::Welcome,
        (true, true) => Strangers::Refused,
        (true, false) => Strangers::Waiting,
    };
    Clients::new(plain.chain(named)).with(strangers)
}

/// The client of this name, without its bounds; one that is known no longer may ask for everything.
pub(crate) fn client_named(settings: &Resolved, name: &str) -> Client {
    let known = settings.clients().find(|key| key.name() == name).map(client);
    Client { name: name.to_owned(), limits: Limits::default(), ends_at_s: None, ..known.unwrap_or_default() }
}

fn client(key: &ClientKey) -> Client {
    let values = key.values();
    Client {
        name: key.name().to_owned(),
        grants: Grants::new(values.models()),
        ends_at_s: values.expires(),
        limits: Limits {
            turns_per_minute: values.requests_per_minute(),
            turns_per_day: values.requests_per_day(),
            turns_per_month: values.requests_per_month(),
            tokens_per_minute: values.tokens_per_minute(),
            tokens_per_day: values.tokens_per_day(),
            tokens_per_month: values.tokens_per_month(),
            cost_per_day: values.cost_per_day(),
            cost_per_month: values.cost_per_month(),
        },
        unpriced: match values.unpriced() {
            None | Some(settings::Unpriced::Refuse) => Unpriced::Refused,
            Some(settings::Unpriced::Free) => Unpriced::Free,
        },
        sight: if values.operator() == Some(true) { Sight::All } else { Sight::Own },
    }
}

/// Who is let in, when guessers are shut out, what bounds are counted with, and where: behind `link`, or here.
pub(crate) fn client_keys(settings: &Resolved, prices: &Arc<Prices>, link: Option<&Arc<Link>>) -> ClientKeys {
    let rules = ThrottleRules {
        failures: u32::try_from(settings.brute_force_failures()).unwrap_or(u32::MAX),
        within: settings.brute_force_within(),
        block: settings.brute_force_block(),
        block_max: settings.brute_force_block_max(),
        ..ThrottleRules::default()
    };
    let (clients, is_kept) = (clients(settings), settings.usage_enabled());
    if !is_kept && clients.iter().any(|client| client.limits.are_of_days()) {
        tracing::warn!(
            "usage.enabled is false: bounds of a day or a month begin at zero whenever the host starts"
        );
    }
    let before = if is_kept { Before::Told } else { Before::Nothing };
    let without = match settings.bounds_without_state() {
        settings::WithoutState::Alone => WithoutState::Alone,
        settings::WithoutState::Refuse => WithoutState::Refused,
    };
    let together = link.map(|link| Together { bounds: Bounds::new(Arc::clone(link), before), without });
    ClientKeys::of(clients, rules, Accounting { prices: Arc::clone(prices), is_kept, together })
}

/// By which names the host may be called. Where several use it, a key is asked for whatever the name.
pub(crate) fn names(settings: &Resolved) -> Names {
    match settings.access_mode() {
        AccessMode::SingleUser => Names::new(settings.allowed_hosts()),
        AccessMode::MultiUser => Names::any(),
    }
}

/// Which addresses backends may be asked at.
pub(crate) fn places(settings: &Resolved) -> Places {
    match settings.access_mode() {
        AccessMode::SingleUser => Places::Any,
        AccessMode::MultiUser => Places::PublicAnd(settings.egress_allow_private().into()),
    }
}

/// Why a backend is not for those who use this host: what is one person's own is for one person. An organisation's account is for all whom it
/// is shared with.
pub(crate) fn refused(settings: &Resolved, manifest: Option<&Arc<ConnectorManifest>>) -> Option<String> {
    let manifest = manifest.filter(|m| matches!(m.auth, Auth::LocalAgent | Auth::OauthPersonal))?;
    if settings.access_mode() == AccessMode::SingleUser {
        return None;
    }
    match (engine::is_of_organisation(manifest), settings.accounts_database()) {
        (true, Some(_)) => None,
        (true, None) => Some(
            "its account is one person's, unless hosts share it, and it is refused where several use the host; set accounts.database, or start it with --single-user-mode".to_owned(),
        ),
        (false, Some(_) | None) => Some(
            "it uses the account of one person, and is refused where several use the host; start it with --single-user-mode".to_owned(),
        ),
    }
}

/// Why a backend of these base URLs would reach this machine or its network, which several users must not do through this host unless
/// it is listed; with the remedy.
pub(crate) fn leads_inside(
    settings: &Resolved,
    manifest: Option<&Arc<ConnectorManifest>>,
    config: &Map<String, Value>,
) -> Option<String> {
    let allowed = places(settings);
    let mut base_urls = base_urls(manifest, config);
    let (why, place) = base_urls.find_map(|text| {
        let url: Uri = text.parse().ok()?;
        Some((allowed.refused(&url)?, backends::place(text)?))
    })?;
    Some(format!("{why}; add \"{place}\" to egress.allow_private if it should be"))
}

/// The base URLs of this configuration, else the manifest's.
fn base_urls<'a>(
    manifest: Option<&'a Arc<ConnectorManifest>>,
    config: &'a Map<String, Value>,
) -> impl Iterator<Item = &'a str> {
    let own = config.get(BASE_URL).and_then(Value::as_str);
    let places = config.get(BASE_URLS).and_then(Value::as_object).into_iter().flat_map(Map::values);
    let told = manifest.and_then(|manifest| manifest.base_url.as_deref());
    own.or(told).into_iter().chain(places.filter_map(Value::as_str))
}

/// The listener's TLS, where it is set.
///
/// # Errors
/// A file that cannot be read or used.
pub(crate) fn tls(settings: &Resolved) -> Result<Option<Tls>, String> {
    let Some((chain, key)) = pem(settings)? else { return Ok(None) };
    Tls::new(&chain, &key).map(Some).map_err(|error| error.to_string())
}

/// Reads the listener's certificate and key once more. The old ones stay where the new ones cannot be used.
pub(crate) fn renew(tls: &Tls, settings: &Resolved) {
    let renewed = pem(settings).and_then(|pem| match pem {
        Some((chain, key)) => tls.replace(&chain, &key).map_err(|error| error.to_string()),
        None => Ok(()),
    });
    match renewed {
        Ok(()) => tracing::info!("the certificate was read again"),
        Err(error) => tracing::error!(error, "the old certificate stays in use"),
    }
}

/// A certificate chain and its key.
type Pem = (Vec<u8>, Vec<u8>);

fn pem(settings: &Resolved) -> Result<Option<Pem>, String> {
    let (Some(chain), Some(key)) = (settings.tls_cert(), settings.tls_key()) else { return Ok(None) };
    let read = |what: &str, path: &Path| {
        std::fs::read(path).map_err(|error| {
            format!(
                "{what}: {} cannot be read: {error}; check the path and this user's rights",
                path.display()
            )
        })
    };
    let pem = (read("tls.cert", chain)?, read("tls.key", key)?);
    if mode(key) & 0o007 != 0 {
        tracing::warn!(file = %key.display(), "every user of this machine may read the private key; chmod o-rwx it");
    }
    Ok(Some(pem))
}

/// What the operator should know about who may use the host, in one line.
pub(crate) fn notice(settings: &Resolved) -> String {
    let n_keys = clients(settings).len();
    let keys = match n_keys {
        _ if settings.keys_database() => {
            format!("client keys of the database, and {n_keys} of this host's own")
        }
        0 => "no client key is asked for".to_owned(),
        1 => "1 client key".to_owned(),
        n => format!("{n} client keys"),
    };
    match settings.access_mode() {
        AccessMode::SingleUser => format!("single-user, this machine only; {keys}"),
        AccessMode::MultiUser if settings.tls_cert().is_some() => format!("multi-user; {keys}; TLS"),
        AccessMode::MultiUser if is_loopback(settings.host()) => format!("multi-user; {keys}"),
        AccessMode::MultiUser => format!(
            "multi-user; {keys}; without TLS: keys and prompts can be read on the way. Set tls.cert and tls.key, or put a proxy with TLS in front"
        ),
    }
}

fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => host.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
    }
}
