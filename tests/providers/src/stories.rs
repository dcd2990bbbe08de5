//! The stories: what is asked from one frontend of one row, and what has to come of it on both sides.
use crate::asked::{Asked, Said, Told, USAGE};
use crate::clients::{Ask, LIMIT, STOP, SYSTEM, TEMPERATURE, Tongue, said, schema};
use crate::provider::{Provider, REASON, RETRY_AFTER};
use crate::rows::{Auth, Door, Row, Server};
use stage::{End, Lip};
use std::fmt::Write as _;
use std::sync::Arc;

/// A column of the table of what is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Text,
    Stream,
    Tools,
    Images,
    Reasoning,
    Usage,
    Models,
    /// A refusal with this status.
    Refused(u16),
    Cut,
}

pub(crate) const CASES: [Case; 13] = [
    Case::Text,
    Case::Stream,
    Case::Tools,
    Case::Images,
    Case::Reasoning,
    Case::Usage,
    Case::Models,
    Case::Refused(401),
    Case::Refused(403),
    Case::Refused(404),
    Case::Refused(429),
    Case::Refused(500),
    Case::Cut,
];

impl Case {
    /// Whether the provider of `row` has it at all.
    pub(crate) fn is_offered(self, row: &Row) -> bool {
        match self {
            Self::Images => !row.sees.is_empty(),
            Self::Reasoning => !row.thinks.is_empty(),
            _ => true,
        }
    }

    /// Whether it leaves marks on keys and breakers, so that each asker needs an instance of its own.
    pub(crate) fn needs_own_instance(self) -> bool {
        matches!(self, Self::Refused(_) | Self::Cut)
    }
}

/// An instance of a row's backend, and the provider behind it.
pub(crate) struct Instance {
    pub(crate) row: &'static Row,
    pub(crate) name: String,
    pub(crate) provider: Arc<Provider>,
    pub(crate) key: &'static str,
}

/// The lines that configure an instance.
pub(crate) fn config(row: &Row, name: &str, provider: &Provider, key: &str) -> String {
    let mut out = format!("[backends.\"{name}\"]\ntype = \"{}\"\n{}", row.kind, row.config);
    let base = provider.base(row.base);
    if row.elsewhere.is_empty() {
        let _ = writeln!(out, "base_url = \"{base}\"");
    } else {
        let places =
            row.elsewhere.iter().map(|(dialect, path)| format!(", {dialect} = \"{}\"", provider.base(path)));
        let _ = writeln!(
            out,
            "base_url = \"{base}\"\nbase_urls = {{ {} }}",
            places.collect::<String>().trim_start_matches(", ")
        );
    }
    if row.doors[0].auth != Auth::None {
        let _ = writeln!(out, "api_key = \"{key}\"");
    }
    out
}

/// Runs one case from one frontend.
///
/// # Errors
/// What is wrong.
pub(crate) async fn run(lip: &Lip, at: &Instance, case: Case, tongue: Tongue) -> Result<(), String> {
    let ended = match case {
        Case::Text => text(lip, at, tongue, false).await.map(drop),
        Case::Stream => text(lip, at, tongue, true).await.map(drop),
        Case::Tools => tools(lip, at, tongue).await,
        Case::Images => image(lip, at, tongue).await,
        Case::Reasoning => reasoning(lip, at, tongue).await,
        Case::Usage => usage(lip, at, tongue).await,
        Case::Models => models(lip, at).await,
        Case::Refused(status) => refused(lip, at, tongue, status).await,
        Case::Cut => cut(lip, at, tongue).await,
    };
    ended.map_err(|why| format!("{} · {case:?} · {tongue:?}: {why}", at.row.name))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, expected: &T) -> Result<(), String> {
    if is == expected { Ok(()) } else { Err(format!("{what} is {is:?}, not {expected:?}")) }
}

/// Asks, and checks that the provider understood it all and the client heard what was said.
async fn ask(lip: &Lip, at: &Instance, tongue: Tongue, ask: &Ask, expected: Told) -> Result<Told, String> {
    at.provider.take();
    let answer = lip.send(tongue.call(ask)).await;
    let heard = at.provider.take();
    let [heard] = heard.as_slice() else {
        return Err(format!(
            "{} requests came, not one; the client got {}: {}",
            heard.len(),
            answer.status,
            answer.text()
        ));
    };
    if !heard.complaints.is_empty() {
        return Err(heard.complaints.join("; "));
    }
    let door = heard.door.ok_or("no door")?;
    same("the protocol", &door.path, &expected_door(at.row, tongue, &ask.model).path)?;
    understood(at.row, tongue, door.server, ask, &heard.asked)?;
    let mut expected = expected;
    if let Server::Chat(chat) = door.server
        && chat.reasoning.is_empty()
    {
        // It thinks and says nothing of it: OpenAI's own Chat Completions has no field for that.
        expected.reasoning.clear();
    }
    let told = tongue.read(ask, &answer)?;
    same("the answer", &Told { usage: None, ..told.clone() }, &Told { usage: None, ..expected })?;
    Ok(told)
}

