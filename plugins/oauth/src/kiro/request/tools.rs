//! Tools on offer, under names that Kiro takes. Every tool that the history names must be on offer as well.
use super::schema;
use lip_plugin::canon::{AllowedTool, CallKind, Request, ToolCall, ToolChoice, ToolKind};
use lip_plugin::{Value, json, login};

/// Characters of a name.
const NAME_CHARS_MAX: usize = 63;
/// Characters of a longer name that are kept before its hash.
const KEPT_CHARS: usize = 54;

/// A tool by its own name and Kiro's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    short: String,
    name: String,
    namespace: Option<String>,
    kind: CallKind,
}

/// Names of the tools, for the way back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Vec<Named>);

impl Names {
    /// The call of the tool that Kiro calls `short`, without its arguments.
    pub(crate) fn call(&self, short: &str) -> ToolCall {
        match self.0.iter().find(|named| named.short == short) {
            Some(named) => ToolCall {
                name: named.name.clone(),
                namespace: named.namespace.clone(),
                kind: named.kind,
                ..ToolCall::default()
            },
            None => ToolCall { name: short.to_owned(), ..ToolCall::default() },
        }
    }
}

/// The tools of a request.
#[derive(Debug, Default)]
pub(super) struct Tools {
    names: Names,
    specs: Vec<Value>,
}

impl Tools {
    pub(super) fn of(request: &Request, notes: &mut Vec<String>) -> Self {
        let mut tools = Self::default();
        for tool in &request.tools {
            let is_wanted = tool.name().is_none_or(|name| is_allowed(request.tool_choice.as_ref(), name));
            if !is_wanted {
                continue;
            }
            match &tool.kind {
                ToolKind::Function(function) => {
                    let input = function.parameters.as_ref().and_then(|json| json.read());
                    let short =
                        tools.named(&function.name, function.namespace.as_deref(), CallKind::Function);
                    tools.offer(short, function.description.as_deref(), schema::of_input(input));
                }
                ToolKind::Custom(custom) => {
                    let mut told = custom.description.clone().unwrap_or_default();
                    if let Some(grammar) = &custom.grammar {
                        let form = format!(
                            "\n\nThe input follows this {} grammar:\n{}",
                            grammar.syntax, grammar.definition
                        );
                        told.push_str(&form);
                    }
                    let input = json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]});
                    let short = tools.named(&custom.name, None, CallKind::Custom);
                    tools.offer(short, Some(&told), input);
                }
                ToolKind::Builtin(_) => {
                    notes.push("Kiro has no tools of other providers: one is left out".to_owned())
                }
            }
        }
        let is_forced = match &request.tool_choice {
            Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Native(_)) => true,
            Some(ToolChoice::Allowed { required, .. }) => *required,
            Some(ToolChoice::Auto | ToolChoice::None) | None => false,
        };
        if is_forced {
            notes.push("Kiro cannot be made to call a tool: the choice is the model's".to_owned());
        }
        tools
    }

    /// The name of a tool that the history calls; it is on offer from now on.
    pub(super) fn used(&mut self, call: &ToolCall) -> String {
        let short = self.named(&call.name, call.namespace.as_deref(), call.kind);
        self.offer(
            short.clone(),
            Some("A tool of an earlier turn. It is not available any more."),
            schema::of_input(None),
        );
        short
    }

    pub(super) fn json(&self) -> Option<Value> {
        if self.specs.is_empty() { None } else { Some(self.specs.clone().into()) }
    }

    pub(super) fn into_names(self) -> Names {
        self.names
    }

    fn offer(&mut self, short: String, description: Option<&str>, input: Value) {
        let is_offered =
            |spec: &Value| spec.pointer("/toolSpecification/name").and_then(Value::as_str) == Some(&short);
        if self.specs.iter().any(is_offered) {
            return;
        }
        let told = description.filter(|text| !text.trim().is_empty()).unwrap_or(&short).to_owned();
        self.specs.push(json!({"toolSpecification": {"name": short, "description": told, "inputSchema": {"json": input}}}));
    }

    fn named(&mut self, name: &str, namespace: Option<&str>, kind: CallKind) -> String {
        let known =
            self.names.0.iter().find(|named| named.name == name && named.namespace.as_deref() == namespace);
        if let Some(known) = known {
            return known.short.clone();
        }
        let mut short = short_of(name);
        if self.names.0.iter().any(|named| named.short == short) {
            // The same name in two namespaces.
            short = hashed(name, &format!("{}.{name}", namespace.unwrap_or_default()));
        }
        let (name, namespace) = (name.to_owned(), namespace.map(str::to_owned));
        self.names.0.push(Named { short: short.clone(), name, namespace, kind });
        short
    }
}

fn is_allowed(choice: Option<&ToolChoice>, name: &str) -> bool {
    let among = |tools: &[AllowedTool]| tools.iter().any(|tool| tool.name == name);
    match choice {
        Some(ToolChoice::None) => false,
        Some(ToolChoice::Named(tool)) => tool.name == name,
        Some(ToolChoice::Allowed { tools, .. }) => among(tools),
        Some(ToolChoice::Auto | ToolChoice::Required | ToolChoice::Native(_)) | None => true,
    }
}

/// Kiro's name of a tool: its own, unless it is too long or spelled with other characters.
fn short_of(name: &str) -> String {
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if is_plain && (1..=NAME_CHARS_MAX).contains(&name.len()) { name.to_owned() } else { hashed(name, name) }
}

fn hashed(name: &str, of: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let kept: String = name.chars().take(KEPT_CHARS).map(plain).collect();
    let digest = login::hex(&login::sha256(of.as_bytes()));
    format!("{kept}_{}", digest.get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_odd_names_are_found_again() {
        let mut tools = Tools::default();
        let long = "a".repeat(64);
        for name in ["read_file", "a.b/c", &long, "ü"] {
            let short = tools.named(name, None, CallKind::Function);
            assert!(
                short.len() <= NAME_CHARS_MAX
                    && short.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
                "{short}"
            );
            assert_eq!(tools.names.call(&short).name, name);
        }
        assert_eq!(short_of("read_file"), "read_file");
        assert_eq!(short_of(&long).len(), 63);
        assert_eq!(tools.names.call("unknown").name, "unknown");
    }

    #[test]
    fn one_name_in_two_namespaces_is_two_tools() {
        let mut tools = Tools::default();
        let (a, b) = (
            tools.named("get", Some("a"), CallKind::Function),
            tools.named("get", Some("b"), CallKind::Function),
        );
        assert_ne!(a, b);
        assert_eq!(tools.names.call(&b).namespace.as_deref(), Some("b"));
    }
}
