// What the host consists of: backends, agents, accounts, libraries.
const said = { of: "", words: "" };

const reactivate = async (name) => {
  Object.assign(said, { of: name, words: "" });
  await act(`/ui/act/backends/${encodeURIComponent(name)}/reactivate`).then(() => { said.words = "gets another chance"; }, (e) => {
    said.words = e.message;
  });
  show();
};

const key_text = (key, at) => h("li", {}, `no. ${at + 1}: `, word(key.state), key.cooldown_remaining_seconds == null ? null : ` for ${ms(key.cooldown_remaining_seconds * 1000)}`,
  key.breaker === "closed" ? null : `, breaker ${key.breaker.replaceAll("_", " ")}`,
  key.models_resting.length ? `, rests for ${key.models_resting.map((model) => `${model.name} (${ms(model.cooldown_remaining_seconds * 1000)})`).join(", ")}` : null);

// What a connector says of itself is its own: a line for each plain value.
const plain = (value, name = "") => (value != null && typeof value === "object"
  ? Object.entries(value).flatMap(([key, inner]) => plain(inner, name ? `${name} · ${key}` : key)) : [[name.replaceAll("_", " "), value == null ? null : String(value)]]);

const more = (b) => h("details", { id: `more-${b.name}` }, h("summary", {}, `${b.key_pool.length} ${b.key_pool.length === 1 ? "key" : "keys"}${b.models_total ? `, ${count(b.models_total)} models` : ""}`),
  b.key_pool.length ? h("ul", {}, b.key_pool.map(key_text)) : null,
  b.status ? facts(plain(b.status).slice(0, 30)) : null,
  b.models.length ? h("p", { class: "note" }, b.models.slice(0, 40).map((model) => model.name).join(", "), b.models_total > 40 ? ` and ${b.models_total - 40} more` : null) : null);

const can_be_reactivated = (b) => b.is_functional && (b.availability_status !== "active" || b.key_pool.some((key) => key.state !== "usable"));

const backends = async () => {
  const { instances, default_backend, draining } = await ask("/v1/diagnostics");
  // The troubled first, then the default.
  const order = (b) => (b.availability_status === "active" ? 1 : 0);
  const rows = instances.filter((b) => b.is_functional).toSorted((a, b) => order(a) - order(b) || (b.name === default_backend) - (a.name === default_backend));
  const unset = instances.filter((b) => !b.is_functional);
  const n = (state) => rows.filter((b) => b.availability_status === state).length;
  return [h("h1", {}, "Backends"),
    draining ? h("p", { class: "warn", role: "alert" }, "This host is ending: it takes no new turns.") : h("span"),
    tiles([["Active", count(n("active"))], ["Resting", count(n("rate_limited"))], ["Disabled", count(n("disabled"))], ["Not set up", count(unset.length)], ["Default", default_backend ?? "none"]]),
    h("p", { role: "status", id: "said", class: "note" }, said.words ? `${said.of}: ${said.words}` : ""),
    table("Backends", [
      ["Backend", (b) => [h("strong", {}, b.name), b.name === default_backend ? " (default)" : ""].reduce((el, kid) => (el.append(kid), el), h("span"))],
      ["Connector", (b) => b.connector_type, "opt"], ["State", (b) => word(b.availability_status)],
      ["Rests for", (b) => (b.cooldown_remaining_seconds == null ? null : ms(b.cooldown_remaining_seconds * 1000)), "n"],
      ["Keys and models", more, "wide"], ["Last problem", (b) => b.last_error?.message ?? b.validation_errors[0], "wrap"],
      ["", (b) => (can_be_reactivated(b) ? h("button", { type: "button", id: `reactivate-${b.name}`, "aria-label": `Reactivate ${b.name}`, onclick: () => reactivate(b.name) }, "Reactivate") : "")],
    ], rows, empty("No backend is configured.", "Set a provider's key, such as ", code("OPENAI_API_KEY"), ", and start the host again. ", code("lip doctor"), " says what is missing.")),
    unset.length > 0 ? h("details", { id: "unset", class: "card pad" }, h("summary", {}, `${count(unset.length)} backends are not set up`),
      table("Backends that are not set up", [["Backend", (b) => h("strong", {}, b.name)], ["What they lack", (b) => b.validation_errors[0], "wrap"]], unset, "None.")) : h("span")];
};

