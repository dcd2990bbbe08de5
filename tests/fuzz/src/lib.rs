//! The target functions: each takes any bytes, and panics where a promise is broken.
mod codec;
mod text;
mod wire;

/// One target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Name of the target and of its corpus' folder.
    pub name: &'static str,
    /// Runs it.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 11] = [
    Target { name: "selector", run: text::selector },
    Target { name: "commands", run: text::commands },
    Target { name: "lens", run: wire::lens },
    Target { name: "sse", run: wire::sse },
    Target { name: "ndjson", run: wire::ndjson },
    Target { name: "aws_event_stream", run: wire::aws_event_stream },
    Target { name: "gate", run: wire::gate },
    Target { name: "request", run: codec::request },
    Target { name: "reply", run: codec::reply },
    Target { name: "stream", run: codec::stream },
    Target { name: "capture", run: text::capture },
];

/// Runs the target of that name.
///
/// # Panics
/// If there is none, or if the target finds a broken promise.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    (target.run)(data);
}
