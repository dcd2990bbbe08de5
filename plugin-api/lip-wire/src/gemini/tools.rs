//! Tools and the choice among them.
//!
//! Functions are written with `parametersJsonSchema`, which takes any JSON Schema; a schema that came in `parameters` (an OpenAPI subset) goes back as it came.
use super::{GEMINI, request_in::keep, schema::to_json_schema, wire};
use crate::{
    canon::{
        AllowedTool, Extensions, Fields, FunctionTool, Json, Native, Request, Tool, ToolChoice, ToolKind,
    },
    codec::{Array, CodecError, Object, Raw, Str},
    loss::Losses,
};

/// Extension of a function: its schema as it came in `parameters`.
const PARAMETERS: &str = "lip_parameters";
/// Where unknown fields of `toolConfig` and of the object in it are kept.
const CONFIG: &str = "toolConfig";
const CALLING: &str = "functionCallingConfig";

/// Reads the groups of tools: each function and each of the provider's own tools becomes one.
pub(super) fn decode(
    groups: Option<wire::Many<wire::Tool<'_>>>,
    tools: &mut Vec<Tool>,
) -> Result<(), CodecError> {
    for (group_at, group) in groups.into_iter().flatten().enumerate() {
        for (at, function) in group.functions.into_iter().flatten().enumerate() {
            let path = || format!("tools[{group_at}].functionDeclarations[{at}]");
            tools.push(decode_function(function).map_err(|e| e.under(path()))?);
        }
        for (name, value) in wire::camel_fields(group.rest).iter() {
            let mut raw = Fields::new();
            raw.set(name, value.clone());
            let raw = Json::of(&raw);
            tools.push(Tool::new(ToolKind::Builtin(Native { dialect: GEMINI, raw })));
        }
    }
    Ok(())
}

fn decode_function(function: wire::FunctionDeclaration<'_>) -> Result<Tool, CodecError> {
    let name = function.name.ok_or_else(|| CodecError::missing(GEMINI, "name"))?;
    let mut extensions = Extensions::of(GEMINI, wire::camel_fields(function.rest));
    let mut parameters = function.json_schema;
    if parameters.is_none()
        && let Some(raw) = function.parameters
    {
        parameters = Some(to_json_schema(raw));
        extensions.set(GEMINI, PARAMETERS, Json::from(raw));
    }
    Ok(Tool {
        extensions,
        ..Tool::new(ToolKind::Function(FunctionTool {
            name: name.into_owned(),
            description: function.description.map(Str::into_owned),
            parameters,
            ..FunctionTool::default()
        }))
    })
}

/// Reads `toolConfig`.
pub(super) fn decode_config(config: wire::ToolConfig<'_>, request: &mut Request) -> Result<(), CodecError> {
    if let Some(raw) = config.calling {
        let calling: wire::CallingConfig<'_> = raw.parse(GEMINI).map_err(|e| e.under(CALLING))?;
        let names = calling.names.unwrap_or_default();
        let names: Vec<String> = names.into_iter().map(Str::into_owned).collect();
        let mode = calling.mode.map(|mode| mode.as_str().to_ascii_uppercase());
        request.tool_choice = decode_choice(mode.as_deref(), names, raw)?;
        if !matches!(request.tool_choice, Some(ToolChoice::Native(_))) {
            keep(request, CALLING, calling.rest);
        }
    }
    keep(request, CONFIG, config.rest);
    Ok(())
}

fn decode_choice(
    mode: Option<&str>,
    names: Vec<String>,
    raw: Raw<'_>,
) -> Result<Option<ToolChoice>, CodecError> {
    let allowed = |required| ToolChoice::Allowed {
        required,
        tools: names.iter().cloned().map(AllowedTool::function).collect(),
    };
    Ok(Some(match (mode, &names[..]) {
        (None | Some("MODE_UNSPECIFIED"), []) => return Ok(None),
        (Some("AUTO"), []) => ToolChoice::Auto,
        (Some("NONE"), []) => ToolChoice::None,
        (Some("ANY"), []) => ToolChoice::Required,
        (Some("ANY"), [one]) => ToolChoice::Named(AllowedTool::function(one)),
        (Some("ANY"), _) => allowed(true),
        (Some("VALIDATED"), [_, ..]) => allowed(false),
        (None | Some("MODE_UNSPECIFIED" | "AUTO" | "NONE" | "VALIDATED"), _) => {
            ToolChoice::Native(Native { dialect: GEMINI, raw: Json::from(raw) })
        }
        (Some(other), _) => {
            return Err(CodecError::unknown_value(GEMINI, format!("{CALLING}.mode"), other));
        }
    }))
}

