// Which page is shown, how often the host is asked, and what the keys do.
const main = document.getElementById("main");
const state = document.getElementById("state");

// Name, title, content, seconds between two questions; none: it is asked when somebody does.
const PAGES = [["live", "Live", live, 1], ["usage", "Usage", usage, 15], ["backends", "Backends", backends, 2], ["agents", "Agents", agents, 2],
  ["accounts", "Accounts", accounts, 5], ["plugins", "Plugins", plugins, 5], ["route", "Route", route, null]];

const login = (reason) => [h("h1", {}, "Client key"), h("p", {}, reason), h("form", {
  onsubmit: (e) => { e.preventDefault(); sessionStorage.setItem("lip-key", new FormData(e.target).get("key")); show(); },
}, h("label", {}, "Key, kept until this tab closes", h("input", { name: "key", id: "key", type: "password", required: true, autocomplete: "off" })), h("button", {}, "Enter"))];

const place = () => {
  const [name, ...rest] = (location.hash.slice(1) || "live").split("/");
  const page = PAGES.find(([key]) => key === name);
  if (name === "turn") return { name, nav: "live", title: "Turn", every_s: 2, kids: () => turn(rest[0]) };
  const [key, title, content, every_s] = page ?? PAGES[0];
  return { name: key, nav: key, title, every_s, kids: () => content(...rest) };
};

// A question that has no answer after this time is asked again.
const PATIENCE_MS = 30_000;
let latest = 0, is_locked = false, is_paused = false, drawn = { place: null, kids: [] }, due = 0;

const told = async (at) => {
  try {
    const kids = await at.kids();
    [is_locked, state.textContent, state.className] = [false, is_paused ? "paused" : "connected", ""];
    return kids;
  } catch (e) {
    is_locked = e instanceof Refused;
    [state.textContent, state.className] = [is_locked ? "locked" : "no answer", "bad"];
    return is_locked ? login(e.message) : [h("h1", {}, at.title), h("p", { class: "bad card pad", role: "alert" }, e.message), h("p", { class: "note" }, "It is asked again by and by.")];
  }
};

const show = async () => {
  const mine = ++latest;
  const at = place(), where = location.hash;
  due = Date.now() + PATIENCE_MS;
  // A page that takes its time says so.
  const waiting = setTimeout(() => { if (mine === latest && drawn.place !== where) draw(where, [h("h1", {}, at.title), h("p", { class: "note" }, "The host is asked …")]); }, 150);
  const kids = await told(at);
  clearTimeout(waiting);
  if (mine !== latest) return;
  due = at.every_s == null ? Infinity : Date.now() + at.every_s * 1000;
  draw(where, kids.filter((kid) => kid != null && kid !== false));
};

// Replaces what has changed, and leaves all else as it is: what is focused, opened and scrolled stays so.
const draw = (where, kids) => {
  const texts = kids.map((kid) => kid.outerHTML);
  const is_same_place = drawn.place === where && drawn.kids.length === texts.length;
  if (!is_same_place) {
    const opened = openings();
    const held = hold();
    main.replaceChildren(...kids);
    reopen(opened);
    if (drawn.place === where) held();
    else if (drawn.place != null) arrive();
  } else {
    texts.forEach((text, n) => {
      if (text === drawn.kids[n]) return;
      const opened = openings();
      const held = hold(main.children[n]);
      main.children[n].replaceWith(kids[n]);
      reopen(opened);
      held();
    });
  }
  drawn = { place: where, kids: texts };
};

const arrive = () => {
  scrollTo(0, 0);
  if (main.contains(document.activeElement) || document.activeElement === document.body) main.focus({ preventScroll: true });
};
const openings = () => [...main.querySelectorAll("details[open][id]")].map((el) => el.id);
const reopen = (ids) => ids.forEach((id) => { const el = document.getElementById(id); if (el) el.open = true; });
const hold = (within = main) => {
  const focused = document.activeElement;
  const mark = (el) => el?.id || el?.getAttribute("href") || el?.getAttribute("aria-label") || el?.closest("details")?.id;
  const at = within.contains(focused) && focused !== main ? mark(focused) : null;
  const [from, to, tag] = [focused?.selectionStart, focused?.selectionEnd, focused?.tagName];
  return () => {
    if (!at) return;
    const again = [...main.querySelectorAll(tag)].find((el) => mark(el) === at);
    again?.focus({ preventScroll: true });
    if (from != null) again?.setSelectionRange?.(from, to);
  };
};

const move = () => {
  const at = place();
  document.title = `${at.title} · LIP`;
  const nav = document.getElementById("nav");
  if (nav.children.length === 0) nav.append(...PAGES.map(([key, title], n) => h("a", { href: `#${key}`, "aria-keyshortcuts": String(n + 1) }, title)));
  for (const el of nav.children) {
    if (el.getAttribute("href") === `#${at.nav}`) el.setAttribute("aria-current", "page");
    else el.removeAttribute("aria-current");
  }
  show();
};

const theme = (name) => (name ? (document.documentElement.dataset.theme = name) : delete document.documentElement.dataset.theme);
theme(localStorage.getItem("lip-theme"));
document.getElementById("theme").addEventListener("click", () => {
  const chosen = document.documentElement.dataset.theme;
  const is_dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  localStorage.setItem("lip-theme", is_dark ? "light" : "dark");
  theme(is_dark ? "light" : "dark");
});
const pause = document.getElementById("pause");
pause.addEventListener("click", () => {
  is_paused = !is_paused;
  pause.setAttribute("aria-pressed", String(is_paused));
  state.textContent = is_paused ? "paused" : "connected";
  if (!is_paused) show();
});

addEventListener("hashchange", move);
addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input")) return;
  const search_field = document.getElementById("search");
  if (e.key === "/" && search_field) { e.preventDefault(); search_field.focus(); }
  if (e.key === "p") pause.click();
  const page = PAGES[Number(e.key) - 1];
  if (page) location.hash = page[0];
});
setInterval(() => { if (!document.hidden && !is_locked && !is_paused && Date.now() >= due) show(); }, 500);
addEventListener("visibilitychange", () => { if (!document.hidden && !is_locked && !is_paused) show(); });
move();
