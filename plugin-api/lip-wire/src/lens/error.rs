//! Why a request body was refused: typed, one sentence each, with the path of the field where there is one.
use std::fmt;

/// The deepest nesting of objects and arrays that a request body may have.
pub const DEPTH_MAX: u32 = 128;

/// The JSON type of a value, as its first byte tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonType {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// `-1.5e3`
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Bool => "a boolean",
            Self::Null => "null",
        })
    }
}

/// A place in the body: byte offset from 0, line and column (in bytes) from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Bytes before the place.
    pub offset: usize,
    /// Line, from 1; only `\n` ends a line.
    pub line: usize,
    /// Bytes into the line, from 1.
    pub column: usize,
}

impl Position {
    /// Counts lines up to `offset`; done for errors only.
    pub(super) fn new(body: &[u8], offset: usize) -> Self {
        let before = body.get(..offset).unwrap_or(body);
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |i| i + 1);
        Self {
            offset,
            line: memchr::memchr_iter(b'\n', before).count() + 1,
            column: before.len() - line_start + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// Why a body is not a request that a lens can be made for. `Display` gives one sentence for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LensError {
    /// No bytes, or white space only.
    Empty,
    /// The body starts with a byte order mark, which JSON forbids (RFC 8259 §8.1).
    ByteOrderMark,
    /// The byte at this offset is not part of valid UTF-8.
    NotUtf8 {
        /// Bytes before the first bad one.
        offset: usize,
    },
    /// The body breaks the grammar of JSON.
    Syntax {
        /// Where.
        at: Position,
        /// What could have stood there, e.g. "`,` or `}`".
        expected: &'static str,
        /// The byte that stands there; `None` at the end of the body.
        found: Option<u8>,
    },
    /// More than [`DEPTH_MAX`] levels of nesting.
    TooDeep {
        /// Where the first level too many opens.
        at: Position,
    },
    /// The body is valid so far, but its top level is not an object.
    NotAnObject {
        /// What it is.
        found: JsonType,
    },
    /// A field that we own stands twice at one level, so two readers might see two values.
    DuplicateKey {
        /// The field, e.g. `model` or `messages[2].role`.
        path: String,
    },
    /// A field that we own has a type that no reader could use.
    WrongType {
        /// The field, e.g. `stream_options.include_usage`.
        path: String,
        /// What it should be, e.g. "a string".
        expected: &'static str,
        /// What it is.
        found: JsonType,
    },
}

impl LensError {
    /// The path of the offending field, for the `param` of an error body.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::DuplicateKey { path } | Self::WrongType { path, .. } => Some(path),
            Self::Empty
            | Self::ByteOrderMark
            | Self::NotUtf8 { .. }
            | Self::Syntax { .. }
            | Self::TooDeep { .. }
            | Self::NotAnObject { .. } => None,
        }
    }
}

impl fmt::Display for LensError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the request body is empty: expected a JSON object"),
            Self::ByteOrderMark => {
                f.write_str("the request body starts with a byte order mark: send UTF-8 without one")
            }
            Self::NotUtf8 { offset } => write!(f, "the request body is not UTF-8 at byte {offset}"),
            Self::Syntax { at, expected, found: None } => {
                write!(f, "the JSON body ends too early at {at}: expected {expected}")
            }
            Self::Syntax { at, expected, found: Some(byte) } => {
                let found = char::from(*byte).escape_default();
                if byte.is_ascii() {
                    write!(f, "malformed JSON at {at}: expected {expected}, found `{found}`")
                } else {
                    write!(f, "malformed JSON at {at}: expected {expected}, found a non-ASCII character")
                }
            }
            Self::TooDeep { at } => write!(f, "the JSON body nests deeper than {DEPTH_MAX} levels at {at}"),
            Self::NotAnObject { found } => {
                write!(f, "the request body must be a JSON object, found {found}")
            }
            Self::DuplicateKey { path } => {
                write!(f, "{path}: the field stands more than once; send it once")
            }
            Self::WrongType { path, expected, found } => {
                write!(f, "{path}: expected {expected}, found {found}")
            }
        }
    }
}

impl std::error::Error for LensError {}
