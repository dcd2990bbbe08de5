//! What a person reads when the host starts.
use crate::access;
use crate::serve::Bound;
use crate::setup::Setup;
use engine::Backends;
use std::net::SocketAddr;

/// Address, libraries, backends, and one line to try. The first line is stable: scripts wait for it.
pub(crate) fn text(found: &Setup, backends: &Backends, bound: &Bound) -> String {
    let scheme = scheme(found);
    let mut lines = vec![format!("lip listening on {scheme}://{}", bound.clients)];
    lines.extend(bound.anthropic.map(|bound| format!("  anthropic {scheme}://{bound}")));
    lines.extend(bound.operations.map(|bound| format!("  watched   http://{bound}/readyz")));
    lines.push(format!("  access    {}", access::notice(&found.settings)));
    let loaded = found.discovery.plugins().count();
    let refused = found.discovery.refused().count();
    lines.push(format!("  plugins   {loaded} loaded, {refused} refused"));
    lines.extend(found.discovery.refused().map(|refused| format!("            refused: {refused}")));
    lines.extend(
        found.registry.conflicts().iter().map(|conflict| format!("            conflict: {conflict}")),
    );
    lines.extend(
        found.discovery.notes.iter().filter(|_| loaded == 0).map(|note| format!("            note: {note}")),
    );
    lines.extend(found.settings.warnings().iter().map(|warning| format!("  warning   {warning}")));

    let default = backends.default();
    let is_default = |name: &str| default.is_some_and(|backend| backend.name() == name);
    let ready: Vec<String> = backends.iter().filter(|b| b.is_ready()).map(|b| b.name().to_owned()).collect();
    lines.push(format!(
        "  ready     {}",
        if ready.is_empty() { "no backend".to_owned() } else { ready.join(", ") }
    ));
    for backend in backends.iter() {
        let spec = backend.spec();
        if let Some(missing) = backend.missing()
            && (spec.configured || is_default(&spec.name))
        {
            lines.push(format!("  missing   {}: {missing}", spec.name));
        }
    }
    let unused =
        backends.iter().filter(|b| !b.is_ready() && !b.spec().configured && !is_default(b.name())).count();
    if unused > 0 {
        lines.push(format!("            {unused} more without a key or a login: lip backends"));
    }
    match default {
        Some(backend) if found.settings.default_backend().is_none() && !backend.spec().configured => lines
            .push(format!(
                "  default   {} (no backend is configured: choose one with --default-backend)",
                backend.name()
            )),
        Some(backend) => lines.push(format!("  default   {}", backend.name())),
        None => lines.push("  default   none: name a backend in the model, as backend:model".to_owned()),
    }
    lines.push(format!("  try       {}", curl(found, backends, bound.clients)));
    lines.join("\n")
}

fn scheme(found: &Setup) -> &'static str {
    if found.settings.tls_cert().is_some() { "https" } else { "http" }
}

fn curl(found: &Setup, backends: &Backends, bound: SocketAddr) -> String {
    let scheme = scheme(found);
    let model = model_to_try(backends).unwrap_or_else(|| "MODEL".to_owned());
    let key = if !found.settings.needs_client_key() { "" } else { " -H 'authorization: Bearer KEY'" };
    format!(
        "curl -N {scheme}://{bound}/v1/chat/completions{key} -H 'content-type: application/json' \
         -d '{{\"model\":\"{model}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"hello\"}}]}}'"
    )
}

/// A model that answers now: the default backend's, or another's while that one lacks something.
fn model_to_try(backends: &Backends) -> Option<String> {
    if let Some(default) = backends.default().filter(|backend| backend.is_ready()) {
        return default.spec().models.first().cloned();
    }
    let mut ready = backends.iter().filter(|backend| backend.is_ready());
    ready.find_map(|backend| Some(format!("{}:{}", backend.name(), backend.spec().models.first()?)))
}
