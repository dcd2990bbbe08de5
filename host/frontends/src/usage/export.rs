//! All turns that a filter names, page by page: an export of any size takes little memory, and holds up no writer.
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use ledger::filter::Filter;
use ledger::lines::Turn;
use ledger::reader::{Order, PAGE, Reader};
use ledger::store::Error;

/// What an export is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One array of turns with their attempts.
    Json,
    /// A line for each turn. Source: RFC 4180.
    Csv,
}

impl Format {
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    const fn head(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application/json", "attachment; filename=\"lip-usage.json\""),
            Self::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"lip-usage.csv\""),
        }
    }
}

/// The pages that are still to come.
pub(super) struct Pages {
    reader: Reader,
    filter: Filter,
    format: Format,
    place: Place,
}

enum Place {
    Begin,
    /// Behind this turn.
    Behind(i64, String),
    Over,
}

impl Pages {
    pub(super) const fn new(reader: Reader, filter: Filter, format: Format) -> Self {
        Self { reader, filter, format, place: Place::Begin }
    }

    pub(super) fn response(self) -> Response<Body> {
        let (kind, file) = self.format.head();
        let pages = stream::try_unfold(self, |mut pages| async {
            let page = pages.next().await?;
            Ok::<_, Error>(page.map(|page| (Bytes::from(page), pages)))
        });
        let mut response = Response::new(Body::from_stream(pages));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(file));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn next(&mut self) -> Result<Option<String>, Error> {
        let (is_first, behind) = match std::mem::replace(&mut self.place, Place::Over) {
            Place::Over => return Ok(None),
            Place::Begin => (true, None),
            Place::Behind(began, id) => (false, Some((began, id))),
        };
        let turns = self.reader.turns(&self.filter, Order::Oldest, behind, PAGE).await?;
        let is_last = turns.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        if let Some(last) = turns.last().filter(|_| !is_last) {
            self.place = Place::Behind(last.began_us, last.id.clone());
        }
        Ok(Some(match self.format {
            Format::Csv => {
                let head = if is_first { Turn::CSV_HEAD } else { "" };
                turns.iter().fold(head.to_owned(), |text, turn| text + &turn.csv())
            }
            Format::Json => {
                let mut text = String::from(if is_first { "[" } else { "" });
                for (n, turn) in turns.iter().enumerate() {
                    text.push_str(if is_first && n == 0 { "\n" } else { ",\n" });
                    text.push_str(&serde_json::to_string(turn).unwrap_or_default());
                }
                text + if is_last { "\n]\n" } else { "" }
            }
        }))
    }
}
