//! The models: live from Kiro, and what is known of them without asking. What a turn has to know of a model is kept between turns.
use super::Kiro;
use super::identity::{Kind, key};
use super::place::text;
use super::profile::{discover_for, typed};
use lip_plugin::{Ctx, Error, HttpRequest, Lease, Model, Result, Value, Want, json, login, serde_json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const LIST: &str = "KiroControlPlaneBearerService.ListAvailableModels";
const KEY: &str = "catalogue";
/// As long as Kiro's own programs keep it: an hour.
const TTL_MS: u64 = 3_600_000;
const PAGES_MAX: usize = 10;

/// In which fields a model is told how hard to think.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    /// `output_config` and `thinking`.
    Claude,
    /// `reasoning`.
    Gpt,
    /// The prompt, and tags in the answer.
    Tags,
    /// Not at all.
    #[default]
    None,
}

/// What a turn has to know of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Caps {
    pub(crate) shape: Shape,
    pub(crate) efforts: Vec<String>,
    pub(crate) takes_tokens_max: bool,
}

/// By model.
pub(crate) type Catalogue = BTreeMap<String, Caps>;

/// The model's name as Kiro spells it: versions with a dot, no date.
pub(crate) fn wire_name(model: &str) -> String {
    let name = model.trim();
    if !name.starts_with("claude-") {
        return name.to_owned();
    }
    let is_date = |part: &str| part.len() == 8 && part.bytes().all(|b| b.is_ascii_digit());
    let name = name.rsplit_once('-').filter(|(_, date)| is_date(date)).map_or(name, |(name, _)| name);
    let mut parts: Vec<String> = Vec::new();
    let is_number =
        |part: &str| !part.is_empty() && part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit());
    for part in name.split('-') {
        match parts.last_mut() {
            Some(last) if is_number(part) && is_number(last) => {
                last.push('.');
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts.join("-")
}

/// What is known of a model by its name alone.
fn caps_of_name(model: &str) -> Caps {
    let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect();
    if model.starts_with("gpt-") {
        let efforts = words(&["none", "low", "medium", "high", "xhigh", "max"]);
        return Caps { shape: Shape::Gpt, efforts, takes_tokens_max: false };
    }
    let Some(rest) = model.strip_prefix("claude-") else { return Caps::default() };
    let version = rest.split('-').find_map(|part| {
        let (major, minor) = part.split_once('.').unwrap_or((part, "0"));
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    });
    match version {
        Some(version) if version >= (4, 6) && !rest.starts_with("haiku") => {
            let all = ["low", "medium", "high", "xhigh", "max"];
            let efforts =
                if version < (4, 7) { words(&["low", "medium", "high", "max"]) } else { words(&all) };
            Caps { shape: Shape::Claude, efforts, takes_tokens_max: false }
        }
        Some(_) => Caps { shape: Shape::Tags, ..Caps::default() },
        None => Caps::default(),
    }
}

/// What the catalogue's entry says.
fn caps_of_entry(id: &str, entry: &Value) -> Caps {
    let Some(schema) = entry.get("additionalModelRequestFieldsSchema").filter(|schema| schema.is_object())
    else {
        // Without a schema there is no field; what thinks in tags is known by name.
        let shape = if caps_of_name(id).shape == Shape::Tags { Shape::Tags } else { Shape::None };
        return Caps { shape, ..Caps::default() };
    };
    let efforts = |path: &str| {
        let list = schema.pointer(path).and_then(Value::as_array)?;
        Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
    };
    let takes_tokens_max = schema.pointer("/properties/max_tokens").is_some();
    if schema.pointer("/properties/output_config").is_some()
        || schema.pointer("/properties/thinking").is_some()
    {
        let efforts = efforts("/properties/output_config/properties/effort/enum").unwrap_or_default();
        return Caps { shape: Shape::Claude, efforts, takes_tokens_max };
    }
    match efforts("/properties/reasoning/properties/effort/enum") {
        Some(efforts) => Caps { shape: Shape::Gpt, efforts, takes_tokens_max: false },
        None => Caps::default(),
    }
}

/// The catalogue that was kept; empty if there is none.
pub(crate) async fn kept(cx: &Ctx) -> Catalogue {
    let kept = cx.load("", KEY).await.ok().flatten();
    kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// What is known of a model: by the catalogue, else by its name.
pub(crate) fn caps(catalogue: &Catalogue, model: &str) -> Caps {
    catalogue.get(model).cloned().unwrap_or_else(|| caps_of_name(model))
}

/// Is it a model that can think harder?
pub(crate) fn is_known(catalogue: &Catalogue, model: &str) -> bool {
    match catalogue.is_empty() {
        false => catalogue.contains_key(model),
        true => matches!(caps_of_name(model).shape, Shape::Claude | Shape::Gpt) && !model.ends_with("-max"),
    }
}

impl Kiro {
    pub(crate) async fn list_models(&self, cx: &Ctx) -> Result<Vec<Model>> {
        let lease = cx.lease(&Want::default()).await?;
        let mut profile = self.profiles.own(&lease.fields).map(str::to_owned);
        if profile.is_none() && self.profiles.may_ask(&lease.fields) {
            profile = discover_for(cx, &self.hosts, &lease).await?;
        }
        let entries = match self.entries(cx, &lease, profile.as_deref(), Plane::Management).await {
            Ok(entries) => entries,
            // The older host knows accounts that the newer one does not.
            Err(error) if error.code() == "upstream" => {
                self.entries(cx, &lease, profile.as_deref(), Plane::Q).await.map_err(|_| error)?
            }
            Err(error) => return Err(error),
        };
        let id = |entry: &Value| Some(entry.get("modelId")?.as_str()?.to_owned()).filter(|id| !id.is_empty());
        let catalogue: Catalogue = entries
            .iter()
            .filter_map(|entry| id(entry).map(|id| (id.clone(), caps_of_entry(&id, entry))))
            .collect();
        // Without it a turn goes by the model's name.
        let _ = cx.store("", KEY, serde_json::to_vec(&catalogue)?.into(), TTL_MS).await;
        Ok(entries.iter().filter_map(model).collect())
    }

    async fn entries(
        &self,
        cx: &Ctx,
        lease: &Lease,
        profile: Option<&str>,
        plane: Plane,
    ) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let request = self.page(lease, profile, plane, next.as_deref());
            let page: Value =
                serde_json::from_slice(&cx.http(request).await?.success().await?.bytes().await?)?;
            let Some(models) = page.get("models").and_then(Value::as_array) else {
                return Err(Error::new("bad_json", "the model list has no models"));
            };
            all.extend(models.iter().cloned());
            next = page
                .get("nextToken")
                .and_then(Value::as_str)
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        Ok(all)
    }

    fn page(&self, lease: &Lease, profile: Option<&str>, plane: Plane, next: Option<&str>) -> HttpRequest {
        let fields = [("origin", Some(self.origin.as_str())), ("profileArn", profile), ("nextToken", next)];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let request = match plane {
            Plane::Management => {
                let body: serde_json::Map<String, Value> =
                    fields.map(|(n, v)| (n.to_owned(), json!(v))).collect();
                HttpRequest::post(format!("{}/", self.hosts.management(&lease.fields, profile)))
                    .header("content-type", "application/x-amz-json-1.0")
                    .header("x-amz-target", LIST)
                    .body(Value::Object(body).to_string())
            }
            Plane::Q => {
                let query: Vec<(&str, &str)> = fields.chain([("maxResults", "50")]).collect();
                let base = self.hosts.q(&lease.fields, profile);
                HttpRequest::get(format!("{base}/ListAvailableModels?{}", login::form(&query)))
            }
        };
        let kind = Kind::of(text(&lease.fields, key::KIND));
        typed(self.named(request).leased(lease), kind)
    }
}

#[derive(Clone, Copy)]
enum Plane {
    Management,
    Q,
}

fn model(entry: &Value) -> Option<Model> {
    let tokens = |key: &str| entry.pointer(&format!("/tokenLimits/{key}")).and_then(Value::as_u64);
    let id = entry.get("modelId")?.as_str().filter(|id| !id.is_empty())?;
    let mut model = Model::named(id);
    model.title = entry.get("modelName").and_then(Value::as_str).map(str::to_owned);
    model.context_tokens = tokens("maxInputTokens");
    model.output_tokens = tokens("maxOutputTokens");
    Some(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_kiro_spells_them() {
        for (model, name) in [
            ("claude-sonnet-4-6", "claude-sonnet-4.6"),
            ("claude-sonnet-4.6", "claude-sonnet-4.6"),
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4.5"),
            ("claude-opus-4-8-high", "claude-opus-4.8-high"),
            ("claude-sonnet-4-20250514", "claude-sonnet-4"),
            ("claude-opus-5", "claude-opus-5"),
            ("gpt-5-6-sol", "gpt-5-6-sol"),
            (" auto ", "auto"),
        ] {
            assert_eq!(wire_name(model), name);
        }
    }

    #[test]
    fn models_are_known_by_name_and_better_by_their_entry() {
        for (model, shape, n_efforts) in [
            ("claude-sonnet-4.6", Shape::Claude, 4),
            ("claude-opus-4.8", Shape::Claude, 5),
            ("claude-fable-5", Shape::Claude, 5),
            ("claude-sonnet-4.5", Shape::Tags, 0),
            ("claude-haiku-4.5", Shape::Tags, 0),
            ("claude-haiku-5", Shape::Tags, 0),
            ("gpt-5.6-sol", Shape::Gpt, 6),
            ("auto", Shape::None, 0),
            ("glm-5", Shape::None, 0),
        ] {
            let caps = caps_of_name(model);
            assert_eq!((caps.shape, caps.efforts.len()), (shape, n_efforts), "{model}");
        }
        let schema = |schema: Value| json!({"additionalModelRequestFieldsSchema": schema});
        let claude = schema(json!({"properties": {"max_tokens": {}, "thinking": {},
            "output_config": {"properties": {"effort": {"enum": ["low", "high"]}}}}}));
        let gpt = schema(
            json!({"properties": {"reasoning": {"properties": {"effort": {"enum": ["none", "low"]}}}}}),
        );
        for (id, entry, shape, n_efforts, tokens) in [
            ("x", &claude, Shape::Claude, 2, true),
            ("x", &gpt, Shape::Gpt, 2, false),
            ("claude-opus-4.8", &json!({}), Shape::None, 0, false),
            ("claude-haiku-4.5", &json!({}), Shape::Tags, 0, false),
            ("x", &schema(json!({})), Shape::None, 0, false),
            ("x", &schema(json!(null)), Shape::None, 0, false),
        ] {
            let caps = caps_of_entry(id, entry);
            assert_eq!(
                (caps.shape, caps.efforts.len(), caps.takes_tokens_max),
                (shape, n_efforts, tokens),
                "{entry}"
            );
        }
    }
}
