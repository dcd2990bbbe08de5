// What every page needs: elements, questions to the host, and how numbers are written. Everything from outside becomes text, never
// markup. The files of this folder become one script, in the order that `ui/files.rs` names. No modules: browsers send those with an
// Origin header, which this host refuses.
"use strict";
const SVG = new Set(["svg", "g", "rect", "path", "text", "title", "line", "pattern", "defs"]);

const h = (tag, attrs, ...kids) => {
  const el = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attrs ?? {})) {
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...kids.flat().filter((kid) => kid != null && kid !== false));
  return el;
};

class Refused extends Error {}

const ask = async (path, init) => {
  const key = sessionStorage.getItem("lip-key");
  const headers = { ...init?.headers, ...(key ? { authorization: `Bearer ${key}` } : {}) };
  const answer = await fetch(path, { cache: "no-store", ...init, headers });
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 401) throw new Refused(body.error?.message ?? "a client key is needed");
  if (!answer.ok) throw new Error(body.error?.message ?? `the host answered ${answer.status}`);
  return body;
};

// Only a page of the host itself can send this header without the browser asking first, and the host never says that others may.
const act = (path) => ask(path, { method: "POST", headers: { "content-type": "application/json", "x-lip-dashboard": "1" }, body: "{}" });

const ms = (n) => {
  if (n == null) return "–";
  if (n < 1) return `${Math.round(n * 1000)} µs`;
  if (n < 1000) return `${Math.round(n)} ms`;
  if (n < 60_000) return `${(n / 1000).toFixed(1)} s`;
  if (n < 3_600_000) return `${Math.floor(n / 60_000)} min ${Math.floor((n % 60_000) / 1000)} s`;
  if (n < 172_800_000) return `${Math.floor(n / 3_600_000)} h ${Math.floor((n % 3_600_000) / 60_000)} min`;
  return `${Math.floor(n / 86_400_000)} days`;
};
const bytes = (n) => (n == null ? "–" : n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1048576).toFixed(1)} MiB`);
const count = (n) => (n == null ? "unknown" : n.toLocaleString("en"));
const short = (n) => (n < 1000 ? String(Math.round(n * 100) / 100) : n < 999_500 ? `${Number((n / 1000).toPrecision(3))}k` : `${Number((n / 1e6).toPrecision(3))}M`);
const dollars = (n) => `$${n === 0 ? "0" : n < 0.01 ? n.toFixed(4) : n.toFixed(2)}`;
const clock = (s) => new Date(s * 1000).toLocaleTimeString("en-GB");
const moment = (s) => new Date(s * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const since = (at_ms) => (at_ms ? `${ms(Math.max(0, Date.now() - at_ms))} ago` : null);

// A word that stands for a state has a sign beside its colour.
const TONES = {
  good: ["answered", "answered_here", "active", "usable", "ready", "idle", "busy", "closed"],
  bad: ["failed", "broke_off", "disabled", "refused", "blocked", "failing", "unreadable", "open"],
  warn: ["rate_limited", "resting", "client_gone", "cancelled", "needs_login", "half_open", "starting", "ending"],
  dim: ["lost_race", "under_way"],
};
const SIGNS = { good: "●", bad: "▲", warn: "◆", dim: "○" };
const TONE_OF = Object.fromEntries(Object.entries(TONES).flatMap(([tone, words]) => words.map((word) => [word, tone])));
const word = (text) => {
  const tone = TONE_OF[text];
  const shown = String(text).replaceAll("_", " ");
  return tone ? h("span", { class: `word ${tone}` }, h("i", { "aria-hidden": "true" }, SIGNS[tone]), shown) : h("span", {}, shown);
};

const code = (text) => h("code", {}, text);

// Says what to do next, where there is nothing to show.
const empty = (title, ...kids) => h("div", { class: "empty" }, h("strong", {}, title), kids.length > 0 && h("p", {}, kids));

// Columns are [title, cell, class]: `n` numbers, `wrap` sentences, `opt` what narrow screens go without. On those a row becomes a card, and
// the roles say that it still is a row.
const table = (name, columns, rows, nothing) => {
  if (rows.length === 0) return h("section", { class: "card", "aria-label": name }, nothing instanceof Node ? nothing : empty(nothing));
  const cells = (row) => columns.map(([title, cell, kind], at) => h("td", { role: "cell", class: `${kind ?? ""}${at === 0 ? " first" : ""}`.trim() || null, "data-title": title }, cell(row) ?? "–"));
  return h("div", { class: "scroll card", role: "region", "aria-label": name, tabindex: "0" },
    h("table", { role: "table", "aria-label": name },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map(([title, , kind]) => h("th", { role: "columnheader", scope: "col", class: kind }, title)))),
      h("tbody", { role: "rowgroup" }, rows.map((row) => h("tr", { role: "row" }, cells(row))))));
};

const facts = (pairs) => h("dl", { class: "card facts" }, pairs.filter(([, value]) => value != null && value !== "")
  .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value instanceof Node ? value : String(value)))));

const tiles = (pairs) => h("dl", { class: "tiles" }, pairs.filter((pair) => pair).map(([name, value, note]) =>
  h("div", { class: "card" }, h("dt", {}, name), h("dd", {}, value), note && h("dd", { class: "note" }, note))));

// Links of which one is chosen.
const choice = (name, options, chosen) => h("nav", { class: "choice", "aria-label": name },
  options.map(([title, href, key]) => h("a", { href, "aria-current": key === chosen ? "true" : null }, title)));

const middle = (numbers) => {
  const sorted = numbers.filter((n) => n != null).sort((a, b) => a - b);
  return sorted.length === 0 ? null : sorted[Math.floor((sorted.length - 1) / 2)];
};
