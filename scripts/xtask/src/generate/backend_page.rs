//! The page of one backend, from the manifest of its connector.

use serde_json::{Map, Value};

use super::manifests::{Connector, Model, Told};

/// More models than this are not listed.
const MODELS_MAX: usize = 60;

/// The whole page.
pub(super) fn text(told: &Told) -> String {
    let connector = &told.connector;
    let mut out =
        "<!-- Generated from the connector's manifest by `cargo xtask gen`; do not edit. -->\n".to_owned();
    out.push_str(&format!("# {} (`{}`)\n\n", connector.title, connector.id));
    if !connector.best_for.is_empty() {
        out.push_str(&format!("Best for: {}.\n\n", connector.best_for));
    }
    for disclaimer in &connector.disclaimers {
        out.push_str(&format!("> {disclaimer}\n\n"));
    }
    out.push_str(&facts(told));
    out.push_str(&setup(connector));
    out.push_str(&environment(connector));
    out.push_str(&own_settings(connector));
    out.push_str(&models(connector));
    out
}

/// `api-key` in the words of a reader.
pub(super) fn auth_words(auth: &str) -> &str {
    match auth {
        "api-key" => "API key",
        "oauth-personal" => "local OAuth token",
        "local-agent" => "login of a local program",
        "none" => "none",
        "virtual" => "that of its sub-backends",
        other => other,
    }
}

/// Each in backticks, with commas.
pub(super) fn codes<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn facts(told: &Told) -> String {
    let connector = &told.connector;
    let mut rows = vec![
        (if connector.family { "`type`" } else { "backend id" }, format!("`{}`", connector.id)),
        ("authentication", auth_words(&connector.auth).to_owned()),
        ("dialects of the upstream, best first", codes(&connector.dialects)),
    ];
    if let Some(url) = &connector.base_url {
        rows.push(("base URL", format!("`{url}`")));
    }
    if !connector.egress.is_empty() {
        rows.push(("hosts it may reach, beside that of a configured base URL", codes(&connector.egress)));
    }
    rows.push(("library", format!("`{}` {}", told.plugin, told.version)));
    if let Some(docs) = &connector.docs {
        rows.push(("the provider's documentation", format!("<{docs}>")));
    }
    let rows: String = rows.iter().map(|(name, value)| format!("| {name} | {value} |\n")).collect();
    format!(
        "| | |\n|---|---|\n{rows}\nA client that speaks one of the upstream's dialects is passed through; others are translated.\n"
    )
}

fn setup(connector: &Connector) -> String {
    let id = &connector.id;
    let mut out = "\n## Set up\n\n".to_owned();
    if connector.family {
        out.push_str(&format!("```toml\n[backends.mine]\ntype = \"{id}\"\nbase_url = \"https://host.example/v1\"\n```\n\nThen ask for the model `mine:MODEL`.\n"));
        return out;
    }
    let key = connector.env.get("api_key").and_then(|names| names.first());
    let key =
        key.filter(|_| connector.auth == "api-key").map(|name| format!("{name}=… ")).unwrap_or_default();
    let is_personal = connector.auth == "oauth-personal";
    let login = if is_personal { format!("lip login {id}\n") } else { String::new() };
    out.push_str(&format!("```sh\n{login}{key}lip --default-backend {id}\n```\n\n"));
    if is_personal {
        out.push_str("Where only the provider's own program can log in, `lip login` says so: its login is then used as it is. ");
        out.push_str("[Personal accounts](../guides/accounts.md) has the rest.\n\n");
    }
    let default = "Clients then send the provider's own model names";
    out.push_str(&format!("{default}. Whatever the default is, `{id}:MODEL` names this backend.\n"));
    out.push_str(&format!("\nIn a configuration file:\n\n```toml\n[backends.{id}]\ntype = \"{id}\"\n```\n"));
    if connector.auth == "api-key" {
        out.push_str(&format!("\nA second account is a second instance: `[backends.\"{id}.work\"]` with its own `api_key`, asked for as `{id}.work:MODEL`.\n"));
    }
    out
}

fn environment(connector: &Connector) -> String {
    if connector.env.is_empty() {
        return String::new();
    }
    let row =
        |(key, names): (&String, &Vec<String>)| format!("| {} | {} |\n", key.replace('_', " "), codes(names));
    let rows: String = connector.env.iter().map(row).collect();
    let keys = if connector.env.contains_key("api_key") {
        " Of the API key, `NAME_1`, `NAME_2` … are used in turn as well."
    } else {
        ""
    };
    format!(
        "\n## Environment\n\n| what | variables |\n|---|---|\n{rows}\nThe first that is set counts; the configuration wins over them.{keys}\n"
    )
}

