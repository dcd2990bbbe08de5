//! Tools that a request offers, and which of them the model may or must call.
use serde::{Deserialize, Serialize};

use super::{
    json::{Extensions, Json},
    part::{CacheMark, CallKind, Native},
};

/// A tool on offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// What it is.
    pub kind: ToolKind,
    /// The prompt up to and including this tool should be cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheMark>,
    /// Fields without a place here.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

impl Tool {
    /// A tool of this kind and nothing else.
    pub const fn new(kind: ToolKind) -> Self {
        Self { kind, cache: None, extensions: Extensions::new() }
    }

    /// About how many bytes it says.
    pub(super) fn bytes_hint(&self) -> usize {
        match &self.kind {
            ToolKind::Function(tool) => {
                tool.description.as_ref().map_or(0, String::len)
                    + tool.parameters.as_ref().map_or(0, |schema| schema.get().len())
            }
            ToolKind::Custom(tool) => tool.description.as_ref().map_or(0, String::len),
            ToolKind::Builtin(native) => native.raw.get().len(),
        }
    }

    /// The name that a call would use; `None` for built-ins.
    pub fn name(&self) -> Option<&str> {
        match &self.kind {
            ToolKind::Function(tool) => Some(&tool.name),
            ToolKind::Custom(tool) => Some(&tool.name),
            ToolKind::Builtin(_) => None,
        }
    }
}

/// What a tool is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// Arguments are a JSON object.
    Function(FunctionTool),
    /// The input is free text.
    Custom(CustomTool),
    /// Run or typed by the provider (web search, computer, text editor, code execution …): only its dialect understands it.
    Builtin(Native),
}

/// A function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionTool {
    /// Name.
    pub name: String,
    /// Namespace it stands in, where the dialect has such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What it does, for the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of the arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Json>,
    /// Arguments must follow the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// A free-text tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomTool {
    /// Name.
    pub name: String,
    /// What it does, for the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Grammar of the input; absent = any text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grammar: Option<Grammar>,
}

/// Grammar of a free-text tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grammar {
    /// `lark` or `regex`.
    pub syntax: String,
    /// The grammar.
    pub definition: String,
}

/// Which tools the model may or must call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// No call.
    None,
    /// At least one call.
    Required,
    /// This one.
    Named(AllowedTool),
    /// Only these; `required` = at least one of them.
    Allowed {
        /// Whether a call must happen.
        required: bool,
        /// The tools.
        tools: Vec<AllowedTool>,
    },
    /// Something only its dialect understands (a built-in tool, Gemini `VALIDATED`).
    Native(Native),
}

/// A tool named in a choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllowedTool {
    /// Function or custom.
    #[serde(default)]
    pub kind: CallKind,
    /// Name.
    pub name: String,
}

impl AllowedTool {
    /// A function of this name.
    pub fn function(name: impl Into<String>) -> Self {
        Self { kind: CallKind::Function, name: name.into() }
    }
}
