// Plots of sums over time, drawn by hand. Each has its numbers as a table behind it, and a pattern beside a colour.
const PLOT = { width: 440, height: 150, left: 46, right: 6, top: 8, bottom: 20 };

// The least round number that is not below `n`.
const round_up = (n) => {
  if (n <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(n));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * unit).find((step) => step >= n * 0.9999);
};

const hatch = (id) => h("defs", {}, h("pattern", { id, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
  h("rect", { class: "ground", width: 5, height: 5 }), h("rect", { class: "stripe", width: 2.5, height: 5 })));

// `slots`: [{ at, label, ...sums }]. `parts`: [{ name, of, kind }] from the bottom up; the kinds are `solid`, `hatched` and `bad`.
const plot = (id, title, slots, parts, show) => {
  const { width, height, left, right, top, bottom } = PLOT;
  const max = round_up(Math.max(...slots.map((slot) => parts.reduce((sum, part) => sum + part.of(slot), 0)), 0));
  const step = (width - left - right) / slots.length;
  const y = (n) => top + (height - top - bottom) * (1 - n / max);
  const bars = slots.map((slot, at) => {
    let sum = 0;
    const rects = parts.map((part) => {
      const n = part.of(slot);
      if (!n) return null;
      sum += n;
      const fill = part.kind === "solid" ? null : `url(#${id}-${part.kind})`;
      return h("rect", { class: part.kind, fill, x: (left + at * step + step * 0.12).toFixed(1), width: (step * 0.76).toFixed(1), y: y(sum).toFixed(1), height: Math.max(y(sum - n) - y(sum), 1).toFixed(1) });
    });
    return sum > 0 ? h("g", {}, h("title", {}, [slot.label, ...parts.map((part) => `${part.name} ${show(part.of(slot))}`)].join(" · ")), rects) : null;
  });
  const lines = [0, max / 2, max].flatMap((n) => [h("line", { x1: left, x2: width - right, y1: y(n), y2: y(n) }),
    h("text", { x: left - 6, y: y(n) + 4, "text-anchor": "end" }, show === dollars ? `$${short(n)}` : short(n))]);
  const labels = [[0, "start"], [Math.floor((slots.length - 1) / 2), "middle"], [slots.length - 1, "end"]].map(([at, anchor]) =>
    h("text", { x: anchor === "start" ? left : anchor === "end" ? width - right : left + (at + 0.5) * step, y: height - 5, "text-anchor": anchor }, slots[at].label));
  const total = (part) => slots.reduce((sum, slot) => sum + part.of(slot), 0);
  const kinds = [...new Set(parts.map((part) => part.kind).filter((kind) => kind !== "solid"))];
  return h("figure", { class: "card plot" },
    h("figcaption", {}, h("strong", {}, title), h("span", { class: "legend" }, parts.map((part) => h("span", {}, h("span", { class: `key ${part.kind}` }), `${part.name} ${show(total(part))}`)))),
    h("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: ${parts.map((part) => `${part.name} ${show(total(part))}`).join(", ")}; slot by slot in the table below` },
      kinds.map((kind) => { const el = hatch(`${id}-${kind}`); el.setAttribute("class", kind); return el; }), lines, labels, bars),
    h("details", { id: `${id}-numbers` }, h("summary", {}, "As a table"),
      table(`${title} as a table`, [["From", (slot) => slot.label], ...parts.map((part) => [part.name, (slot) => show(part.of(slot)), "n"])], slots, "Nothing.")));
};

// A plot for the cell of a table: one path.
const spark = (name, values) => {
  const max = Math.max(...values, 1e-9), step = 120 / values.length;
  const d = values.map((n, at) => (n > 0 ? `M${(at * step).toFixed(1)} 20v-${Math.max((18 * n) / max, 1).toFixed(1)}h${(step * 0.76).toFixed(1)}V20z` : "")).join("");
  return h("svg", { class: "spark", viewBox: "0 0 120 20", role: "img", "aria-label": name }, h("path", { class: "axis", d: "M0 20h120" }), h("path", { class: "solid", d }));
};