fn own_settings(connector: &Connector) -> String {
    let Some(properties) = connector.config.get("properties").and_then(Value::as_object) else {
        return String::new();
    };
    let rows: String = properties.iter().map(|(key, schema)| setting(key, schema)).collect();
    format!(
        "\n## Settings of its own\n\nBeside [those of every backend](../reference/settings.md#backendsname), such as `api_key`, `api_url`, `models`, `timeout`:\n\n| key | value | meaning |\n|---|---|---|\n{rows}"
    )
}

fn setting(key: &str, schema: &Value) -> String {
    let kind = match (schema.get("enum"), schema.get("type")) {
        (Some(Value::Array(words)), _) => words
            .iter()
            .filter_map(Value::as_str)
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        (_, Some(Value::String(kind))) => kind.clone(),
        (_, Some(Value::Array(kinds))) => {
            kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    };
    let words = |map: &Map<String, Value>| map.get("description").and_then(Value::as_str).map(str::to_owned);
    let meaning = schema.as_object().and_then(words).unwrap_or_default().replace('|', "\\|");
    format!("| `{key}` | {kind} | {meaning} |\n")
}

fn models(connector: &Connector) -> String {
    let (patterns, names): (Vec<&Model>, Vec<&Model>) =
        connector.models.iter().partition(|model| model.id.contains('*'));
    let mut out = format!("\n## Models\n\n`lip models {}` lists what it offers.", connector.id);
    if connector.models.is_empty() {
        out.push_str(" None are known without asking; any name is passed on.\n");
        return out;
    }
    out.push_str(" Known without asking (any other name is passed on, too):\n\n");
    let has = |test: fn(&Model) -> bool| connector.models.iter().any(test);
    let dialects = has(|model| !model.dialects.is_empty());
    let context = has(|model| model.context_tokens.is_some());
    let output = has(|model| model.output_tokens.is_some());
    let columns =
        [("model", true), ("dialects", dialects), ("context tokens", context), ("output tokens", output)];
    let shown = |cells: [String; 4]| -> String {
        let cells = cells.into_iter().zip(columns).filter(|(_, (_, shown))| *shown).map(|(cell, _)| cell);
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    out.push_str(&shown(columns.map(|(name, _)| name.to_owned())));
    out.push_str(&shown(columns.map(|_| "---".to_owned())));
    let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    for model in names.iter().take(MODELS_MAX).chain(&patterns) {
        let cells = [
            format!("`{}`", model.id),
            codes(&model.dialects),
            number(model.context_tokens),
            number(model.output_tokens),
        ];
        out.push_str(&shown(cells));
    }
    if let Some(more) = names.len().checked_sub(MODELS_MAX).filter(|more| *more > 0) {
        out.push_str(&format!("\nand {more} more.\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(connector: &str) -> Told {
        let text = format!(r#"{{"plugin":"lip-acme","version":"1.2.3","connector":{connector}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn page_tells_what_the_manifest_tells() {
        let page = text(&told(
            r#"{"id":"acme","title":"Acme AI","best_for":"anvils","auth":"api-key","dialects":["openai-chat"],
            "models":[{"id":"big","context_tokens":9},{"id":"b*"}],"env":{"api_key":["ACME_API_KEY"]},"base_url":"https://a.example",
            "egress":["a.example"],"docs":null,"disclaimers":["Falls."],
            "config":{"properties":{"region":{"enum":["x","y"],"description":"Where."}}}}"#,
        ));
        for wanted in [
            "# Acme AI (`acme`)\n\nBest for: anvils.\n\n> Falls.\n",
            "| authentication | API key |\n",
            "ACME_API_KEY=… lip --default-backend acme\n",
            "| api key | `ACME_API_KEY` |\n",
            "| `region` | `x`, `y` | Where. |\n",
            "| model | context tokens |\n| --- | --- |\n| `big` | 9 |\n| `b*` |  |\n",
        ] {
            assert!(page.contains(wanted), "{wanted}\nis not in\n{page}");
        }
    }

    #[test]
    fn family_is_configured_and_never_a_default() {
        let page = text(&told(
            r#"{"id":"custom","family":true,"title":"Own","best_for":"","auth":"none","dialects":["gemini"],
            "models":[],"env":{},"base_url":null,"egress":[],"docs":null,"disclaimers":[]}"#,
        ));
        assert!(page.contains("type = \"custom\"") && !page.contains("--default-backend"), "{page}");
    }
}
