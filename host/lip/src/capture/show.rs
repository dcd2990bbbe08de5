//! `lip capture show`.
use super::{chosen, load};
use crate::out;
use ::capture::record::{Data, Ended, Head, How, Piece, Record};
use ::capture::turn::Turn;
use ::capture::write::file;
use clap::ArgMatches;
use httpdate::fmt_http_date;
use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

/// Letters of a piece that are shown.
const SHOWN_MAX: usize = 96;

/// Shows a file.
///
/// # Errors
/// A file that is no capture, or a turn that is not there.
pub(super) fn run(matches: &ArgMatches) -> Result<(), String> {
    let (contents, turns) = load(matches)?;
    let turn = chosen(matches, &turns)?;
    let session = matches.get_one::<String>("session");
    let is_asked_for = |own: &&Turn| {
        let is_of = |session: &String| {
            own.session.as_ref() == Some(session) || own.client_session.as_ref() == Some(session)
        };
        turn.is_none_or(|turn| own.request.turn == turn) && session.is_none_or(is_of)
    };
    let wanted: Vec<&Turn> = turns.iter().filter(is_asked_for).collect();
    if wanted.is_empty() {
        out::line("no turns");
        return Ok(());
    }
    let is_wanted = |record: &&Record| {
        record.turn().is_some_and(|turn| wanted.iter().any(|own| own.request.turn == turn))
    };
    let records = || contents.records.iter().filter(is_wanted);
    match matches.get_one::<String>("format").map_or("table", String::as_str) {
        "json" => records().for_each(|record| out::line(serde_json::to_string(record).unwrap_or_default())),
        "raw" => wanted.iter().for_each(|turn| bytes(&turn.bytes())),
        "file" => bytes(&file(&contents, records())),
        _ if turn.is_some() => {
            let lines: Vec<Vec<String>> = records().filter_map(line).collect();
            out::line(out::table(&lines).trim_end());
        }
        _ => {
            out::line(out::table(&table(&wanted)).trim_end());
            out::line(
                "lip capture show FILE --turn N shows one, lip capture replay FILE carries them out again",
            );
        }
    }
    if contents.is_cut {
        out::warning("the last line has no end: the host was still writing it, or was ended");
    }
    Ok(())
}

fn bytes(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    // A closed pipe is no error.
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

fn table(turns: &[&Turn]) -> Vec<Vec<String>> {
    let head = ["turn", "began", "request", "session", "asked", "status", "bytes", "ms", "end"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for turn in turns {
        let asked: Vec<&str> = turn.asks.values().map(|ask| ask.asked.backend.as_str()).collect();
        let status = turn.answer.as_ref().map_or_else(|| "-".to_owned(), |head| head.status.to_string());
        let ms = turn.over.as_ref().map_or_else(|| "-".to_owned(), |over| (over.us / 1000).to_string());
        let bytes: usize = turn.sent.iter().map(|piece| piece.data.0.len()).sum();
        let session = turn.client_session.as_ref().or(turn.session.as_ref());
        rows.push(vec![
            turn.request.turn.to_string(),
            fmt_http_date(UNIX_EPOCH + Duration::from_micros(turn.request.at_us)),
            turn.request.url.clone(),
            session.cloned().unwrap_or_else(|| "-".to_owned()),
            if asked.is_empty() { "-".to_owned() } else { asked.join(" ") },
            status,
            bytes.to_string(),
            ms,
            end(turn).to_owned(),
        ]);
    }
    rows
}

/// How it ended, in words.
fn end(turn: &Turn) -> &'static str {
    match &turn.over {
        _ if turn.has_gap => "cut: a bound of capture was reached",
        None => "cut: the file ends before it",
        Some(over) => how(over.how),
    }
}

const fn how(how: How) -> &'static str {
    match how {
        How::Whole => "whole",
        How::Broke => "broke off",
        How::Left => "left",
    }
}

/// A line of a turn's story: when, where, what.
fn line(record: &Record) -> Option<Vec<String>> {
    let row =
        |us: u64, way: String, text: String| Some(vec![format!("{:.3}", us as f64 / 1000.0), way, text]);
    match record {
        Record::Capture { .. } | Record::Unknown => None,
        Record::Request(request) => row(
            0,
            "client >".to_owned(),
            format!("{} {}  {}", request.method, request.url, shown(&request.body)),
        ),
        Record::Named { id, .. } => row(0, "turn".to_owned(), id.clone()),
        Record::Session { id, .. } => row(0, "session".to_owned(), id.clone()),
        Record::Rotation { .. } => None,
        Record::Refused { by, fault, .. } => row(0, "refused".to_owned(), format!("{by}: {}", fault.message)),
        Record::Found { of, data, .. } => row(0, "found".to_owned(), format!("{of}  {}", shown(data))),
        Record::Asked(asked) => row(
            asked.us,
            format!("> {} {}", asked.backend, asked.ask),
            format!("{} {}  {}", asked.method, asked.url, shown(&asked.body)),
        ),
        Record::Heard(head) | Record::Answer(head) => row(head.us, way(head.ask), head_text(head)),
        Record::Came(piece) | Record::Sent(piece) => row(piece.us, way(piece.ask), piece_text(piece)),
        Record::Ended(ended) | Record::Over(ended) => row(ended.us, way(ended.ask), end_text(ended)),
        Record::Gap { .. } => {
            row(0, "gap".to_owned(), "lines are missing: a bound of capture was reached".to_owned())
        }
    }
}

fn way(ask: Option<u32>) -> String {
    ask.map_or_else(|| "client <".to_owned(), |ask| format!("< {ask}"))
}

fn head_text(head: &Head) -> String {
    let kind = head.headers.iter().find(|(name, _)| name == "content-type");
    let kind = kind.map(|(_, value)| String::from_utf8_lossy(&value.0).into_owned());
    format!("{} {}", head.status, kind.unwrap_or_default())
}

fn piece_text(piece: &Piece) -> String {
    format!("{} bytes  {}", piece.data.0.len(), shown(&piece.data))
}

fn end_text(ended: &Ended) -> String {
    let fault = ended.fault.as_ref().map(|fault| format!(": {}", fault.message)).unwrap_or_default();
    format!("{}{fault}", how(ended.how))
}

/// The beginning of some bytes, on one line.
fn shown(data: &Data) -> String {
    let text = String::from_utf8_lossy(&data.0);
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}
