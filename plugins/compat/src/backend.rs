//! One instance made from a profile: where requests go, what they carry, how bodies are fitted. Knows no provider.
use crate::list;
use crate::profile::{ErrorRule, Known, PATHS, Profile, Quirks, Route};
use lip_plugin::{Buf, Create, Ctx, Error, HttpRequest, HttpResponse, Model, Object, Result, Turn};
use serde_json::Value;

/// The version of the Anthropic API that a client speaks who names none. Source: docs.anthropic.com/en/api/versioning.
const ANTHROPIC_VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// An instance of a profile.
pub(crate) struct Backend {
    profile: Profile,
    /// Base URLs, one per route.
    bases: Vec<String>,
    /// Of every request, from the config.
    headers: Vec<(String, String)>,
    /// Is there a key? `None`: the host does not say.
    has_key: Option<bool>,
    instance: String,
}

impl Backend {
    /// An instance of `profile` with the config of `with`.
    pub(crate) fn new(profile: Profile, with: &Create<'_>) -> Result<Self> {
        let bases = bases(&profile, with)?;
        let names = with.config.get("secrets").and_then(Value::as_array);
        let has_key = names.map(|names| names.iter().any(|name| name == "api_key"));
        Ok(Self { bases, headers: with.headers()?, has_key, instance: with.instance.to_owned(), profile })
    }

    /// Asks the upstream and hands its answer on.
    pub(crate) async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let (route, base) = self.route(&turn.dialect)?;
        let model = self.model(&turn.model);
        let url = match route.dialect.as_str() {
            "gemini" => gemini_url(base, &model, turn.stream)?,
            other => format!("{base}{}", route.path.as_deref().unwrap_or_else(|| path(other))),
        };
        let body = fitted(route, &model, &turn);
        let mut request = self.signed(HttpRequest::post(url), route, &turn.session, turn.headers).json(body);
        if turn.stream {
            request = request.header("accept", "text/event-stream");
        }
        let response = cx.http(request).await?;
        self.hand_on(response).await
    }

    /// The live list, or the names that the profile knows.
    pub(crate) async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        let first = self.profile.routes.first().zip(self.bases.first());
        if let (Some(path), Some((route, base))) = (&self.profile.models.live, first) {
            let request = self.signed(HttpRequest::get(format!("{base}{path}")), route, "", Vec::new());
            return list::models(&cx.http(request).await?.success().await?.bytes().await?);
        }
        if self.profile.models.known.is_empty() {
            return Err(Error::unsupported("this provider has no model list; name the models in the config"));
        }
        Ok(self.profile.models.known.iter().filter(|known| !known.id().contains('*')).map(known).collect())
    }

    fn route(&self, dialect: &str) -> Result<(&Route, &str)> {
        let mut routes = self.profile.routes.iter().zip(&self.bases);
        let found = routes.find(|(route, base)| route.dialect == dialect && !base.is_empty());
        found.map(|(route, base)| (route, base.as_str())).ok_or_else(|| {
            Error::unsupported(format!("backend \"{}\" does not speak {dialect} here", self.instance))
        })
    }

    /// The model's name on the wire.
    fn model(&self, asked: &str) -> String {
        let prefix =
            self.profile.strip_prefixes.iter().find_map(|prefix| asked.strip_prefix(prefix.as_str()));
        let name = prefix.unwrap_or(asked);
        if let Some(alias) = self.profile.aliases.get(name) {
            return alias.clone();
        }
        let mut known = self.profile.models.known.iter().map(Known::id);
        known.find(|id| id.eq_ignore_ascii_case(name)).unwrap_or(name).to_owned()
    }

    fn signed(
        &self,
        request: HttpRequest,
        route: &Route,
        session: &str,
        client: Vec<(String, String)>,
    ) -> HttpRequest {
        let mut headers = client;
        headers.retain(|(name, _)| self.headers.iter().all(|(own, _)| own != name));
        headers.extend(self.headers.iter().cloned());
        let defaults = self.profile.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let version = (route.dialect == "anthropic-messages").then_some(ANTHROPIC_VERSION);
        for (name, value) in defaults.chain(version) {
            if !headers.iter().any(|(own, _)| own == name) {
                headers.push((name.to_owned(), value.replace("{session}", &self.conversation(session))));
            }
        }
        let request = request.headers(headers);
        match route.auth.as_str() {
            "none" => request,
            _ if self.has_key == Some(false) => request,
            "bearer" => request.bearer("api_key"),
            name => request.secret_header(name, "", "api_key"),
        }
    }

    /// A name of the conversation that tells nothing of it and stays the same; without one, of the instance.
    fn conversation(&self, session: &str) -> String {
        let name = if session.is_empty() { &self.instance } else { session };
        // FNV-1a: stable, and a provider learns nothing from 64 bits of it.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }

    async fn hand_on(&self, mut response: HttpResponse) -> Result<()> {
        let status = response.status();
        if !self.profile.errors.iter().any(|rule| rule.status == status) {
            response.splice();
            return Ok(());
        }
        let body = response.bytes().await?;
        let text = String::from_utf8_lossy(&body);
        let mut rules = self.profile.errors.iter();
        let rule = rules.find(|rule| rule.status == status && text.contains(&rule.contains));
        Err(explained(rule, status, &text))
    }
}

