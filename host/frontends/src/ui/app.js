// The dashboard: reads the host's own feeds and shows them. Everything from outside becomes text, never markup.
"use strict";
// No module: browsers send those with an Origin header, which this host refuses.
const main = document.getElementById("main");
const state = document.getElementById("state");

const h = (tag, attrs, ...kids) => {
  const el = tag === "svg" || tag === "rect" ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attrs ?? {})) {
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...kids.flat().filter((kid) => kid != null));
  return el;
};

class Refused extends Error {}

const get = async (path) => {
  const key = sessionStorage.getItem("lip-key");
  const answer = await fetch(path, { headers: key ? { authorization: `Bearer ${key}` } : {}, cache: "no-store" });
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 401) throw new Refused(body.error?.message ?? "a client key is needed");
  if (!answer.ok) throw new Error(body.error?.message ?? `the host answered ${answer.status}`);
  return body;
};

const ms = (n) => (n == null ? "–" : n < 1000 ? `${Math.round(n)} ms` : n < 60000 ? `${(n / 1000).toFixed(1)} s` : `${Math.floor(n / 60000)} min ${Math.round((n % 60000) / 1000)} s`);
const bytes = (n) => (n == null ? "–" : n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1048576).toFixed(1)} MiB`);
const count = (n) => (n == null ? "unknown" : n.toLocaleString("en"));
const clock = (s) => new Date(s * 1000).toLocaleTimeString();
const TONES = { answered: "good", answered_here: "good", active: "good", usable: "good", failed: "bad", broke_off: "bad", disabled: "bad", refused: "bad", rate_limited: "warn", resting: "warn", lost_race: "dim", client_gone: "warn", cancelled: "dim" };
const word = (text) => h("span", { class: TONES[text] ?? "" }, String(text).replaceAll("_", " "));

// Columns are [title, cell, class]. The name is what a screen reader says of the table.
const table = (name, columns, rows, empty) =>
  h("div", { class: "scroll", role: "region", "aria-label": name, tabindex: "0" }, rows.length === 0 ? h("p", { class: "empty" }, empty) :
    h("table", { "aria-label": name },
      h("thead", {}, h("tr", {}, columns.map(([title, , kind]) => h("th", { scope: "col", class: kind }, title)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, columns.map(([, cell, kind]) => h("td", { class: kind }, cell(row) ?? "–")))))));

const link = (turn) => h("a", { href: `#turn/${turn.id}` }, turn.model || "(none)");
const shared = [
  ["Model asked for", link], ["Answered by", (t) => t.backend && `${t.backend}:${t.answering_model}`],
  ["Caller", (t) => t.caller || "–"], ["Dialect", (t) => t.dialect],
];

const matches = (turn, wanted) => wanted.toLowerCase().split(/\s+/).every((part) => JSON.stringify(turn).toLowerCase().includes(part));
let wanted = "";

const live = async () => {
  const { open, ended, kept_max } = await get("/ui/feed/turns");
  const found = ended.filter((turn) => matches(turn, wanted));
  return [
    h("h1", {}, "Live"),
    table("Turns under way", [...shared,
      ["Age", (t) => ms(t.passed_ms), "n"], ["Attempts", (t) => String(t.attempts.length), "n"], ["Sent", (t) => bytes(t.bytes_out), "n"],
    ], open, "No turn is under way."),
    h("h2", {}, `Ended (${found.length})`),
    h("form", { role: "search", onsubmit: (e) => e.preventDefault() }, h("label", {}, `Search the last ${kept_max} turns ( / )`,
      h("input", { id: "search", type: "search", value: wanted, oninput: (e) => { wanted = e.target.value; show(); } }))),
    table("Turns that ended", [["Began", (t) => clock(t.at)], ["Outcome", (t) => word(t.outcome)], ...shared,
      ["Took", (t) => ms(t.lasted_ms), "n"], ["Input", (t) => count(t.tokens?.input), "n"], ["Output", (t) => count(t.tokens?.output), "n"],
      ["Sent", (t) => bytes(t.bytes_out), "n"],
    ], found.slice(0, 200), wanted ? "No turn matches." : "No turn has ended since this host began."),
  ];
};

const bar = (a, whole) => {
  const x = (n) => String((180 * (n ?? 0)) / Math.max(whole, 1));
  const heard = a.heard_ms ?? a.ended_ms;
  return h("svg", { class: "bar", role: "img", "aria-label": `from ${ms(a.began_ms)} to ${ms(a.ended_ms)}` },
    h("rect", { class: "track", width: 180, height: 14, rx: 3 }),
    h("rect", { class: "wait", x: x(a.began_ms), width: x(heard - a.began_ms), height: 14 }),
    h("rect", { class: "out", x: x(heard), width: x(a.ended_ms - heard), height: 14 }));
};