const plugins = async () => {
  const { plugins, conflicts } = await ask("/v1/diagnostics/plugins");
  const us = (n) => (n == null ? null : ms(n / 1000));
  const of_steps = (p, name) => (p.stats?.steps ? us(p.stats[name]) : null);
  return [h("h1", {}, "Plugins"), ...conflicts.map((text) => h("p", { class: "warn" }, text)), table("Plugins", [
    ["Plugin", (p) => p.plugin ?? p.path], ["Version", (p) => p.version, "opt"], ["State", (p) => word(p.state)], ["Cage", (p) => p.isolation],
    ["Generation", (p) => (p.generation == null ? null : count(p.generation)), "n opt"], ["Turns", (p) => p.stats && count(p.stats.turns), "n"],
    ["Step p50", (p) => of_steps(p, "step_p50_us"), "n"], ["Step p99", (p) => of_steps(p, "step_p99_us"), "n"],
    ["Memory", (p) => (p.stats?.memory_bytes ? bytes(p.stats.memory_bytes) : null), "n"], ["Restarts", (p) => p.stats && count(p.stats.restarts), "n"],
    ["Connectors", (p) => p.connectors?.join(", "), "wrap"], ["Problem", (p) => p.refusal?.sentence, "wrap"],
  ], plugins, empty("No library is loaded.", code("lip plugin list"), " says where they are looked for."))];
};

const agents = async () => {
  const { agents: rows } = await ask("/v1/diagnostics/agents");
  const n = (state) => rows.filter((a) => a.state === state).length;
  return [h("h1", {}, "Agents"), tiles([["At work", count(n("busy"))], ["Idle", count(n("idle"))], ["Starting", count(n("starting"))],
    ["Memory", bytes(rows.reduce((sum, a) => sum + (a.memory_bytes ?? 0), 0))]]),
  table("Agents", [["Backend", (a) => a.backend], ["State", (a) => word(a.state)], ["For", (a) => ms(a.state_seconds * 1000), "n"],
    ["Ends in", (a) => (a.kill_in_seconds == null ? null : ms(a.kill_in_seconds * 1000)), "n"], ["Memory", (a) => bytes(a.memory_bytes), "n"], ["Process", (a) => a.pid && String(a.pid), "n"],
    ["Model", (a) => a.model || "its own choice", "opt"], ["Workspace", (a) => a.workspace, "wrap"], ["Session", (a) => a.session, "wrap opt"],
  ], rows, empty("No agent runs.", "One starts with the first turn for a backend such as ", code("gemini-cli-acp"), ", and ends when nobody talks to it. ", code("lip doctor"), " says which programs are there."))];
};

const accounts = async () => {
  const { backends: held } = await ask("/v1/diagnostics/accounts");
  const rows = held.flatMap((b) => (b.problem ? [{ of: b.backend, resting: [], remark: b.problem }] : b.accounts.map((a) => ({ ...a, of: b.backend }))));
  const nobody = held.filter((b) => !b.problem && b.accounts.length === 0).map((b) => b.backend);
  const n = (...states) => rows.filter((a) => states.includes(a.health)).length;
  const until = (at_ms) => (at_ms == null ? "nobody said" : at_ms > Date.now() ? ms(at_ms - Date.now()) : "has ended");
  return [h("h1", {}, "Accounts"), tiles([["Ready", count(n("ready"))], ["Resting", count(n("resting"))], ["Need a person", count(n("needs_login", "blocked", "unreadable"))], ["Failing", count(n("failing"))]]),
    table("Accounts", [["Account", (a) => a.label || a.account || "none"], ["Backend", (a) => a.of], ["State", (a) => (a.health ? word(a.health) : null)],
      ["Token ends in", (a) => (a.health ? until(a.expires_at_ms) : null), "n"], ["Renewed", (a) => since(a.last_renewed_ms) ?? "never", "n"],
      ["Last used", (a) => since(a.last_used_ms), "n opt"], ["Last success", (a) => since(a.last_success_ms), "n"],
      ["Rests", (a) => a.resting.map((r) => `${r.scope === "*" ? "all models" : r.scope} for ${until(r.until_ms)}`).join(", ") || null],
      ["What is the matter", (a) => a.remark, "wrap"],
    ], rows, empty(held.length ? "Nobody is logged in." : "No backend uses accounts.", "Accounts are for subscriptions: ", code("lip login BACKEND"), " logs in, and ", code("lip backends"), " lists the backends.")),
    nobody.length > 0 ? h("p", { class: "note" }, `Nobody is logged in to ${nobody.join(", ")}. `, code("lip login BACKEND"), " does that.") : h("span")];
};
