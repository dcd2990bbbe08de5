// Where a model or selector would go. Nothing is sent to anybody.
const asked = { model: "" };
const EXAMPLES = [["openai:gpt-5", "one leg"], ["openai:gpt-5|openrouter:gpt-5", "the second if the first fails"]];

const plan_of = async (model) => {
  const [plan, { instances }] = await Promise.all([ask(`/ui/feed/route/${encodeURIComponent(model)}`), ask("/v1/diagnostics")]);
  const standing = Object.fromEntries(instances.map((b) => [b.name, b]));
  const rest = (b) => (b?.cooldown_remaining_seconds == null ? null : ms(b.cooldown_remaining_seconds * 1000));
  return [
    h("h2", {}, "Legs"),
    table("Legs", [["Leg", (leg) => `${leg.backend}:${leg.model}`], ["Backend now", (leg) => (standing[leg.backend] ? word(standing[leg.backend].availability_status) : null)],
      ["Rests for", (leg) => rest(standing[leg.backend]), "n"], ["Last problem", (leg) => standing[leg.backend]?.last_error?.message, "wrap"]], plan.legs, "It has no legs."),
    h("h2", {}, "Plan"),
    h("pre", { class: "card", tabindex: "0", role: "region", "aria-label": "Plan" }, plan.text),
  ];
};

const route = async () => {
  const explain = (model) => { asked.model = model.trim(); show(); };
  const form = h("form", { onsubmit: (e) => { e.preventDefault(); explain(new FormData(e.target).get("model")); } },
    h("label", {}, "Model or selector", h("input", { name: "model", id: "model", value: asked.model, required: true, autocomplete: "off", spellcheck: "false" })), h("button", {}, "Explain"));
  const told = asked.model && await plan_of(asked.model).catch((e) => {
    if (e instanceof Refused) throw e;
    return [h("p", { class: "bad", role: "alert" }, e.message)];
  });
  return [h("h1", {}, "Route explain"), h("p", { class: "note" }, "Where the host would send a turn for this model now. Nothing is sent."), form,
    ...(told || [h("section", { class: "card" }, empty("Type what a client would write as its model.", "A name, ", code("backend:model"), ", or a selector such as ",
      EXAMPLES.flatMap(([text, means], at) => [at ? ", or " : "", code(text), ` (${means})`]), "."))])];
};