const turn = async (id) => {
  const { open, ended } = await get("/ui/feed/turns");
  const t = [...open, ...ended].find((t) => t.id === id);
  if (!t) return [h("h1", {}, "Turn"), h("p", {}, "This host no longer remembers that turn.")];
  const whole = t.lasted_ms ?? t.passed_ms;
  const facts = [["Turn", t.id], ["Session", t.session], ["Began", clock(t.at)], ["Outcome", t.outcome ? word(t.outcome) : "under way"], ["Status", t.status],
    ["Problem", t.problem], ["Took", ms(whole)], ["First output", t.outcome && ms(t.first_output_ms)], ["LIP's own time", t.overhead_us == null ? null : `${t.overhead_us} µs`],
    ["Input tokens", t.outcome && count(t.tokens?.input)], ["Output tokens", t.outcome && count(t.tokens?.output)],
    ["Request", bytes(t.bytes_in)], ["Answer", bytes(t.bytes_out)]];
  return [
    h("h1", {}, `Turn for ${t.model || "no model"}`),
    h("dl", {}, facts.filter(([, value]) => value != null).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value instanceof Node ? value : String(value))])),
    h("h2", {}, "Attempts"),
    table("Attempts", [["Leg", (a) => `${a.backend}:${a.model}`], ["Role", (a) => a.role], ["Outcome", (a) => (t.outcome ? word(a.outcome) : a.outcome === "cancelled" ? "under way" : word(a.outcome))],
      ["Time", (a) => bar(a, whole)], ["Took", (a) => ms(a.ended_ms - a.began_ms), "n"], ["Problem", (a) => a.problem, "wrap"], ["Not carried over", (a) => a.losses.join(", ") || "nothing", "wrap"],
    ], t.attempts, "Nothing was tried."),
  ];
};

const backends = async () => {
  const { instances, default_backend } = await get("/v1/diagnostics");
  return [h("h1", {}, "Backends"), table("Backends", [
    ["Backend", (b) => b.name + (b.name === default_backend ? " (default)" : "")], ["Connector", (b) => b.connector_type], ["State", (b) => word(b.availability_status)],
    ["Rests for", (b) => (b.cooldown_remaining_seconds == null ? null : ms(b.cooldown_remaining_seconds * 1000)), "n"],
    ["Keys", (b) => b.key_pool.flatMap((key, i) => [i ? ", " : "", word(key.state)]).concat(b.key_pool.length ? [] : ["none"]).reduce((el, kid) => (el.append(kid), el), h("span"))],
    ["Models", (b) => count(b.models_total), "n"], ["Last problem", (b) => b.last_error?.message ?? b.validation_errors[0], "wrap"],
  ], instances, "No backend is configured.")];
};

const plugins = async () => {
  const { plugins, conflicts } = await get("/v1/diagnostics/plugins");
  const us = (n) => (n == null ? null : `${n.toLocaleString("en")} µs`);
  return [h("h1", {}, "Plugins"), table("Plugins", [
    ["Plugin", (p) => p.plugin ?? p.path], ["Version", (p) => p.version], ["State", (p) => word(p.state)], ["Cage", (p) => p.isolation],
    ["Generation", (p) => p.generation == null ? null : count(p.generation), "n"], ["Connectors", (p) => p.connectors?.join(", "), "wrap"],
    ["Turns", (p) => p.stats && count(p.stats.turns), "n"], ["Step p50", (p) => (p.stats?.steps ? us(p.stats.step_p50_us) : null), "n"], ["Step p99", (p) => (p.stats?.steps ? us(p.stats.step_p99_us) : null), "n"],
    ["Memory", (p) => (p.stats?.memory_bytes ? bytes(p.stats.memory_bytes) : null), "n"], ["Restarts", (p) => p.stats && count(p.stats.restarts), "n"], ["Problem", (p) => p.refusal?.sentence, "wrap"],
  ], plugins, "No plugin is loaded."), ...conflicts.map((text) => h("p", { class: "warn" }, text))];
};

// Feeds whose rows are objects of their own shape: a column for each plain field.
const plain = (title, path, field, empty) => async () => {
  const body = await get(path);
  const rows = Array.isArray(body[field]) ? body[field] : [];
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (value) => (value == null ? null : typeof value === "object" ? JSON.stringify(value) : word(value));
  return [h("h1", {}, title), table(title, names.map((name) => [name.replaceAll("_", " "), (row) => cell(row[name]), "wrap"]), rows, empty)];
};

