//! Tools and the choice among them.
use super::{CHAT, LEGACY, wire};
use crate::{
    canon::{
        AllowedTool, CacheMark, CallKind, CustomTool, Extensions, Fields, FunctionTool, Grammar, Json,
        Native, Tool, ToolChoice, ToolKind,
    },
    codec::{Array, CodecError, Object, Raw, Str},
    loss::Losses,
};

/// Reads a tool. Kinds other than `function` and `custom` are compatible servers' built-ins.
pub(super) fn decode_tool(tool: wire::Tool<'_>) -> Result<Tool, CodecError> {
    let cache = tool.cache_control.map(|mark| CacheMark { ttl: mark.ttl.map(Str::into_owned) });
    let mut extensions = Extensions::new();
    let kind = match (tool.kind.as_ref().map(Str::as_str), tool.function, tool.custom) {
        (None | Some("function"), Some(function), _) => {
            let (function, rest) = decode_function(function)?;
            if !rest.is_empty() {
                extensions.set(CHAT, "function", Json::of(&rest));
            }
            ToolKind::Function(function)
        }
        (Some("function") | None, None, _) => return Err(CodecError::missing(CHAT, "function")),
        (Some("custom"), _, Some(custom)) => ToolKind::Custom(decode_custom(custom)?),
        (Some("custom"), _, None) => return Err(CodecError::missing(CHAT, "custom")),
        (Some(kind), function, _) => {
            let mut raw = Fields::new();
            raw.set("type", Json::of(kind));
            if let Some(function) = function {
                raw.set("function", function_json(&decode_function(function)?.0));
            }
            for (name, value) in tool.rest.into_fields().iter() {
                raw.set(name, value.clone());
            }
            let raw = Json::of(&raw);
            return Ok(Tool { cache, ..Tool::new(ToolKind::Builtin(Native { dialect: CHAT, raw })) });
        }
    };
    for (name, value) in tool.rest.into_fields().iter() {
        extensions.set(CHAT, name, value.clone());
    }
    Ok(Tool { kind, cache, extensions })
}

/// Reads an entry of the legacy list `functions`.
pub(super) fn decode_legacy(function: wire::Function<'_>) -> Result<Tool, CodecError> {
    let (function, rest) = decode_function(function)?;
    let mut tool = Tool::new(ToolKind::Function(function));
    tool.extensions.set(CHAT, LEGACY, Json::of(&true));
    if !rest.is_empty() {
        tool.extensions.set(CHAT, "function", Json::of(&rest));
    }
    Ok(tool)
}

fn decode_function(function: wire::Function<'_>) -> Result<(FunctionTool, Fields), CodecError> {
    let name = function.name.ok_or_else(|| CodecError::missing(CHAT, "function.name"))?;
    let tool = FunctionTool {
        name: name.into_owned(),
        namespace: None,
        description: function.description.map(Str::into_owned),
        parameters: function.parameters,
        strict: function.strict,
    };
    Ok((tool, function.rest.into_fields()))
}

fn decode_custom(custom: wire::Custom<'_>) -> Result<CustomTool, CodecError> {
    let name = custom.name.ok_or_else(|| CodecError::missing(CHAT, "custom.name"))?;
    let grammar = custom.format.and_then(|format| format.grammar).map(|grammar| Grammar {
        syntax: grammar.syntax.map(Str::into_owned).unwrap_or_default(),
        definition: grammar.definition.map(Str::into_owned).unwrap_or_default(),
    });
    let description = custom.description.map(Str::into_owned);
    Ok(CustomTool { name: name.into_owned(), description, grammar })
}

/// Whether a tool came in (and goes back into) the legacy list.
pub(super) fn is_legacy(tool: &Tool) -> bool {
    tool.extensions.get(CHAT, LEGACY).is_some()
}

/// Writes the tools of one of the two lists.
pub(super) fn encode_tools(tools: &[Tool], marks: bool, list: &mut Array<'_>, losses: &mut Losses) {
    for (index, tool) in tools.iter().enumerate().filter(|(_, tool)| !is_legacy(tool)) {
        losses.foreign(&tool.extensions, CHAT, format_args!("tools[{index}]."));
        if tool.cache.is_some() && !marks {
            losses.dropped(format!("tools[{index}].cache"), "no cache marks in this dialect");
        }
        let own = tool.extensions.fields(CHAT);
        match &tool.kind {
            ToolKind::Builtin(native) if native.dialect == CHAT => list.raw(&native.raw),
            ToolKind::Builtin(_) => {
                losses.dropped(format!("tools[{index}]"), "built-in tool of another dialect")
            }
            ToolKind::Function(function) => list.object(|object| {
                object.put("type", "function");
                object.object("function", |inner| {
                    function_fields(function, inner);
                    let rest = own.and_then(|fields| fields.get("function")).and_then(Json::read::<Fields>);
                    inner.fields(rest.as_ref());
                });
                mark(tool, marks, object);
                object.fields_except(own, &["function"]);
            }),
            ToolKind::Custom(custom) => list.object(|object| {
                object.put("type", "custom");
                object.object("custom", |inner| custom_fields(custom, inner));
                mark(tool, marks, object);
                object.fields(own);
            }),
        }
    }
}

