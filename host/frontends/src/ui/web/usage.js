// What turns used and cost, from the ledger. The place says what is looked at: #usage/WINDOW/BY/KEY.
const WINDOWS = {
  hour: { title: "Hour", every: "5m", step_s: 300, slots: 12, label: (at) => at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }) },
  day: { title: "Day", every: "1h", step_s: 3600, slots: 24, label: (at) => at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" }) },
  week: { title: "Week", every: "6h", step_s: 21600, slots: 28, label: (at) => at.toLocaleString("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" }) },
};
const BYS = { backend: "Backend", model: "Model", caller: "Key" };
const ROWS_MAX = 50;
const NOTHING = { turns: 0, answered: 0, failed: 0, input: 0, output: 0, cached_input: 0, reasoning: 0, cost_usd: 0 };

const slots_of = (span, first_s, found) => {
  const by_time = new Map(found.map((slot) => [Date.parse(slot.at) / 1000, slot]));
  return Array.from({ length: span.slots }, (_, at) => {
    const begins = first_s + at * span.step_s;
    return { ...NOTHING, ...by_time.get(begins), label: span.label(new Date(begins * 1000)) };
  });
};

const PLOTS = [
  ["turns", "Turns", [{ name: "not failed", of: (s) => s.turns - s.failed, kind: "solid" }, { name: "failed", of: (s) => s.failed, kind: "bad" }], count],
  ["cost", "Cost", [{ name: "known cost", of: (s) => s.cost_usd, kind: "solid" }], dollars],
  ["input", "Input tokens", [{ name: "fresh", of: (s) => Math.max(0, s.input - s.cached_input), kind: "solid" }, { name: "from caches", of: (s) => s.cached_input, kind: "hatched" }], count],
  ["output", "Output tokens", [{ name: "answers", of: (s) => Math.max(0, s.output - s.reasoning), kind: "solid" }, { name: "reasoning", of: (s) => s.reasoning, kind: "hatched" }], count],
];

const cost_of = (sums) => (sums.turns > 0 && sums.cost_unknown === sums.answered && sums.cost_usd === 0 ? "unknown" : `${sums.cost_unknown > 0 ? "> " : ""}${dollars(sums.cost_usd)}`);

const usage = async (window = "day", by = "backend", key = null) => {
  const span = WINDOWS[window] ?? WINDOWS.day, by_name = BYS[by] ? by : "backend";
  const now_s = Date.now() / 1000;
  const first_s = (Math.floor(now_s / span.step_s) - span.slots + 1) * span.step_s;
  const asked = new URLSearchParams({ by: by_name, every: span.every, from: new Date(first_s * 1000).toISOString() });
  const wanted = key == null ? null : decodeURIComponent(key);
  if (wanted) asked.set(by_name, wanted);
  const { total, times, groups, series, ledger } = await ask(`/v1/usage/stats?${asked}`);
  const sums = { ...NOTHING, ...total };
  const all = slots_of(span, first_s, series.all);
  const here = (w, b) => `#usage/${w}/${b}`;
  const of_key = (name) => slots_of(span, first_s, series.by_key.filter((slot) => slot.key === name)).map((slot) => slot.turns);
  const spread = (time) => [ms(time.p50 == null ? null : time.p50 / 1000), time.p95 == null ? null : `95 % within ${ms(time.p95 / 1000)}`];
  return [
    h("h1", {}, "Usage"),
    h("div", { class: "choices" },
      choice("Window", Object.entries(WINDOWS).map(([name, { title }]) => [title, here(name, by_name) + (wanted ? `/${key}` : ""), name]), WINDOWS[window] ? window : "day"),
      choice("Grouped by", Object.entries(BYS).map(([name, title]) => [title, here(window, name), name]), by_name),
      wanted ? h("p", {}, "only ", h("strong", {}, wanted), " · ", h("a", { href: here(window, by_name) }, "show all")) : null),
    tiles([["Turns", count(sums.turns), sums.turns ? `${count(sums.failed)} failed, ${count(sums.client_gone)} left` : null], ["Input tokens", short(sums.input), sums.input ? `${Math.round((100 * sums.cached_input) / sums.input)} % from caches` : null],
      ["Output tokens", short(sums.output), sums.reasoning ? `${short(sums.reasoning)} of reasoning` : null], ["Cost", cost_of(sums), sums.cost_unknown ? `${count(sums.cost_unknown)} turns unknown` : null],
      ["First output", ...spread(times.first_output_us)], ["LIP's own time", ...spread(times.overhead_us)]]),
    sums.turns === 0
      ? h("section", { class: "card" }, empty("No turn in this window.", "Choose a longer one, or send a turn to ", code(`${location.origin}/v1`), ". What is older: ", code("lip usage stats --by day"), "."))
      : h("div", { class: "plots" }, PLOTS.map(([id, title, parts, show]) => plot(id, title, all, parts, show))),
    h("h2", {}, `By ${BYS[by_name].toLowerCase()}`),
    table(`Usage by ${BYS[by_name].toLowerCase()}`, [
      [BYS[by_name], (row) => (row.key ? h("a", { href: `${here(window, by_name)}/${encodeURIComponent(row.key)}` }, row.key) : "(none)")],
      ["Over time", (row) => spark(`turns of ${row.key || "none"} over time`, of_key(row.key)), "opt"],
      ["Turns", (row) => count(row.turns), "n"], ["Failed", (row) => count(row.failed), "n"], ["Input", (row) => count(row.input), "n"], ["Cached", (row) => count(row.cached_input), "n"],
      ["Output", (row) => count(row.output), "n"], ["Reasoning", (row) => count(row.reasoning), "n"], ["Cost", cost_of, "n"],
    ], groups.slice(0, ROWS_MAX), "Nothing was used."),
    groups.length > ROWS_MAX ? h("p", { class: "note" }, `and ${count(groups.length - ROWS_MAX)} more: `, code(`lip usage stats --by ${by_name}`)) : h("span"),
    ledger?.trouble || ledger?.lost ? h("p", { class: "warn", role: "alert" }, `The ledger has lost ${count(ledger.lost)} turns. ${ledger.trouble ?? ""}`) : h("span"),
    h("p", { class: "note" }, "Tokens are what providers reported. What they did not report is unknown, and in no sum."),
  ];
};