/// Writes `tools` and `toolConfig`.
pub(super) fn encode(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    let functions: Vec<(&Tool, &FunctionTool)> = request
        .tools
        .iter()
        .filter_map(|tool| match &tool.kind {
            ToolKind::Function(function) => Some((tool, function)),
            _ => None,
        })
        .collect();
    let builtins: Vec<&Native> = request
        .tools
        .iter()
        .filter_map(|tool| match &tool.kind {
            ToolKind::Builtin(native) if native.dialect == GEMINI => Some(native),
            _ => None,
        })
        .collect();
    if !functions.is_empty() || !builtins.is_empty() {
        body.array("tools", |list| {
            if !functions.is_empty() {
                list.object(|group| {
                    group.array("functionDeclarations", |list| {
                        for (tool, function) in &functions {
                            encode_function(tool, function, list);
                        }
                    });
                });
            }
            for native in builtins {
                list.raw(&native.raw);
            }
        });
    }
    note(&request.tools, losses);
    encode_config(request, body, losses);
}

fn encode_function(tool: &Tool, function: &FunctionTool, list: &mut Array<'_>) {
    list.object(|object| {
        object.put("name", &function.name);
        object.opt("description", function.description.as_deref());
        let came = tool.extensions.get(GEMINI, PARAMETERS);
        let unchanged = came.filter(|came| Some(to_json_schema(Raw::from(*came))) == function.parameters);
        match (unchanged, &function.parameters) {
            (Some(came), _) => object.raw("parameters", came.get()),
            (None, Some(schema)) => object.raw("parametersJsonSchema", schema.get()),
            (None, None) => {}
        }
        object.fields_except(tool.extensions.fields(GEMINI), &[PARAMETERS]);
    });
}

fn note(tools: &[Tool], losses: &mut Losses) {
    for (at, tool) in tools.iter().enumerate() {
        losses.foreign(&tool.extensions, GEMINI, format_args!("tools[{at}]."));
        if tool.cache.is_some() {
            losses.dropped(format!("tools[{at}].cache"), "no cache marks in this dialect");
        }
        match &tool.kind {
            ToolKind::Function(function) => {
                if function.strict == Some(true) {
                    losses.dropped(format!("tools[{at}].strict"), "no strict functions in this dialect");
                }
                if function.namespace.is_some() {
                    losses.dropped(format!("tools[{at}].namespace"), "no namespaces in this dialect");
                }
            }
            ToolKind::Custom(_) => {
                losses.dropped(format!("tools[{at}]"), "no free-text tools in this dialect");
            }
            ToolKind::Builtin(native) if native.dialect == GEMINI => {}
            ToolKind::Builtin(_) => {
                losses.dropped(format!("tools[{at}]"), "built-in tool of another dialect");
            }
        }
    }
}

fn encode_config(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    let own = |name| request.extensions.get(GEMINI, name).and_then(Json::read::<Fields>);
    let (outer, inner) = (own(CONFIG), own(CALLING));
    let choice = request.tool_choice.as_ref().filter(|choice| match choice {
        ToolChoice::Native(native) if native.dialect != GEMINI => {
            losses.dropped("tool_choice", "choice of another dialect");
            false
        }
        _ => true,
    });
    if choice.is_none() && outer.is_none() && inner.is_none() {
        return;
    }
    body.object(CONFIG, |config| {
        match choice {
            Some(ToolChoice::Native(native)) => config.raw(CALLING, native.raw.get()),
            None if inner.is_none() => {}
            choice => config.object(CALLING, |object| {
                if let Some(choice) = choice {
                    encode_choice(choice, object);
                }
                object.fields(inner.as_ref());
            }),
        }
        config.fields(outer.as_ref());
    });
}

/// `VALIDATED` with names is the API's way to say: text, or a call of one of these.
fn encode_choice(choice: &ToolChoice, object: &mut Object<'_>) {
    let (mode, names): (_, &[AllowedTool]) = match choice {
        ToolChoice::Auto | ToolChoice::Native(_) => ("AUTO", &[]),
        ToolChoice::None => ("NONE", &[]),
        ToolChoice::Required => ("ANY", &[]),
        ToolChoice::Named(tool) => ("ANY", std::slice::from_ref(tool)),
        ToolChoice::Allowed { required, tools } => (if *required { "ANY" } else { "VALIDATED" }, tools),
    };
    object.put("mode", mode);
    let names: Vec<&str> = names.iter().map(|tool| tool.name.as_str()).collect();
    object.list("allowedFunctionNames", &names);
}

/// Names of extensions of a request that are written inside `toolConfig`.
pub(super) const INSIDE: [&str; 2] = [CONFIG, CALLING];
