//! `lip keys`: client keys with names. A key is shown once, when it is made; what is kept is its hash.
use crate::access::KeysPlace;
use crate::shared_keys::{self, Desk};
use crate::{cli, out, setup};
use ::access::{KEY_PREFIX, KeyHash};
use base::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value, json};
use settings::{ClientKey, File, Format, Setting, Shape, is_client_name};
use std::io::Write;
use std::path::Path;

const HEAD: &str =
    "# Client keys of LIP: hashes, not keys. Written by `lip keys`; see docs/guides/access.md.\n";

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    let name = || Arg::new("name").required(true).help("The key's name, such as alice");
    Command::new("keys")
        .about("Client keys with names, bounds and an end")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("new").about("Make a key and print it, once").arg(name()).args(fields().map(arg)),
        )
        .subcommand(Command::new("list").about("List the keys by name").arg(cli::json_flag()))
        .subcommand(Command::new("revoke").about("Take a key away").arg(name()))
}

/// What can be said of a new key.
fn fields() -> impl Iterator<Item = &'static Setting> {
    settings::all_of_client().filter(|field| field.key != "hash")
}

fn arg(field: &'static Setting) -> Arg {
    let arg = Arg::new(field.key).long(field.key.replace('_', "-")).help(field.doc.trim());
    match field.shape {
        Shape::TextList => arg.num_args(1..).value_delimiter(','),
        // `--operator` alone, or `--operator=false`.
        Shape::Bool => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => arg,
    }
}

/// Runs it.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    match matches.subcommand() {
        Some(("new", own)) => new(own),
        Some(("list", own)) => list(own),
        Some(("revoke", own)) => revoke(own),
        _ => Err("unknown subcommand of keys".to_owned()),
    }
}

fn name_of(matches: &ArgMatches) -> Result<String, String> {
    let name = matches.get_one::<String>("name").cloned().unwrap_or_default();
    if is_client_name(&name) {
        Ok(name)
    } else {
        Err(format!(
            "\"{name}\" cannot be the name of a key; take letters, digits, -, _ and dots, 64 at most"
        ))
    }
}

fn new(matches: &ArgMatches) -> Result<(), String> {
    let name = name_of(matches)?;
    let place = setup::keys_place(matches)?;
    let is_taken = match &place {
        KeysPlace::File(path) => Place { path }.read()?.iter().any(|key| key.name() == name),
        // Another host's own keys are not known here. There they come before the database's.
        KeysPlace::Database(_) => {
            setup::settings(matches).is_ok_and(|(own, _)| own.clients().any(|key| key.name() == name))
        }
    };
    if is_taken {
        return Err(shared_keys::taken(&name));
    }
    let key = random_key()?;
    let mut table = Map::new();
    table.insert("hash".to_owned(), KeyHash::of(key.expose().as_bytes()).to_string().into());
    for field in fields() {
        let given: Vec<&String> = matches.get_many::<String>(field.key).into_iter().flatten().collect();
        match (field.shape, given.as_slice()) {
            (_, []) => {}
            (Shape::TextList, list) => {
                table.insert(
                    field.key.to_owned(),
                    list.iter().map(|text| Value::from(text.as_str())).collect(),
                );
            }
            (Shape::Whole, [text, ..]) => {
                let number = text.parse::<u64>().map_or_else(|_| Value::from(text.as_str()), Value::from);
                table.insert(field.key.to_owned(), number);
            }
            (Shape::Bool, [text, ..]) => {
                table.insert(field.key.to_owned(), truth(text));
            }
            (Shape::Dollars, [text, ..]) => {
                table.insert(field.key.to_owned(), dollars(text));
            }
            (_, [text, ..]) => {
                table.insert(field.key.to_owned(), Value::from(text.as_str()));
            }
        }
    }
    // As it will be read.
    let text = section(&name, &table);
    let file = File { name: "the new key", format: Format::Toml, text: &text };
    let new = settings::read_keys(&file).map_err(|refused| refused.to_string())?;
    let (shown, taken_up) = match &place {
        KeysPlace::File(path) => {
            let place = Place { path };
            let keys: Vec<_> = place.read()?.into_iter().chain(new).collect();
            place.write(&keys)?;
            (path.display().to_string(), "A host that runs takes it by lip config reload")
        }
        KeysPlace::Database(place) => {
            Desk(place).add(&name, &text)?;
            (place.shown(), "Hosts that run take it within five seconds")
        }
    };
    out::line(key.expose());
    out::progress(format!(
        "the key of \"{name}\" is shown this once; its hash stands in {shown}. {taken_up}"
    ));
    Ok(())
}

