//! Tools and the choice among them.
use super::{RESPONSES, wire};
use crate::{
    canon::{
        AllowedTool, CallKind, CustomTool, FunctionTool, Grammar, Json, Native, Tool, ToolChoice, ToolKind,
    },
    codec::{Array, CodecError, Object, Raw, Str},
    loss::Losses,
};

/// Reads a tool. Kinds other than `function` and `custom` (built-ins, namespaces) stay whole.
pub(super) fn decode_tool(raw: Raw<'_>) -> Result<Tool, CodecError> {
    let tool: wire::Tool<'_> = raw.parse(RESPONSES)?;
    let kind = tool.kind.ok_or_else(|| CodecError::missing(RESPONSES, "type"))?;
    let name = tool.name.map(Str::into_owned);
    let description = tool.description.map(Str::into_owned);
    let required = || CodecError::missing(RESPONSES, "name");
    let kind = match kind.as_str() {
        "function" => ToolKind::Function(FunctionTool {
            name: name.ok_or_else(required)?,
            namespace: None,
            description,
            parameters: tool.parameters,
            strict: tool.strict,
        }),
        "custom" => ToolKind::Custom(CustomTool {
            name: name.ok_or_else(required)?,
            description,
            grammar: tool.format.and_then(decode_grammar),
        }),
        _ => {
            return Ok(Tool::new(ToolKind::Builtin(Native { dialect: RESPONSES, raw: Json::from(raw) })));
        }
    };
    Ok(Tool { extensions: tool.rest.into_extensions(RESPONSES), ..Tool::new(kind) })
}

/// The format `text` says what absence says.
fn decode_grammar(format: wire::CustomFormat<'_>) -> Option<Grammar> {
    Some(Grammar {
        definition: format.definition?.into_owned(),
        syntax: format.syntax.map(Str::into_owned).unwrap_or_default(),
    })
}

/// How a tool or a format is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As the client said it.
    AsCame,
    /// For a client of another dialect: what is not said has that dialect's meaning.
    Foreign,
    /// As an answer repeats it: every field stands there.
    Echo,
}

/// Writes the tools.
pub(super) fn encode_tools(tools: &[Tool], spelling: Spelling, list: &mut Array<'_>, losses: &mut Losses) {
    for (index, tool) in tools.iter().enumerate() {
        losses.foreign(&tool.extensions, RESPONSES, format_args!("tools[{index}]."));
        if tool.cache.is_some() {
            losses.dropped(format!("tools[{index}].cache"), "no cache marks in this dialect");
        }
        let own = tool.extensions.fields(RESPONSES);
        match &tool.kind {
            ToolKind::Builtin(native) if native.dialect == RESPONSES => list.raw(&native.raw),
            ToolKind::Builtin(_) => {
                losses.dropped(format!("tools[{index}]"), "built-in tool of another dialect");
            }
            ToolKind::Function(function) => list.object(|object| {
                object.put("type", "function");
                function_fields(function, spelling, object);
                object.fields(own);
            }),
            ToolKind::Custom(custom) => list.object(|object| {
                object.put("type", "custom");
                object.put("name", &custom.name);
                object.opt("description", custom.description.as_deref());
                if let Some(grammar) = &custom.grammar {
                    object.object("format", |format| {
                        format.put("type", "grammar");
                        format.put("syntax", &grammar.syntax);
                        format.put("definition", &grammar.definition);
                    });
                }
                object.fields(own);
            }),
        }
    }
}

fn function_fields(function: &FunctionTool, spelling: Spelling, object: &mut Object<'_>) {
    object.put("name", &function.name);
    match spelling {
        Spelling::AsCame => {
            object.opt("description", function.description.as_deref());
            object.opt("parameters", function.parameters.as_ref());
            object.opt("strict", function.strict);
        }
        Spelling::Foreign => {
            object.opt("description", function.description.as_deref());
            object.put("parameters", &function.parameters);
            // Functions are strict here if nothing is said, in every other dialect they are not.
            object.put("strict", &function.strict.unwrap_or(false));
        }
        Spelling::Echo => {
            object.put("description", &function.description);
            object.put("parameters", &function.parameters);
            object.put("strict", &function.strict);
        }
    }
}

/// Reads `tool_choice`.
pub(super) fn decode_choice(raw: Raw<'_>) -> Result<ToolChoice, CodecError> {
    if raw.get().starts_with('"') {
        let word: Str<'_> = raw.parse(RESPONSES)?;
        return match word.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" => Ok(ToolChoice::Required),
            other => Err(CodecError::unknown_value(RESPONSES, "", other)),
        };
    }
    let mut choose: wire::Choose<'_> = raw.parse(RESPONSES)?;
    let choice = if choose.kind.as_ref().is_some_and(|kind| kind.as_str() == "allowed_tools") {
        let tools: Option<Vec<_>> = choose.tools.take().into_iter().flatten().map(named).collect();
        let required = choose.mode.is_some_and(|mode| mode.as_str() == "required");
        tools.map(|tools| ToolChoice::Allowed { required, tools })
    } else {
        named(choose).map(ToolChoice::Named)
    };
    Ok(choice.unwrap_or_else(|| ToolChoice::Native(Native { dialect: RESPONSES, raw: Json::from(raw) })))
}

/// A function or custom tool that is named, and nothing more is said of it.
fn named(choose: wire::Choose<'_>) -> Option<AllowedTool> {
    let kind = match choose.kind.as_ref().map(Str::as_str) {
        Some("function") => CallKind::Function,
        Some("custom") => CallKind::Custom,
        _ => return None,
    };
    if !choose.rest.is_empty() {
        return None;
    }
    Some(AllowedTool { kind, name: choose.name?.into_owned() })
}

/// Writes `tool_choice`.
pub(super) fn encode_choice(choice: &ToolChoice, object: &mut Object<'_>, losses: &mut Losses) {
    match choice {
        ToolChoice::Auto => object.put("tool_choice", "auto"),
        ToolChoice::None => object.put("tool_choice", "none"),
        ToolChoice::Required => object.put("tool_choice", "required"),
        ToolChoice::Named(tool) => object.object("tool_choice", |inner| name(tool, inner)),
        ToolChoice::Allowed { required, tools } => object.object("tool_choice", |inner| {
            inner.put("type", "allowed_tools");
            inner.put("mode", if *required { "required" } else { "auto" });
            inner.array("tools", |list| {
                for tool in tools {
                    list.object(|entry| name(tool, entry));
                }
            });
        }),
        ToolChoice::Native(native) if native.dialect == RESPONSES => {
            object.raw("tool_choice", native.raw.get());
        }
        ToolChoice::Native(_) => losses.dropped("tool_choice", "choice of another dialect"),
    }
}

fn name(tool: &AllowedTool, object: &mut Object<'_>) {
    object.put("type", if tool.kind == CallKind::Custom { "custom" } else { "function" });
    object.put("name", &tool.name);
}
