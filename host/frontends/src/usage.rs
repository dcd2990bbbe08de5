//! What turns used and cost: `/v1/usage/stats`, `/v1/usage/recent` and `/v1/usage/export`, for callers on the host's own machine. Paths
//! and parameters are those of LIP's Python predecessor where it has them.
mod export;

use crate::app::{App, Shared};
use crate::auth::shown::{KEY_PARAMETERS, percent_decoded};
use crate::diagnostics::Seen;
use crate::ui::packed;
use crate::{diagnostics, intake, respond};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use base::{Fault, Kind};
use engine::Dialect;
use export::{Format, Pages};
use http::request::Parts;
use http::{Request, Response};
use ledger::filter::{Filter, NAMES};
use ledger::ledger::{Ledger, Standing};
use ledger::reader::{By, Order, Reader, Time};
use ledger::series::Step;
use serde_json::{Value, json};

pub(crate) const PREFIX: &str = "/v1/usage";

/// Turns that `recent` tells of, unless it is asked for another number, and at the most.
const RECENT: (i64, i64) = (100, 1_000);
/// Keys whose sums are told slot by slot: those that are used the most.
const SERIES_KEYS: usize = 12;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(&format!("{PREFIX}/stats"), get(stats))
        .route(&format!("{PREFIX}/recent"), get(recent))
        .route(&format!("{PREFIX}/export"), get(export))
}

/// What is asked.
struct Asked {
    filter: Filter,
    by: By,
    every: Option<Step>,
    limit: i64,
    format: Format,
    /// May it hear of all clients together?
    sees_all: bool,
}

async fn stats(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let headers = request.headers().clone();
    let (asked, ledger, reader) = match ask(&app, request, &["by", "every"]).await {
        Ok(asked) => asked,
        Err(fault) => return respond::error(Dialect::OpenAiChat, &fault),
    };
    let answer = async {
        let total = reader.sums(&asked.filter, By::Nothing).await?;
        let mut times = serde_json::Map::new();
        for (name, time) in [
            ("first_output_us", Time::FirstOutput),
            ("lasted_us", Time::Total),
            ("overhead_us", Time::Overhead),
        ] {
            times.insert(name.to_owned(), json!(reader.spread(&asked.filter, time).await?));
        }
        let groups = match asked.by {
            By::Nothing => Vec::new(),
            by => reader.sums(&asked.filter, by).await?,
        };
        let mut series = json!(null);
        if let Some(step) = asked.every {
            // What is used the most comes first.
            let keys: Vec<String> = groups.iter().take(SERIES_KEYS).map(|sums| sums.key.clone()).collect();
            let (all, by_key) = (
                reader.series(&asked.filter, step, asked.by, None).await?,
                reader.series(&asked.filter, step, asked.by, Some(&keys)).await?,
            );
            series = json!({"all": all, "by_key": by_key});
        }
        let Standing { written, lost, waiting, spooled, trouble } = ledger.standing();
        Ok(json!({
            "total": total.first(),
            "times": times,
            "groups": groups,
            "series": series,
            "ledger": asked.sees_all.then(|| {
                json!({"written": written, "lost": lost, "waiting": waiting, "spooled": spooled, "trouble": trouble})
            }),
        }))
    };
    packed::answer(told(answer.await), &headers).await
}

async fn recent(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (asked, _, reader) = match ask(&app, request, &["limit"]).await {
        Ok(asked) => asked,
        Err(fault) => return respond::error(Dialect::OpenAiChat, &fault),
    };
    let turns = reader.turns(&asked.filter, Order::Newest, None, asked.limit).await;
    told(turns.map(|turns| json!({"turns": turns})))
}

async fn export(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    match ask(&app, request, &["format"]).await {
        Ok((asked, _, reader)) => Pages::new(reader, asked.filter, asked.format).response(),
        Err(fault) => respond::error(Dialect::OpenAiChat, &fault),
    }
}

fn told(answer: Result<Value, ledger::store::Error>) -> Response<Body> {
    match answer {
        Ok(value) => respond::json(&value),
        Err(error) => respond::error(Dialect::OpenAiChat, &unreadable(error)),
    }
}

