//! `lip models`: every backend is asked at the same time, its progress told as it answers. What was asked is kept in the state
//! directory: for a while as good, later for when a backend cannot be asked.
use crate::{dirs, out, setup};
use clap::ArgMatches;
use engine::{Backend, Freshness, Offer};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::task::JoinSet;

/// How long a list is shown without asking again.
const FRESH_S: u64 = 300;

/// A list, and where it is from.
struct Listed {
    backend: Arc<Backend>,
    models: Vec<Value>,
    origin: Origin,
}

enum Origin {
    /// The backend just said so.
    Asked,
    /// It said so these seconds ago.
    Kept(u64),
    /// It could not be asked: what it said these seconds ago, or what is known without asking.
    Fallback { problem: String, kept: Option<u64> },
}

/// Lists the models of every backend that is ready, or of one.
///
/// # Errors
/// An error of the configuration, or a backend that does not exist.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let found = setup::setup(matches)?;
    let engine = Arc::new(found.engine()?);
    let wanted: Vec<Arc<Backend>> = match matches.get_one::<String>("backend") {
        None => engine.backends().iter().filter(|backend| backend.is_ready()).cloned().collect(),
        Some(name) => {
            let backend = engine.backends().get(name).cloned();
            vec![backend.ok_or_else(|| format!("there is no backend \"{name}\"; lip backends lists them"))?]
        }
    };
    let mut kept = Kept::read(dirs::state(&found.env).join("models.json"));
    let refresh = matches.get_flag("refresh");
    let mut listed = Vec::with_capacity(wanted.len());
    let mut asked = Vec::new();
    for backend in &wanted {
        match kept.get(backend).filter(|(age, _)| *age < FRESH_S && !refresh) {
            Some((age, models)) => {
                listed.push(Listed { backend: Arc::clone(backend), models, origin: Origin::Kept(age) });
            }
            None => asked.push(Arc::clone(backend)),
        }
    }
    listed.iter().for_each(told);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let mut asking = JoinSet::new();
        for backend in asked {
            let engine = Arc::clone(&engine);
            asking.spawn(async move { engine.offer(&backend, true).await });
        }
        while let Some(offer) = asking.join_next().await {
            let Ok(offer) = offer else { continue };
            let one = kept.settle(offer);
            told(&one);
            listed.push(one);
        }
    });
    kept.write();
    let place = |one: &Listed| wanted.iter().position(|backend| backend.name() == one.backend.name());
    listed.sort_by_key(place);
    show(&listed, matches.get_flag("json"));
    Ok(())
}

/// One line of progress, or of a failure.
fn told(one: &Listed) {
    let (name, n) = (one.backend.name(), one.models.len());
    let models = if n == 1 { "1 model".to_owned() } else { format!("{n} models") };
    match &one.origin {
        Origin::Asked => out::progress(format!("{name}: {models}")),
        Origin::Kept(age) => {
            out::progress(format!("{name}: {models}, asked {age} s ago (--refresh asks again)"))
        }
        Origin::Fallback { problem, kept } => {
            let from = match kept {
                Some(age) => format!("{models} that it had {age} s ago"),
                None if n == 0 => "none is known without asking".to_owned(),
                None => format!("{models} known without asking"),
            };
            out::warning(format!("{name}: {problem}; {from}"));
        }
    }
}

fn show(listed: &[Listed], as_json: bool) {
    if as_json {
        let row = |one: &Listed| {
            let problem = match &one.origin {
                Origin::Asked | Origin::Kept(_) => None,
                Origin::Fallback { problem, .. } => Some(problem),
            };
            let live = problem.is_none();
            json!({"backend": one.backend.name(), "live": live, "problem": problem, "models": one.models})
        };
        return out::line(Value::from(listed.iter().map(row).collect::<Vec<_>>()));
    }
    for one in listed {
        for id in one.models.iter().filter_map(|model| model.get("id")?.as_str()) {
            out::line(format!("{}:{id}", one.backend.name()));
        }
    }
}

/// The lists of earlier calls.
struct Kept {
    path: PathBuf,
    lists: Map<String, Value>,
    is_changed: bool,
}

impl Kept {
    fn read(path: PathBuf) -> Self {
        let text = std::fs::read(&path).unwrap_or_default();
        Self { path, lists: serde_json::from_slice(&text).unwrap_or_default(), is_changed: false }
    }

    /// A backend's list with its age in seconds, if it still stands for the same place.
    fn get(&self, backend: &Backend) -> Option<(u64, Vec<Value>)> {
        let entry =
            self.lists.get(backend.name()).filter(|entry| entry.get("of") == Some(&place(backend)))?;
        let at = entry.get("at_unix_s").and_then(Value::as_u64)?;
        Some((now_unix_s().checked_sub(at)?, entry.get("models")?.as_array()?.clone()))
    }

    fn settle(&mut self, offer: Offer) -> Listed {
        let Offer { backend, models, freshness } = offer;
        let models: Vec<Value> =
            models.iter().map(|model| json!({"id": model.id, "owned_by": model.owned_by})).collect();
        match freshness {
            Freshness::Live => {
                let entry = json!({"of": place(&backend), "at_unix_s": now_unix_s(), "models": models});
                self.lists.insert(backend.name().to_owned(), entry);
                self.is_changed = true;
                Listed { backend, models, origin: Origin::Asked }
            }
            Freshness::Fallback(fault) => {
                let (kept, models) =
                    self.get(&backend).map_or((None, models), |(age, kept)| (Some(age), kept));
                let origin = Origin::Fallback { problem: fault.public(), kept };
                Listed { backend, models, origin }
            }
        }
    }

    /// A list that cannot be kept is asked for again: no failure.
    fn write(&self) {
        if !self.is_changed {
            return;
        }
        let text = Value::Object(self.lists.clone()).to_string();
        let folder = self.path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let part = self.path.with_extension(format!("{}.part", std::process::id()));
        let written = folder.and_then(|()| std::fs::write(&part, text));
        if let Err(error) = written.and_then(|()| std::fs::rename(&part, &self.path)) {
            tracing::debug!(%error, "the model lists could not be kept");
        }
    }
}

/// What a list belongs to: another connector or place has other models.
fn place(backend: &Backend) -> Value {
    let spec = backend.spec();
    json!([spec.connector, spec.config.get("base_url"), spec.config.get("region")])
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
