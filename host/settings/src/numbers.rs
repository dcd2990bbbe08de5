//! Truth values, whole numbers, ports, bytes and seconds.
use std::time::Duration;

use crate::{
    read::{Raw, Reader},
    row::{Kind, Shape},
    tree::Value,
};

/// `true` or `false`; in the environment and on the command line also `1/0`, `yes/no`, `on/off`.
pub(crate) struct Bool;

impl Kind for Bool {
    type Value = bool;
    type Out<'a> = bool;
    const SHAPE: Shape = Shape::Bool;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<bool> {
        if let Raw::Node(node) = raw {
            if let Value::Bool(value) = node.value {
                return Some(value);
            }
            return reader.mismatch(raw, "true or false");
        }
        match raw.bare_text().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => reader.mismatch(raw, "true or false"),
        }
    }

    fn get(value: &bool) -> bool {
        *value
    }

    fn show(value: &bool) -> Option<String> {
        Some(value.to_string())
    }
}

/// A whole number in the setting's range.
pub(crate) struct Whole;

impl Kind for Whole {
    type Value = u64;
    type Out<'a> = u64;
    const SHAPE: Shape = Shape::Whole;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<u64> {
        let number = match raw {
            Raw::Node(node) => {
                if let Value::Int(number) = node.value {
                    u64::try_from(number).ok()
                } else {
                    None
                }
            }
            Raw::Env(_) | Raw::Cli(_) => raw.bare_text().and_then(|text| text.trim().parse().ok()),
        };
        in_range(number, raw, reader, "a whole number")
    }

    fn get(value: &u64) -> u64 {
        *value
    }

    fn show(value: &u64) -> Option<String> {
        Some(value.to_string())
    }
}

/// A TCP port; 0 lets the system choose.
pub(crate) struct Port;

impl Kind for Port {
    type Value = u16;
    type Out<'a> = u16;
    const SHAPE: Shape = Shape::Whole;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<u16> {
        // The row's range is 0–65535, so the conversion cannot fail after the range check.
        Whole::read(raw, reader).and_then(|number| u16::try_from(number).ok())
    }

    fn get(value: &u16) -> u16 {
        *value
    }

    fn show(value: &u16) -> Option<String> {
        Some(value.to_string())
    }
}

/// A number of bytes: a whole number or a text with a unit.
pub(crate) struct Bytes;

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Kind for Bytes {
    type Value = u64;
    type Out<'a> = u64;
    const SHAPE: Shape = Shape::Bytes;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<u64> {
        let number = match raw {
            Raw::Node(node) => match &node.value {
                Value::Int(number) => u64::try_from(*number).ok(),
                Value::Text(text) => bytes(text),
                Value::Null | Value::Bool(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => None,
            },
            Raw::Env(_) | Raw::Cli(_) => raw.bare_text().and_then(bytes),
        };
        in_range(number, raw, reader, "a number of bytes such as 1048576 or \"1MiB\"")
    }

    fn get(value: &u64) -> u64 {
        *value
    }

    fn show(value: &u64) -> Option<String> {
        let exact = UNITS
            .iter()
            .find(|(unit, factor)| unit.ends_with("iB") && *value > 0 && value.is_multiple_of(*factor));
        Some(exact.map_or_else(|| value.to_string(), |(unit, factor)| format!("{}{unit}", value / factor)))
    }
}

fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    for (unit, factor) in UNITS {
        if let Some(number) = lower.strip_suffix(&unit.to_ascii_lowercase()) {
            return number.trim().parse::<u64>().ok()?.checked_mul(factor);
        }
    }
    text.parse().ok()
}

/// Seconds, decimals allowed.
pub(crate) struct Seconds;

impl Kind for Seconds {
    type Value = Duration;
    type Out<'a> = Duration;
    const SHAPE: Shape = Shape::Seconds;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<Duration> {
        let number = match raw {
            Raw::Node(node) => match node.value {
                Value::Int(number) => Some(number as f64),
                Value::Float(number) => Some(number),
                Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
            },
            Raw::Env(_) | Raw::Cli(_) => raw.bare_text().and_then(|text| text.trim().parse::<f64>().ok()),
        };
        let (min, max) = reader.setting.range.unwrap_or((0.0, f64::MAX));
        match number.filter(|number| (min..=max).contains(number)).map(Duration::try_from_secs_f64) {
            Some(Ok(duration)) => Some(duration),
            Some(Err(_)) | None => reader.mismatch(raw, &format!("seconds from {min} to {max}")),
        }
    }

    fn get(value: &Duration) -> Duration {
        *value
    }

    fn show(value: &Duration) -> Option<String> {
        Some(value.as_secs_f64().to_string())
    }
}

/// US dollars, decimals allowed; kept as whole millionths.
pub(crate) struct Dollars;

impl Kind for Dollars {
    type Value = u64;
    type Out<'a> = u64;
    const SHAPE: Shape = Shape::Dollars;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<u64> {
        let number = match raw {
            Raw::Node(node) => match node.value {
                Value::Int(number) => Some(number as f64),
                Value::Float(number) => Some(number),
                Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
            },
            Raw::Env(_) | Raw::Cli(_) => raw.bare_text().and_then(|text| text.trim().parse::<f64>().ok()),
        };
        let (min, max) = reader.setting.range.unwrap_or((0.0, 1e9));
        match number.filter(|number| (min..=max).contains(number)) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range is checked"
            )]
            Some(dollars) => Some((dollars * 1e6).round() as u64),
            None => reader.mismatch(raw, &format!("US dollars from {min} to {max}")),
        }
    }

    fn get(value: &u64) -> u64 {
        *value
    }

    fn show(value: &u64) -> Option<String> {
        Some((*value as f64 / 1e6).to_string())
    }
}

fn in_range(number: Option<u64>, raw: &Raw<'_>, reader: &mut Reader<'_>, what: &str) -> Option<u64> {
    let (min, max) = reader.setting.range.unwrap_or((0.0, f64::MAX));
    match number.filter(|number| (min..=max).contains(&(*number as f64))) {
        Some(number) => Some(number),
        None if max < f64::MAX => reader.mismatch(raw, &format!("{what} from {min} to {max}")),
        None => reader.mismatch(raw, &format!("{what} of at least {min}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_what_they_show() {
        for (text, number) in
            [("100MiB", 104_857_600), ("1 kb", 1_000), ("0", 0), ("7B", 7), ("3GiB", 3 << 30)]
        {
            assert_eq!(bytes(text), Some(number), "{text}");
            assert_eq!(bytes(&Bytes::show(&number).unwrap()), Some(number));
        }
        for text in ["", "MiB", "-1", "1.5MiB", "99999999999999GiB", "12 apples"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