let asked = "";
const route = async () => {
  const form = h("form", { onsubmit: (e) => { e.preventDefault(); asked = new FormData(e.target).get("model").trim(); show(); } },
    h("label", {}, "Model or selector", h("input", { name: "model", id: "model", value: asked, required: true, autocomplete: "off" })), h("button", {}, "Explain"));
  const told = asked && await get(`/ui/feed/route/${encodeURIComponent(asked)}`).then((plan) => JSON.stringify(plan, null, 2), (e) => {
    if (e instanceof Refused) throw e;
    return e.message;
  });
  return [h("h1", {}, "Route explain"), form, told ? h("div", { class: "scroll", role: "region", "aria-label": "Plan", tabindex: "0" }, h("pre", {}, told)) : null];
};

const PAGES = [["live", "Live", live], ["backends", "Backends", backends],
  ["plugins", "Plugins", plugins],
  ["agents", "Agents", plain("Agents", "/v1/diagnostics/agents", "agents", "No agent runs.")],
  ["accounts", "Accounts", plain("Accounts and quotas", "/v1/diagnostics/accounts", "backends", "No backend uses accounts.")], ["route", "Route", route]];

const login = (reason) => [h("h1", {}, "Client key"), h("p", {}, reason), h("form", {
  onsubmit: (e) => { e.preventDefault(); sessionStorage.setItem("lip-key", new FormData(e.target).get("key")); show(); },
}, h("label", {}, "Key, kept until this tab closes", h("input", { name: "key", id: "key", type: "password", required: true, autocomplete: "off" })), h("button", {}, "Enter"))];

let shown = "", latest = 0, isLocked = false;
const show = async () => {
  const mine = ++latest;
  const [name, id] = (location.hash.slice(1) || "live").split("/");
  const page = PAGES.find(([key]) => key === name);
  let kids;
  try {
    kids = await (name === "turn" ? turn(id) : (page ?? PAGES[0])[2]());
    isLocked = false;
    state.textContent = "connected";
    state.className = "";
  } catch (e) {
    if (mine !== latest) return;
    isLocked = e instanceof Refused;
    state.textContent = isLocked ? "locked" : "no answer";
    state.className = "bad";
    kids = isLocked ? login(e.message) : [h("h1", {}, page?.[1] ?? "Live"), h("p", { class: "bad", role: "alert" }, e.message)];
  }
  if (mine !== latest) return;
  kids = kids.filter((kid) => kid != null);
  const next = kids.map((kid) => kid.outerHTML).join("");
  if (next === shown) return;
  shown = next;
  const focused = document.activeElement, scroll = scrollY;
  const at = focused?.id || focused?.getAttribute("href") || focused?.getAttribute("aria-label");
  const from = focused?.selectionStart, to = focused?.selectionEnd;
  const isInside = main.contains(focused) && focused !== main;
  main.replaceChildren(...kids);
  if (isInside && at) {
    const again = [...main.querySelectorAll("[id],[href],[tabindex]")].find((el) => [el.id, el.getAttribute("href"), el.getAttribute("aria-label")].includes(at));
    again?.focus({ preventScroll: true });
    if (from != null) again?.setSelectionRange?.(from, to);
  }
  scrollTo(0, scroll);
};

const move = () => {
  const name = (location.hash.slice(1) || "live").split("/")[0];
  document.getElementById("nav").replaceChildren(...PAGES.map(([key, title], i) =>
    h("a", { href: `#${key}`, "aria-keyshortcuts": String(i + 1), "aria-current": key === name || (name === "turn" && key === "live") ? "page" : null }, title)));
  show();
};

const theme = (name) => (name ? (document.documentElement.dataset.theme = name) : delete document.documentElement.dataset.theme);
theme(localStorage.getItem("lip-theme"));
document.getElementById("theme").addEventListener("click", () => {
  const isDark = getComputedStyle(document.documentElement).getPropertyValue("--bg").trim() === "#11151a";
  localStorage.setItem("lip-theme", isDark ? "light" : "dark");
  theme(isDark ? "light" : "dark");
});
addEventListener("hashchange", move);
addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input")) return;
  if (e.key === "/" && document.getElementById("search")) { e.preventDefault(); document.getElementById("search").focus(); }
  const page = PAGES[Number(e.key) - 1];
  if (page) location.hash = page[0];
});
setInterval(() => { if (!document.hidden && !isLocked && document.activeElement?.id !== "model") show(); }, 1000);
move();
