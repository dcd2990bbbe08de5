//! Tools and the choice among them.
use super::{ANTHROPIC, block_in, block_out, wire};
use crate::{
    canon::{
        AllowedTool, CallKind, CustomTool, Fields, FunctionTool, Json, Native, Request, Tool, ToolChoice,
        ToolKind,
    },
    codec::{Array, CodecError, Object, Raw, Str, Whole},
    loss::Losses,
};

const CHOICE: &str = "tool_choice";

/// Reads a tool. Those with a type of their own (web search, computer, text editor, MCP toolset …) are kept whole.
pub(super) fn decode(tool: Whole<'_, wire::Tool<'_>>) -> Result<Tool, CodecError> {
    let raw = tool.raw();
    let tool = tool.parse(ANTHROPIC);
    let is_custom = |kind: Option<&Str<'_>>| kind.is_none_or(|kind| kind.as_str() == "custom");
    let is_ours = match &tool {
        Ok(tool) => is_custom(tool.kind.as_ref()),
        // A tool of another kind may use the name of a known field for something else.
        Err(_) => is_custom(raw.parse::<wire::Kind<'_>>(ANTHROPIC)?.kind.as_ref()),
    };
    if !is_ours {
        return Ok(Tool::new(ToolKind::Builtin(Native { dialect: ANTHROPIC, raw: Json::from(raw) })));
    }
    let tool = tool?;
    let function = FunctionTool {
        name: tool.name.ok_or_else(|| CodecError::missing(ANTHROPIC, "name"))?.into_owned(),
        namespace: None,
        description: tool.description.map(Str::into_owned),
        parameters: Some(tool.input_schema.ok_or_else(|| CodecError::missing(ANTHROPIC, "input_schema"))?),
        strict: tool.strict,
    };
    Ok(Tool {
        kind: ToolKind::Function(function),
        cache: block_in::cache(tool.cache_control),
        extensions: super::extensions(tool.rest),
    })
}

/// Reads `tool_choice`, and whether it allows several calls at once.
pub(super) fn decode_choice(raw: Raw<'_>) -> Result<(ToolChoice, Option<bool>), CodecError> {
    let choice: wire::ToolChoice<'_> = raw.parse(ANTHROPIC).map_err(|error| error.under(CHOICE))?;
    let missing = |field: &str| CodecError::missing(ANTHROPIC, format!("{CHOICE}.{field}"));
    let kind = choice.kind.ok_or_else(|| missing("type"))?;
    let parallel = choice.disable_parallel.map(|off| !off);
    let choice = match kind.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => {
            let name = choice.name.ok_or_else(|| missing("name"))?;
            ToolChoice::Named(AllowedTool::function(name.into_owned()))
        }
        _ => {
            let raw = Json::from(raw);
            let dialect = ANTHROPIC;
            return Ok((ToolChoice::Native(Native { dialect, raw }), parallel));
        }
    };
    Ok((choice, parallel))
}

/// Writes `tools` and `tool_choice`.
pub(super) fn encode(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    let own = request.origin == Some(ANTHROPIC);
    let allowed = match &request.tool_choice {
        Some(ToolChoice::Allowed { tools, .. }) => Some(&tools[..]),
        _ => None,
    };
    let mut kept: Vec<(usize, &Tool)> = Vec::with_capacity(request.tools.len());
    for (index, tool) in request.tools.iter().enumerate() {
        match &tool.kind {
            ToolKind::Builtin(native) if native.dialect != ANTHROPIC => {
                losses.dropped(format!("tools[{index}]"), "built-in tool of another dialect");
            }
            _ if is_allowed(tool, allowed) => kept.push((index, tool)),
            _ => losses.changed("tool_choice", "the allowed tools became the list of tools"),
        }
    }
    if !kept.is_empty() {
        body.array("tools", |list| {
            for (index, tool) in &kept {
                encode_tool(*index, tool, list, losses);
            }
        });
    }
    if own || !kept.is_empty() {
        encode_choice(request, body, losses);
    } else if request.tool_choice.is_some() {
        losses.dropped("tool_choice", "no tools to choose from");
    }
}