/// The protocol that passes the client's bytes on, else the first one; where the model decides, the model's.
fn expected_door(row: &'static Row, tongue: Tongue, model: &str) -> &'static Door {
    let of = |tongue: Tongue| row.doors.iter().find(|door| door.tongue() == Some(tongue));
    let decided = match row.kind {
        "opencode-go" if model.contains("qwen") => of(Tongue::Anthropic),
        "opencode-go" if model.contains("luna") => of(Tongue::Responses),
        "opencode-go" => of(Tongue::Chat),
        "opencode-zen" if model.contains("claude") => of(Tongue::Anthropic),
        "opencode-zen" if model.contains("gpt") => of(Tongue::Responses),
        "opencode-zen" if model.contains("gemini") => of(Tongue::Gemini),
        "opencode-zen" => of(Tongue::Chat),
        _ => of(tongue),
    };
    decided.unwrap_or(&row.doors[0])
}

/// The provider's side: nothing was lost on the way that the dialects on both sides can say.
fn understood(row: &Row, tongue: Tongue, server: Server, ask: &Ask, asked: &Asked) -> Result<(), String> {
    let model = ask.model.split_once(':').map_or(ask.model.as_str(), |(_, model)| model);
    same("the model", &asked.model.as_str(), &model.strip_prefix(row.prefix).unwrap_or(model))?;
    same("stream", &asked.stream, &ask.stream)?;
    let mut expected = said(ask);
    for one in &mut expected {
        if let (Server::Ollama, Said::Image(kind, _)) = (server, one) {
            kind.clear();
        }
    }
    let mut is = asked.said.clone();
    if ask.image {
        // The native API of Ollama keeps images beside the text.
        is.sort_by_key(|said| format!("{said:?}"));
        expected.sort_by_key(|said| format!("{said:?}"));
    }
    same("what was said", &is, &expected)?;
    let tools = if ask.tools { vec![("ls".to_owned(), schema())] } else { Vec::new() };
    same("the tools", &asked.tools, &tools)?;
    same("thinking", &asked.thinks, &(ask.thinks || always_thinks(row, server)))?;
    if ask.options {
        same("the system text", &asked.system.as_str(), &SYSTEM)?;
        same("the limit", &asked.max_tokens, &Some(LIMIT))?;
        let temperature =
            (row.takes_temperature || !matches!(server, Server::Chat(_))).then_some(TEMPERATURE);
        same("the temperature", &asked.temperature, &temperature)?;
        if tongue.has_stop() && server != Server::Responses {
            same("stop", &asked.stop, &vec![STOP.to_owned()])?;
        }
    }
    Ok(())
}

/// Rows whose reasoning is not asked for: it is there.
fn always_thinks(row: &Row, server: Server) -> bool {
    matches!(server, Server::Chat(_)) && ["internlm", "kimi-code"].contains(&row.kind)
}

fn model(at: &Instance, model: &str) -> String {
    format!("{}:{model}", at.name)
}

async fn text(lip: &Lip, at: &Instance, tongue: Tongue, stream: bool) -> Result<Told, String> {
    let name = format!("{}{}", at.row.prefix, at.row.talks);
    let what = Ask { model: model(at, &name), stream, prompt: "hello", options: true, ..Ask::default() };
    ask(lip, at, tongue, &what, Told { text: "Hello, dear client.".to_owned(), ..Told::default() }).await
}

async fn usage(lip: &Lip, at: &Instance, tongue: Tongue) -> Result<(), String> {
    for stream in [false, true] {
        let told = text(lip, at, tongue, stream).await?;
        let mut expected = USAGE;
        if at.row.doors[0].server == Server::Ollama {
            // It does not tell what was cached.
            expected.cached = 0;
        }
        same(if stream { "streamed usage" } else { "usage" }, &told.usage, &Some(expected))?;
    }
    Ok(())
}

async fn tools(lip: &Lip, at: &Instance, tongue: Tongue) -> Result<(), String> {
    let name = model(at, at.row.talks);
    let call = Told { calls: vec![("ls".to_owned(), serde_json::json!({"path": "src"}))], ..Told::default() };
    let mut what = Ask { model: name, stream: true, prompt: "list src", tools: true, ..Ask::default() };
    ask(lip, at, tongue, &what, call.clone()).await?;
    what.stream = false;
    ask(lip, at, tongue, &what, call).await?;
    let answer = lip.send(tongue.call(&what)).await;
    what.history = tongue.result(&answer, "a.txt");
    for stream in [false, true] {
        what.stream = stream;
        ask(lip, at, tongue, &what, Told { text: "It holds a.txt.".to_owned(), ..Told::default() }).await?;
    }
    Ok(())
}

async fn image(lip: &Lip, at: &Instance, tongue: Tongue) -> Result<(), String> {
    let what = Ask { model: model(at, at.row.sees), prompt: "what is this", image: true, ..Ask::default() };
    ask(lip, at, tongue, &what, Told { text: "A red dot.".to_owned(), ..Told::default() }).await.map(drop)
}

async fn reasoning(lip: &Lip, at: &Instance, tongue: Tongue) -> Result<(), String> {
    for stream in [false, true] {
        let what =
            Ask { model: model(at, at.row.thinks), stream, prompt: "think", thinks: true, ..Ask::default() };
        let told = Told {
            text: "Forty-two, after all.".to_owned(),
            reasoning: "Six times seven.".to_owned(),
            ..Told::default()
        };
        ask(lip, at, tongue, &what, told).await?;
    }
    Ok(())
}

async fn models(lip: &Lip, at: &Instance) -> Result<(), String> {
    at.provider.take();
    let answer = lip.send(stage::Call::get("/v1/models")).await;
    let ids: Vec<String> = answer.json()["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|model| model["id"].as_str()?.strip_prefix(&format!("{}:", at.name)).map(str::to_owned))
        .collect();
    let expected = if at.row.list.is_some() { at.row.models } else { at.row.fixed };
    let mut sorted: Vec<&str> = expected.to_vec();
    let mut is: Vec<&str> = ids.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    is.sort_unstable();
    same("the list of models", &is, &sorted)
}

async fn refused(lip: &Lip, at: &Instance, tongue: Tongue, status: u16) -> Result<(), String> {
    let (prompt, name) = match status {
        403 => ("fail 403", at.row.talks),
        404 => ("hello", "no-such-model"),
        429 => ("fail 429", at.row.talks),
        500 => ("fail 500", at.row.talks),
        // Without a key there is none to be wrong.
        _ if at.row.doors[0].auth == Auth::None => ("fail 401", at.row.talks),
        _ => ("hello", at.row.talks),
    };
    at.provider.take();
    let what = Ask { model: model(at, name), prompt, ..Ask::default() };
    let answer = lip.send(tongue.call(&what)).await;
    let heard = at.provider.take();
    let complaints: Vec<String> = heard.iter().flat_map(|heard| heard.complaints.clone()).collect();
    if heard.is_empty() || !complaints.is_empty() {
        return Err(format!("{} requests: {}; {}", heard.len(), complaints.join("; "), answer.text()));
    }
    // OpenCode says 401 of a model that is not of the plan, too.
    let expected = if at.row.kind == "opencode-go" && status == 404 { 401 } else { status };
    same("the status", &answer.status, &expected)?;
    let (word, message) = tongue.error(&answer)?;
    if !message.contains(REASON) && !answer.text().contains(REASON) {
        return Err(format!("the provider's reason is lost: {word}: {message}"));
    }
    if status == 429 {
        same("retry-after", &answer.header("retry-after"), &Some(RETRY_AFTER))?;
    }
    let is_chat =
        heard.iter().all(|heard| heard.door.is_some_and(|door| matches!(door.server, Server::Chat(_))));
    if let Some((_, hint)) = at.row.hint.filter(|(of, _)| *of == status && is_chat)
        && !answer.text().contains(hint)
    {
        return Err(format!("the answer does not name {hint}: {message}"));
    }
    if answer.text().contains(at.key) {
        return Err("the key is in the answer".to_owned());
    }
    Ok(())
}

async fn cut(lip: &Lip, at: &Instance, tongue: Tongue) -> Result<(), String> {
    let what = Ask { model: model(at, at.row.talks), stream: true, prompt: "cut", ..Ask::default() };
    let answer = lip.send(tongue.call(&what)).await;
    let read = tongue.read(&what, &answer);
    match read {
        Ok(told) => Err(format!("a stream that was cut looks finished: {told:?}")),
        Err(_) if answer.end == End::Cut || answer.text().contains("error") || answer.status >= 500 => Ok(()),
        Err(why) => Err(format!("neither an error nor a break: {why}")),
    }
}
