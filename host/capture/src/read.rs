//! Reads capture files: any bytes give the lines that are whole, and a sentence for each that is not.
use crate::record::{Record, VERSION};

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// Its lines in their order, but for the first one.
    pub records: Vec<Record>,
    /// The program that wrote it.
    pub program: String,
    /// When it was begun, in milliseconds since 1970.
    pub at_ms: u64,
    /// The name by which the host knew its own requests again; empty: not known.
    pub host: String,
    /// What cannot be read: the number of the line from 1 on, and why.
    pub bad: Vec<(usize, String)>,
    /// The last line has no end: its writer was still at it, or was ended.
    pub is_cut: bool,
}

/// Unreadable lines that are told of.
const BAD_MAX: usize = 100;

/// Reads the bytes of a file.
///
/// # Errors
/// It is no capture, or one of another version; in one sentence.
pub fn read(bytes: &[u8]) -> Result<Contents, String> {
    let mut contents = Contents::default();
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate();
    let no_capture = || "this is no capture file: its first line does not say so".to_owned();
    let (_, first) = lines.next().ok_or_else(|| "the file is empty".to_owned())?;
    match serde_json::from_slice(first) {
        Ok(Record::Capture { version: VERSION, program, at_ms, host }) => {
            (contents.program, contents.at_ms, contents.host) = (program, at_ms, host);
        }
        Ok(Record::Capture { version, program, .. }) => {
            return Err(format!(
                "the capture has version {version}, written by {program}; this program reads version {VERSION}"
            ));
        }
        Ok(_) | Err(_) => return Err(no_capture()),
    }
    for (n, line) in lines {
        let Some(line) = line.strip_suffix(b"\n") else {
            contents.is_cut = true;
            break;
        };
        match serde_json::from_slice(line) {
            Ok(record) => contents.records.push(record),
            Err(error) if contents.bad.len() < BAD_MAX => contents.bad.push((n + 1, error.to_string())),
            Err(_) => {}
        }
    }
    Ok(contents)
}
