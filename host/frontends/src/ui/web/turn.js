// One turn: from memory while the host remembers it, else as the ledger has kept it.
const BAR = 160;
const bar = (a, whole) => {
  const x = (n) => (BAR * Math.max(0, n ?? 0)) / Math.max(whole, 0.001);
  const heard = a.heard_ms ?? a.ended_ms;
  // The shortest is seen too.
  const wide = (n) => Math.max(x(n), 2);
  const at = (n) => Math.min(x(n), BAR - 2);
  return h("svg", { class: "bar", role: "img", viewBox: `0 0 ${BAR} 14`, "aria-label": `from ${ms(a.began_ms)} to ${ms(a.ended_ms)}` },
    h("rect", { class: "track", width: BAR, height: 14, rx: 3 }),
    h("rect", { class: "wait", x: at(a.began_ms), width: wide(heard - a.began_ms), height: 14 }),
    h("rect", { class: "out", x: at(heard), width: a.heard_ms == null ? 0 : wide(a.ended_ms - heard), height: 14 }));
};

// A turn of the ledger, in the words of the feed.
const of_ledger = (t) => ({
  ...t, at: Date.parse(t.at) / 1000, model: t.model_asked, answering_model: t.model, dialect: t.frontend, lasted_ms: t.lasted_us / 1000,
  first_output_ms: t.first_output_us == null ? null : t.first_output_us / 1000, is_kept: true,
  attempts: t.attempts.map((a) => ({ ...a, key: a.credential, problem: a.message, began_ms: a.began_us / 1000, ended_ms: a.ended_us / 1000,
    asked_ms: a.asked_us == null ? null : a.asked_us / 1000, heard_ms: a.heard_us == null ? null : a.heard_us / 1000 })),
});

const find_turn = async (id) => {
  await refresh();
  const here = [...known.open, ...known.ended].find((t) => t.id === id);
  if (here) return here;
  const { turns } = await ask(`/v1/usage/recent?what=all&limit=1&id=${encodeURIComponent(id)}`).catch((e) => {
    if (e instanceof Refused) throw e;
    return { turns: [] };
  });
  return turns[0] && of_ledger(turns[0]);
};

const tokens_of = (t) => [["Input tokens", count(t.tokens?.input)], ["… read from a cache", t.tokens?.cached_input == null ? null : count(t.tokens.cached_input)],
  ["… written to a cache", t.tokens?.cache_write == null ? null : count(t.tokens.cache_write)], ["Output tokens", count(t.tokens?.output)],
  ["… of reasoning", t.tokens?.reasoning == null ? null : count(t.tokens.reasoning)]];

const turn = async (id) => {
  const t = await find_turn(id);
  if (!t) return [h("h1", {}, "Turn"), h("section", { class: "card" }, empty("No turn of this name is known.",
    "The host remembers the last turns, and the ledger those that ", code("usage.keep_days"), " keeps. ", h("a", { href: "#live" }, "Back to Live")))];
  const whole = t.lasted_ms ?? t.passed_ms;
  const is_open = t.outcome == null;
  const losses = [...new Set(t.attempts.flatMap((a) => a.losses))];
  const outcome_of = (a) => word(is_open && a.outcome === "cancelled" ? "under_way" : a.outcome);
  return [
    h("p", { class: "back" }, h("a", { href: "#live" }, "← Live")),
    h("h1", {}, `Turn for ${t.model || "no model"}`),
    facts([["Outcome", word(is_open ? "under_way" : t.outcome)], ["Status", t.status], ["Problem", t.problem], ["Kind", [t.kind, t.code].filter((text) => text).join(", ")],
      ["Answered by", t.backend && `${t.backend}:${t.answering_model}`], ["Took", ms(whole)], ["First output", is_open ? null : ms(t.first_output_ms)],
      ["LIP's own time", t.overhead_us == null ? null : ms(t.overhead_us / 1000)], ...(is_open ? [] : tokens_of(t)), ["Cost", t.cost_usd == null ? null : dollars(t.cost_usd)]]),
    h("h2", {}, "Attempts"),
    table("Attempts", [["Leg", (a) => `${a.backend}:${a.model}`], ["Outcome", outcome_of], ["Time", (a) => bar(a, whole)], ["Began", (a) => ms(a.began_ms), "n opt"],
      ["Waited", (a) => (a.heard_ms == null ? "–" : ms(a.heard_ms - (a.asked_ms ?? a.began_ms))), "n"], ["Took", (a) => ms(a.ended_ms - a.began_ms), "n"],
      ["Role", (a) => (a.role === "within" ? "for the one above" : a.role), "opt"], ["Key", (a) => `no. ${a.key + 1}`, "opt"],
      ["Problem", (a) => a.problem && [a.status, a.problem].filter((part) => part).join(" · "), "wrap"],
      ["Not carried over", (a) => a.losses.join(", ") || "nothing", "wrap"],
    ], t.attempts, empty("Nothing was tried.", "LIP answered or refused this turn by itself.")),
    h("p", { class: "note" }, h("span", { class: "key wait" }), "waiting for the upstream ", h("span", { class: "key out" }), "its answer"),
    losses.length > 0 ? h("section", {}, h("h2", {}, "Lost in translation"), h("ul", { class: "card list" }, losses.map((loss) => h("li", {}, loss)))) : h("span"),
    h("h2", {}, "Request"),
    facts([["Turn", t.id], ["Session", t.session], ["Began", moment(t.at)], ["Caller", t.caller], ["Dialect", t.dialect], ["Asked for", t.what?.replaceAll("_", " ")],
      ["Streamed", t.stream ? "yes" : "no"], ["Request", bytes(t.bytes_in)], ["Answer", bytes(t.bytes_out)], ["Told by", t.is_kept ? "the ledger" : "the host's memory"]]),
  ];
};
