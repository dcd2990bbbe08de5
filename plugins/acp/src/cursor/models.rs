//! The models that `agent --list-models` lists, and which of them a name means.
use super::login::{Login, unavailable};
use lip_plugin::{Buf, Ctx, Deserialize, Error, Model, Result, Serialize, serde_json};

const KEY: &str = "cursor";
const PREFIX: &str = "cursor-";

/// What is listed, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "lip_plugin::serde")]
pub(crate) struct Catalogue {
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "lip_plugin::serde")]
struct Row {
    /// As the CLI takes it.
    id: String,
    title: String,
}

/// What is remembered.
#[derive(Serialize, Deserialize)]
#[serde(crate = "lip_plugin::serde")]
struct Known {
    login: Login,
    catalogue: Catalogue,
}

/// What was remembered and is not too old.
pub(crate) async fn load(cx: &Ctx) -> Option<(Login, Catalogue)> {
    let bytes = cx.load("", KEY).await.ok()??;
    let known: Known = serde_json::from_slice(&bytes).ok()?;
    Some((known.login, known.catalogue))
}

/// Remembers it; a host that keeps nothing is asked again.
pub(crate) async fn save(cx: &Ctx, login: Login, catalogue: &Catalogue, ttl_ms: u64) {
    let known = Known { login, catalogue: catalogue.clone() };
    if let Ok(bytes) = serde_json::to_vec(&known) {
        let _ = cx.store("", KEY, Buf::from(bytes), ttl_ms).await;
    }
}

impl Catalogue {
    /// Reads lines of `id - label`, with colours and other talk in between.
    pub(crate) fn read(text: &str) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        for line in text.lines().map(plain) {
            let Some((id, title)) = line.split_once(" - ") else { continue };
            let (id, title) = (id.trim(), title.trim());
            if !id.is_empty() && !id.contains(char::is_whitespace) && !rows.iter().any(|row| row.id == id) {
                rows.push(Row { id: id.to_owned(), title: title.to_owned() });
            }
        }
        Self { rows }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As clients name them.
    pub(crate) fn models(&self) -> Vec<Model> {
        let model = |row: &Row| {
            let mut model =
                Model::named(format!("cursor/{}", row.id.strip_prefix(PREFIX).unwrap_or(&row.id)));
            model.title = Some(row.title.clone()).filter(|title| !title.is_empty());
            model
        };
        self.rows.iter().map(model).collect()
    }

    /// The CLI's name for what a client calls `wanted`. Nothing else is ever put in its place.
    pub(crate) fn cli_id(&self, wanted: &str, login: Login) -> Result<String> {
        let name = wanted.strip_prefix("cursor/").unwrap_or(wanted);
        if self.rows.is_empty() {
            return match login {
                Login::None => Err(unavailable()),
                Login::Own | Login::Key if name.starts_with(PREFIX) => Ok(name.to_owned()),
                Login::Own | Login::Key => Ok(format!("{PREFIX}{name}")),
            };
        }
        let has = |id: &str| self.rows.iter().any(|row| row.id == id);
        let prefixed = format!("{PREFIX}{name}");
        let id = [name, &prefixed].into_iter().find(|id| has(id)).ok_or_else(|| {
            let known: Vec<&str> = self.rows.iter().map(|row| &*row.id).take(12).collect();
            Error::new("not_found", format!("Cursor CLI has no model \"{wanted}\""))
                .client_code("cursor_model_unavailable")
                .param("model")
                .hint(format!("It has {}", known.join(", ")))
        })?;
        // Where a faster twin exists, the CLI takes the plain name for either.
        Ok(if has(&format!("{id}-fast")) { format!("{id}[fast=false]") } else { id.to_owned() })
    }
}

/// A line without escape sequences (`ESC [ … letter`).
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                chars.next();
                while chars.next_if(|char| !char.is_ascii_alphabetic()).is_some() {}
                chars.next();
            }
            char if char.is_control() && char != '\t' => {}
            char => out.push(char),
        }
    }
    out
}