fn is_allowed(tool: &Tool, allowed: Option<&[AllowedTool]>) -> bool {
    let name = tool.name();
    allowed.is_none_or(|list| list.iter().any(|one| Some(one.name.as_str()) == name))
}

fn encode_tool(index: usize, tool: &Tool, list: &mut Array<'_>, losses: &mut Losses) {
    losses.foreign(&tool.extensions, ANTHROPIC, format_args!("tools[{index}]."));
    let mut write = |name: &str, description: Option<&str>, schema: &Json, strict: Option<bool>| {
        list.object(|object| {
            object.put("name", name);
            object.opt("description", description);
            object.put("input_schema", schema);
            object.opt("strict", strict);
            if let Some(mark) = &tool.cache {
                block_out::cache_control(mark, object);
            }
            object.fields(tool.extensions.fields(ANTHROPIC));
        });
    };
    match &tool.kind {
        ToolKind::Builtin(native) => list.raw(&native.raw),
        ToolKind::Function(function) => {
            if function.namespace.is_some() {
                losses.dropped(format!("tools[{index}].namespace"), "no namespaces in this dialect");
            }
            write(
                &function.name,
                function.description.as_deref(),
                &schema(function.parameters.as_ref()),
                function.strict,
            );
        }
        ToolKind::Custom(custom) => {
            losses.changed(
                format!("tools[{index}]"),
                "a free-text tool became a function with the argument `input`",
            );
            write(&custom.name, custom.description.as_deref(), &free_text(custom), None);
        }
    }
}

/// The API demands a schema of type `object`; other dialects allow none at all for "no arguments".
fn schema(parameters: Option<&Json>) -> Json {
    let fields = parameters.and_then(Json::read::<Fields>);
    match (fields, parameters) {
        (Some(fields), Some(whole)) if fields.get("type").is_some() => whole.clone(),
        (fields, _) => {
            let mut typed = Fields::new();
            typed.set("type", Json::of("object"));
            for (name, value) in fields.iter().flat_map(Fields::iter) {
                typed.set(name, value.clone());
            }
            if typed.get("properties").is_none() {
                typed.set("properties", Json::of(&Fields::new()));
            }
            Json::of(&typed)
        }
    }
}

/// A schema for the one text of a free-text tool; its grammar is told in words.
fn free_text(tool: &CustomTool) -> Json {
    let mut input = Fields::new();
    input.set("type", Json::of("string"));
    if let Some(grammar) = &tool.grammar {
        let words = format!("Text after this {} grammar:\n{}", grammar.syntax, grammar.definition);
        input.set("description", Json::of(&words));
    }
    let mut properties = Fields::new();
    properties.set("input", Json::of(&input));
    let mut whole = Fields::new();
    whole.set("type", Json::of("object"));
    whole.set("properties", Json::of(&properties));
    whole.set("required", Json::of(&["input"]));
    Json::of(&whole)
}

fn encode_choice(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    let own = request.origin == Some(ANTHROPIC);
    let off = match request.parallel_tool_calls {
        // Several calls are the default; a client of this dialect may say so all the same.
        Some(true) if !own => None,
        parallel => parallel.map(|parallel| !parallel),
    };
    let (kind, name) = match &request.tool_choice {
        None if off.is_none() => return,
        None | Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required) => ("any", None),
        Some(ToolChoice::Named(tool)) => ("tool", Some(&tool.name)),
        Some(ToolChoice::Allowed { required: false, .. }) => ("auto", None),
        Some(ToolChoice::Allowed { tools, .. }) => match &tools[..] {
            [one] if one.kind != CallKind::Custom => ("tool", Some(&one.name)),
            _ => ("any", None),
        },
        Some(ToolChoice::Native(native)) if native.dialect == ANTHROPIC => {
            return body.raw(CHOICE, native.raw.get());
        }
        Some(ToolChoice::Native(_)) => return losses.dropped(CHOICE, "choice of another dialect"),
    };
    body.object(CHOICE, |choice| {
        choice.put("type", kind);
        choice.opt("name", name);
        if kind != "none" {
            choice.opt("disable_parallel_tool_use", off);
        }
    });
}