/// 256 random bits that can stand in a header, a URL and a shell.
fn random_key() -> Result<Secret<String>, String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| format!("this system gives no random numbers: {error}"))?;
    Ok(Secret::new(format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
}

fn list(matches: &ArgMatches) -> Result<(), String> {
    let (settings, env) = setup::settings(matches)?;
    let shared = shared_keys::place(&settings, &env)?.map(|place| Desk(&place).all()).transpose()?;
    let settings = settings.sharing(shared);
    if matches.get_flag("json") {
        let one = |key: &ClientKey| {
            let fields = key.fields().into_iter().filter(|(field, _)| *field != "hash");
            let fields: Map<String, Value> =
                fields.map(|(field, text)| (field.to_owned(), text.into())).collect();
            json!({"name": key.name(), "source": key.source().to_string(), "fields": fields})
        };
        out::line(Value::from(settings.clients().map(one).collect::<Vec<_>>()));
        return Ok(());
    }
    let row = |key: &ClientKey| {
        let fields = key.fields().into_iter().filter(|(field, _)| *field != "hash");
        let words: Vec<String> = fields.map(|(field, text)| format!("{field} {text}")).collect();
        let words = if words.is_empty() { "everything, for ever".to_owned() } else { words.join("; ") };
        vec![key.name().to_owned(), words, key.source().to_string()]
    };
    let rows: Vec<_> = settings.clients().map(row).collect();
    match (rows.is_empty(), settings.auth_api_keys().len()) {
        (true, 0) => out::line("no client keys; lip keys new NAME makes one"),
        (is_empty, n_plain) => {
            if !is_empty {
                out::line(out::table(&rows).trim_end());
            }
            if n_plain > 0 {
                out::line(format!("and {n_plain} without a name in auth.api_keys"));
            }
        }
    }
    Ok(())
}

fn revoke(matches: &ArgMatches) -> Result<(), String> {
    let name = name_of(matches)?;
    let taken_up = match &setup::keys_place(matches)? {
        KeysPlace::File(path) => {
            Place { path }.remove(&name)?;
            "a host that runs refuses it after lip config reload"
        }
        KeysPlace::Database(place) => {
            Desk(place).remove(&name)?;
            "hosts that run refuse it within five seconds"
        }
    };
    out::line(format!("\"{name}\" is revoked; {taken_up}"));
    Ok(())
}

/// The file that keys are kept in.
struct Place<'a> {
    path: &'a Path,
}

impl Place<'_> {
    fn remove(&self, name: &str) -> Result<(), String> {
        let mut keys = self.read()?;
        let before = keys.len();
        keys.retain(|key| key.name() != name);
        if keys.len() == before {
            let path = self.path.display();
            return Err(format!(
                "no key \"{name}\" stands in {path}; one of the configuration is taken away there"
            ));
        }
        self.write(&keys)
    }

    fn read(&self) -> Result<Vec<ClientKey>, String> {
        let name = self.path.display().to_string();
        match std::fs::read_to_string(self.path) {
            Ok(text) => {
                let file = File { name: &name, format: Format::of(&name), text: &text };
                settings::read_keys(&file).map_err(|refused| refused.to_string())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(format!("{name} cannot be read: {error}")),
        }
    }

    /// Whole or not at all, and for this user's eyes only.
    fn write(&self, keys: &[ClientKey]) -> Result<(), String> {
        let text =
            keys.iter().fold(HEAD.to_owned(), |text, key| text + "\n" + &section(key.name(), &table(key)));
        let folder =
            self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let written = std::fs::create_dir_all(folder).and_then(|()| {
            let mut file = tempfile::Builder::new().prefix(".keys").tempfile_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(self.path).map_err(|error| error.error)
        });
        written.map(|_| ()).map_err(|error| format!("{} cannot be written: {error}", self.path.display()))
    }
}

fn table(key: &ClientKey) -> Map<String, Value> {
    let field = |(name, text): (&'static str, String)| {
        let shape = settings::all_of_client().find(|field| field.key == name).map(|field| field.shape);
        let value = match shape {
            Some(Shape::TextList) => {
                key.values().models().iter().map(|text| Value::from(text.as_str())).collect()
            }
            Some(Shape::Whole) => {
                text.parse::<u64>().map_or_else(|_| Value::from(text.as_str()), Value::from)
            }
            Some(Shape::Bool) => truth(&text),
            Some(Shape::Dollars) => dollars(&text),
            _ => Value::from(text),
        };
        (name.to_owned(), value)
    };
    key.fields().into_iter().map(field).collect()
}

/// A truth value, if it is one; else the text, for whose mistake there are words.
fn truth(text: &str) -> Value {
    text.parse::<bool>().map_or_else(|_| Value::from(text), Value::from)
}

/// A number, if it is one; else the text, for whose mistake there are words.
fn dollars(text: &str) -> Value {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map_or_else(|| Value::from(text), Value::from)
}

/// A table as TOML. What JSON writes of texts, lists of texts and whole numbers, TOML reads.
fn section(name: &str, table: &Map<String, Value>) -> String {
    let lines: String = table.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    format!("[{}]\n{lines}", Value::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_and_each_is_another() {
        let (one, other) = (random_key().expect("a key"), random_key().expect("a key"));
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), ::access::KEY_BYTES);
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }

    #[test]
    fn what_is_written_is_read() {
        let hash = KeyHash::of(b"k").to_string();
        let text = format!(
            "[\"a.b\"]\nhash = \"{hash}\"\nmodels = [\"openai:*\", \"x\"]\nexpires = \"2030-01-01\"\ntokens_per_day = 7\ncost_per_day = 0.5\nunpriced = \"free\"\noperator = true\n"
        );
        let read = |text: &str| {
            let file = File { name: "keys.toml", format: Format::Toml, text };
            settings::read_keys(&file).map_err(|refused| refused.to_string())
        };
        let keys = read(&text).expect("keys");
        let again = section(keys[0].name(), &table(&keys[0]));
        assert_eq!(read(&again).expect("keys")[0].fields(), keys[0].fields());
        assert_eq!(keys[0].fields().len(), 7);
    }
}