/// Lets the request in and reads what it asks. `own`: parameters of this route alone.
async fn ask<'a>(
    app: &'a App,
    request: Request<Body>,
    own: &[&str],
) -> Result<(Asked, &'a Ledger, Reader), Fault> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    let seen = diagnostics::admit_client(app, &parts)?;
    let mut asked = asked(&parts, own)?;
    if let Seen::Of(name) = seen {
        asked.filter.caller = Some(name);
        asked.sees_all = false;
    }
    let ledger = app.ledger.as_deref().ok_or_else(|| {
        Fault::client(Kind::NotFound, "this host keeps no usage").hint("usage.enabled says whether it does")
    })?;
    let reader = ledger.reader().await.map_err(unreadable)?;
    Ok((asked, ledger, reader))
}

fn asked(parts: &Parts, own: &[&str]) -> Result<Asked, Fault> {
    let refused = |name: &str, sentence: String| {
        Fault::client(Kind::BadRequest, sentence).code("invalid_parameter").param(name)
    };
    let mut asked = Asked {
        filter: Filter::default(),
        by: By::Nothing,
        every: None,
        limit: RECENT.0,
        format: Format::Json,
        sees_all: true,
    };
    let query = parts.uri.query().unwrap_or_default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decoded(&value.replace('+', " "));
        let value = String::from_utf8(value)
            .map_err(|_| refused(name, format!("{name}: expected a text of UTF-8")))?;
        match name {
            _ if KEY_PARAMETERS.contains(&name) => {}
            "by" if own.contains(&"by") => {
                let by = By::NAMES.iter().find(|(name, _)| *name == value);
                let names: Vec<&str> = By::NAMES.iter().map(|(name, _)| *name).collect();
                let expected = || format!("by: expected one of {}, found \"{value}\"", names.join(", "));
                asked.by = by.ok_or_else(|| refused(name, expected()))?.1;
            }
            "every" if own.contains(&"every") => {
                let step = Step::NAMES.iter().find(|(name, _)| *name == value);
                let names: Vec<&str> = Step::NAMES.iter().map(|(name, _)| *name).collect();
                let expected = || format!("every: expected one of {}, found \"{value}\"", names.join(", "));
                asked.every = Some(step.ok_or_else(|| refused(name, expected()))?.1);
            }
            "limit" if own.contains(&"limit") => {
                let limit = value.parse().ok().filter(|limit| (1..=RECENT.1).contains(limit));
                let expected =
                    || format!("limit: expected a number from 1 to {}, found \"{value}\"", RECENT.1);
                asked.limit = limit.ok_or_else(|| refused(name, expected()))?;
            }
            "format" if own.contains(&"format") => {
                let expected = || format!("format: expected json or csv, found \"{value}\"");
                asked.format = Format::parse(&value).ok_or_else(|| refused(name, expected()))?;
            }
            _ => match asked.filter.set(name, &value) {
                Ok(true) => {}
                Ok(false) => {
                    let known = [&NAMES, own].concat().join(", ");
                    let fault = refused(name, format!("{name}: there is no such parameter"));
                    return Err(fault.hint(format!("There are {known}")));
                }
                Err(sentence) => return Err(refused(name, sentence)),
            },
        }
    }
    Ok(asked)
}

fn unreadable(error: ledger::store::Error) -> Fault {
    let fault = Fault::host(Kind::Unavailable, "the usage cannot be read").code("usage_unreadable");
    fault.hint("The host's log says more; usage.database says where it is kept").source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> String {
        let request = Request::get(format!("/v1/usage/stats?{query}")).body(()).expect("a request");
        match asked(&request.into_parts().0, &["by", "every", "limit", "format"]) {
            Ok(_) => String::new(),
            Err(fault) => {
                assert_eq!(fault.status(), 400);
                fault.message
            }
        }
    }

    #[test]
    fn parameters_are_checked_each() {
        for good in [
            "",
            "from=2026-01-31&to=2026-02-01T00:00:00%2B01:00&by=model&limit=1000&format=csv",
            "start_date=2026-01-31&backend_type=a%20b&http_status_code=429",
            "key=sk-1&what=all&outcome=client_gone",
            "by=backend&every=5m&id=000000000005ffffffffff0000000007",
        ] {
            assert_eq!(refused(good), "", "{good}");
        }
        for (bad, word) in [
            ("from=yesterday", "2026-01-31"),
            ("limit=0", "1000"),
            ("limit=1001", "1000"),
            ("by=moon", "backend"),
            ("every=2h", "6h"),
            ("format=xml", "csv"),
            ("status=ok", "200"),
            ("leg=CTP", "no such parameter"),
            ("backend=%ff", "UTF-8"),
        ] {
            assert!(refused(bad).contains(word), "{bad}: {}", refused(bad));
        }
    }
}