/// Where each route starts: the config's `base_urls`, else its `base_url`, else its `region`, else the profile's own place.
fn bases(profile: &Profile, with: &Create<'_>) -> Result<Vec<String>> {
    let own = |route: &Route| route.base_url.clone().unwrap_or_else(|| profile.base_url.clone());
    let base = with.base_url(&profile.base_url)?;
    let mut bases: Vec<String> = profile.routes.iter().map(own).collect();
    let has_own_base = base != profile.base_url;
    if has_own_base {
        bases.fill(base);
    } else if let Some(region) = with.string("region")? {
        let places = profile.regions.get(&region).ok_or_else(|| {
            let known: Vec<&str> = profile.regions.keys().map(String::as_str).collect();
            Error::bad_config("region", format!("leave it out, or write one of: {}", known.join(", ")))
        })?;
        bases = profile
            .routes
            .iter()
            .map(|route| places.get(&route.dialect).cloned().unwrap_or_default())
            .collect();
    }
    let places = match with.config.get("base_urls") {
        None | Some(Value::Null) => return Ok(bases),
        Some(Value::Object(places)) => places,
        Some(_) => return Err(Error::bad_config("base_urls", "write a table of dialects and URLs")),
    };
    let is_unknown = |dialect: &&String| profile.routes.iter().all(|route| route.dialect != **dialect);
    if let Some(dialect) = places.keys().find(is_unknown) {
        return Err(Error::bad_config("base_urls", format!("this provider does not speak {dialect}")));
    }
    for (route, base) in profile.routes.iter().zip(&mut bases) {
        match places.get(&route.dialect).map(Value::as_str) {
            Some(Some(url)) if url.starts_with("https://") || url.starts_with("http://") => {
                url.trim_end_matches('/').clone_into(base);
            }
            Some(_) => {
                return Err(Error::bad_config("base_urls", "write URLs that begin with https:// or http://"));
            }
            // Another's place would get the key.
            None if has_own_base && route.base_url.is_some() => {
                return Err(Error::bad_config("base_urls", format!("say where {} is, too", route.dialect)));
            }
            None => {}
        }
    }
    Ok(bases)
}

/// An error of the upstream with what the profile knows of it.
fn explained(rule: Option<&ErrorRule>, status: u16, body: &str) -> Error {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    let told =
        ["/error/message", "/message", "/detail", "/msg"].iter().find_map(|at| json.pointer(at)?.as_str());
    let told = told.unwrap_or("the upstream gave no reason").chars().take(1000).collect::<String>();
    let error = Error::upstream(rule.and_then(|rule| rule.means).unwrap_or(status), told);
    match rule.and_then(|rule| rule.hint.as_ref()) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The client's body with the model's name and what the route's quirks ask for; the very bytes if that is nothing.
fn fitted(route: &Route, model: &str, turn: &Turn) -> Buf {
    let is_renamed = model != turn.model && route.dialect != "gemini";
    if !is_renamed && route.quirks == Quirks::default() {
        return turn.body.clone();
    }
    // What is no JSON object is the upstream's to refuse.
    let Some(mut body) = std::str::from_utf8(&turn.body).ok().and_then(Object::read) else {
        return turn.body.clone();
    };
    if is_renamed {
        body.set("model", Value::from(model).to_string());
    }
    route.quirks.apply(&mut body, model);
    body.write().map_or_else(|| turn.body.clone(), Buf::from)
}

fn path(dialect: &str) -> &'static str {
    PATHS.iter().find(|(known, _)| *known == dialect).map_or("", |(_, path)| path)
}

fn gemini_url(base: &str, model: &str, stream: bool) -> Result<String> {
    let name = model.strip_prefix("models/").unwrap_or(model);
    if name.is_empty() {
        return Err(Error::bad_request("the request names no model").param("model"));
    }
    let one = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
        other => format!("%{other:02X}"),
    };
    let name: String = name.bytes().map(one).collect();
    let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    Ok(format!("{}{}/models/{name}:{verb}", base.strip_suffix("/v1beta").unwrap_or(base), path("gemini")))
}

fn known(known: &Known) -> Model {
    let mut model = Model::named(known.id());
    if let Known::Hint { context_tokens, output_tokens, .. } = known {
        model.context_tokens = *context_tokens;
        model.output_tokens = *output_tokens;
    }
    model
}
