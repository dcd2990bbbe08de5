// Turns under way, and the last that ended.
const SHOWN_STEP = 100;
// What nobody reported of an answer is unknown; where there was none, there is nothing to know.
const tokens = (turn, name) => (turn.tokens?.[name] == null && turn.outcome !== "answered" ? "–" : count(turn.tokens?.[name]));
const link = (turn) => h("a", { href: `#turn/${turn.id}` }, turn.model || "(none)");
const who = [
  ["Model asked for", link], ["Answered by", (t) => t.backend && `${t.backend}:${t.answering_model}`, "opt"],
  ["Caller", (t) => t.caller || "–", "opt"], ["Dialect", (t) => t.dialect, "opt"],
];

// What this page knows. The host is asked for what has ended since; a host that has forgotten that turn tells all.
const known = { open: [], ended: [], kept_max: 500 };
const texts = new Map();
const refresh = async () => {
  const newest = known.ended[0]?.id;
  const told = await ask(`/ui/feed/turns${newest ? `?after=${newest}` : ""}`);
  known.open = told.open;
  known.kept_max = told.kept_max;
  known.ended = (told.is_all ? told.ended : [...told.ended, ...known.ended]).slice(0, told.kept_max);
  if (texts.size > 2 * told.kept_max) texts.clear();
};

const text_of = (turn) => {
  if (!texts.has(turn.id)) texts.set(turn.id, JSON.stringify(turn).toLowerCase());
  return texts.get(turn.id);
};
// `is_local`: what is shown changes, and nothing new is asked for.
const search = { wanted: "", shown: SHOWN_STEP, is_local: false };
const change = (more) => { Object.assign(search, more, { is_local: true }); show(); };
const found = () => {
  const parts = search.wanted.toLowerCase().split(/\s+/).filter((part) => part);
  return known.ended.filter((turn) => parts.every((part) => text_of(turn).includes(part)));
};

const summary = () => {
  const { open, ended } = known;
  const n_bad = ended.filter((t) => ["failed", "broke_off"].includes(t.outcome)).length;
  const overhead = middle(ended.map((t) => t.overhead_us));
  return tiles([
    ["Under way", count(open.length)],
    ["Ended", count(ended.length), ended.length === known.kept_max ? "the last that are kept" : "since the host began"],
    ["Failed", count(n_bad), ended.length > 0 ? `${((100 * n_bad) / ended.length).toFixed(1)} % of these` : null],
    ["First output", ms(middle(ended.map((t) => t.first_output_ms))), "median"],
    ["LIP's own time", overhead == null ? "–" : ms(overhead / 1000), "median"],
  ]);
};

const first_steps = () => empty("No turn has ended since this host began.",
  "Point a client at ", code(`${location.origin}/v1`), " (Claude Code and Gemini CLI: ", code(location.origin), "), or try ",
  code(`curl ${location.origin}/v1/models`), ".");

const live = async () => {
  if (!search.is_local || known.ended.length === 0) await refresh();
  search.is_local = false;
  const list = found();
  return [
    h("h1", {}, "Live"),
    summary(),
    h("h2", {}, "Under way"),
    table("Turns under way", [...who,
      ["Age", (t) => ms(t.passed_ms), "n"], ["Attempts", (t) => String(t.attempts.length), "n opt"], ["Sent", (t) => bytes(t.bytes_out), "n"],
    ], known.open.slice(0, SHOWN_STEP), "No turn is under way."),
    known.open.length > SHOWN_STEP ? h("p", { class: "note" }, `and ${count(known.open.length - SHOWN_STEP)} more`) : h("span"),
    h("h2", {}, `Ended (${list.length})`),
    h("form", { role: "search", onsubmit: (e) => e.preventDefault() }, h("label", {}, `Search the last ${known.kept_max} turns ( / )`,
      h("input", { id: "search", type: "search", value: search.wanted, placeholder: "backend, model, caller, problem, loss …", autocomplete: "off",
        oninput: (e) => change({ wanted: e.target.value, shown: SHOWN_STEP }) }))),
    table("Turns that ended", [["Began", (t) => clock(t.at)], ["Outcome", (t) => word(t.outcome)], ...who,
      ["Took", (t) => ms(t.lasted_ms), "n"], ["Input", (t) => tokens(t, "input"), "n"], ["Output", (t) => tokens(t, "output"), "n"],
      ["Sent", (t) => bytes(t.bytes_out), "n opt"],
    ], list.slice(0, search.shown), search.wanted ? empty("No turn matches.", "All words must stand somewhere in a turn: in its backend, model, caller, session, problem or losses.") : first_steps()),
    list.length > search.shown ? h("p", {}, h("button", { type: "button", id: "more", onclick: () => change({ shown: search.shown + SHOWN_STEP }) }, `Show ${Math.min(SHOWN_STEP, list.length - search.shown)} more`)) : h("span"),
  ];
};
