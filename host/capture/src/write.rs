//! Files of turns that were read from others.
use crate::heads;
use crate::read::Contents;
use crate::record::{Record, VERSION};
use serde_json::Value;

/// A file with these lines of one, which name nothing.
pub fn file<'a>(contents: &Contents, records: impl Iterator<Item = &'a Record>) -> Vec<u8> {
    let Contents { program, at_ms, host, .. } = contents;
    let (program, host) = (program.clone(), host.clone());
    let mut file = line(&Record::Capture { version: VERSION, program, at_ms: *at_ms, host });
    records.for_each(|record| file.extend(line(record)));
    file
}

/// A line with its bytes. Never fails for what this room reads.
pub fn line(record: &Record) -> Vec<u8> {
    let mut object = serde_json::to_value(record).unwrap_or_default();
    let (mut head, mut body) = (Vec::new(), &b""[..]);
    match record {
        Record::Request(request) => {
            heads::write_kept(&request.headers, &mut head);
            body = &request.body.0;
        }
        Record::Asked(asked) => {
            heads::write_kept(&asked.headers, &mut head);
            body = &asked.body.0;
        }
        Record::Heard(told) | Record::Answer(told) => heads::write_kept(&told.headers, &mut head),
        Record::Came(piece) | Record::Sent(piece) => body = &piece.data.0,
        Record::Found { data, .. } => body = &data.0,
        Record::Capture { .. }
        | Record::Named { .. }
        | Record::Session { .. }
        | Record::Rotation { .. }
        | Record::Refused { .. }
        | Record::Ended(_)
        | Record::Over(_)
        | Record::Gap { .. }
        | Record::Unknown => {}
    }
    if let Value::Object(fields) = &mut object {
        fields.retain(|name, _| !["headers", "body", "data"].contains(&name.as_str()));
        let sizes = [("head", head.len()), ("bytes", body.len())].into_iter().filter(|(_, size)| *size > 0);
        fields.extend(sizes.map(|(name, size)| (name.to_owned(), size.into())));
    }
    let mut line = serde_json::to_vec(&object).unwrap_or_default();
    line.push(b'\n');
    if !head.is_empty() || !body.is_empty() {
        line.extend([&head, body, b"\n"].concat());
    }
    line
}