/// Writes the legacy list.
pub(super) fn encode_legacy(tools: &[Tool], list: &mut Array<'_>) {
    for tool in tools.iter().filter(|tool| is_legacy(tool)) {
        if let ToolKind::Function(function) = &tool.kind {
            list.object(|object| {
                function_fields(function, object);
                let rest = tool.extensions.get(CHAT, "function").and_then(Json::read::<Fields>);
                object.fields(rest.as_ref());
            });
        }
    }
}

fn mark(tool: &Tool, marks: bool, object: &mut Object<'_>) {
    if let Some(mark) = tool.cache.as_ref().filter(|_| marks) {
        super::message_out::cache_control(mark, object);
    }
}

fn function_json(function: &FunctionTool) -> Json {
    let mut out = Vec::new();
    crate::codec::object(&mut out, |object| function_fields(function, object));
    std::str::from_utf8(&out).ok().and_then(Json::parse).unwrap_or_else(Json::null)
}

fn function_fields(function: &FunctionTool, object: &mut Object<'_>) {
    object.put("name", &function.name);
    object.opt("description", function.description.as_deref());
    object.opt("parameters", function.parameters.as_ref());
    object.opt("strict", function.strict);
}

fn custom_fields(custom: &CustomTool, object: &mut Object<'_>) {
    object.put("name", &custom.name);
    object.opt("description", custom.description.as_deref());
    if let Some(grammar) = &custom.grammar {
        object.object("format", |format| {
            format.put("type", "grammar");
            format.object("grammar", |inner| {
                inner.put("syntax", &grammar.syntax);
                inner.put("definition", &grammar.definition);
            });
        });
    }
}

/// Reads `tool_choice` (or the legacy `function_call`).
pub(super) fn decode_choice(raw: Raw<'_>, field: &str) -> Result<ToolChoice, CodecError> {
    let wrong = |error: serde_json::Error| CodecError::at(CHAT, field, error.to_string());
    if raw.get().starts_with('"') {
        let word: Str<'_> = serde_json::from_str(raw.get()).map_err(wrong)?;
        return match word.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            // Some clients carry Anthropic's word over.
            "required" | "any" => Ok(ToolChoice::Required),
            other => Err(CodecError::unknown_value(CHAT, field, other)),
        };
    }
    let choose: wire::Choose<'_> = serde_json::from_str(raw.get()).map_err(wrong)?;
    if let Some(allowed) = choose.allowed_tools {
        let tools = allowed.tools.unwrap_or_default();
        let tools: Option<Vec<_>> = tools.into_iter().map(named).collect();
        let native = || ToolChoice::Native(Native { dialect: CHAT, raw: Json::from(raw) });
        let required = allowed.mode.is_some_and(|mode| mode.as_str() == "required");
        return Ok(tools.map_or_else(native, |tools| ToolChoice::Allowed { required, tools }));
    }
    Ok(match named(choose) {
        Some(tool) => ToolChoice::Named(tool),
        None => ToolChoice::Native(Native { dialect: CHAT, raw: Json::from(raw) }),
    })
}

fn named(choose: wire::Choose<'_>) -> Option<AllowedTool> {
    let (kind, name) = match (choose.function, choose.custom) {
        (Some(function), _) => (CallKind::Function, function.name),
        (None, Some(custom)) => (CallKind::Custom, custom.name),
        (None, None) => (CallKind::Function, choose.name),
    };
    Some(AllowedTool { kind, name: name?.into_owned() })
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
            inner.object("allowed_tools", |allowed| {
                allowed.put("mode", if *required { "required" } else { "auto" });
                allowed.array("tools", |list| {
                    for tool in tools {
                        list.object(|entry| name(tool, entry));
                    }
                });
            });
        }),
        ToolChoice::Native(native) if native.dialect == CHAT => object.raw("tool_choice", native.raw.get()),
        ToolChoice::Native(_) => losses.dropped("tool_choice", "choice of another dialect"),
    }
}

fn name(tool: &AllowedTool, object: &mut Object<'_>) {
    let kind = if tool.kind == CallKind::Custom { "custom" } else { "function" };
    object.put("type", kind);
    object.object(kind, |inner| inner.put("name", &tool.name));
}
