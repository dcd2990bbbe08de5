// Looks at every page of the dashboard with Debian's Chromium, over live data.  node pages.mjs STAGED AGENT [--pictures FOLDER]
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { chat, fill_ledger, leave, make_home, message, provider, start } from "./scene.mjs";

const load = createRequire(join(process.env.NODE_MODULES, "x.js"));
const { chromium } = load("playwright-core");
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");
const [staged, agent, , pictures] = process.argv.slice(2);
const PAGES = ["Live", "Usage", "Backends", "Agents", "Accounts", "Plugins", "Route"];
const FILES = ["/ui", "/ui/app.js", "/ui/style.css", "/ui/icon.svg"];
// Bytes over the wire: of the files alone, of a reload, and of a walk through all pages on a host with much to show.
const FILE_BYTES_MAX = 40_000, RELOAD_BYTES_MAX = 2_000, WALK_BYTES_MAX = 300_000;
// Elements of a page: what a browser has to draw, however many turns there are.
const NODES_MAX = 2_500;
const KEPT = 10_000, LIVE = 500;
const PICTURES = ["Live", "Live-dark", "Usage"];

// Raw requests, for fetch may not send these headers.
const raw = (base, path, headers = {}, method = "GET", body = "") => new Promise((done) => request(base + path, { method, headers }, (answer) => {
  let bytes = 0;
  answer.on("data", (piece) => (bytes += piece.length)).on("end", () => done({ status: answer.statusCode, headers: answer.headers, bytes }));
}).end(body));

const who_is_let_in = async (host, guarded) => {
  for (const path of [...FILES, "/ui/feed/turns", "/ui/feed/route/openai:m"]) {
    for (const headers of [{ origin: "http://evil.test" }, { "sec-fetch-site": "cross-site" }, { "sec-fetch-site": "same-site" }, { host: "evil.test" }]) {
      assert.equal((await raw(host.base, path, headers)).status, 403, `${path} ${JSON.stringify(headers)}`);
    }
    assert.equal((await raw(host.base, path)).status, 200, path);
    assert.equal((await raw(guarded.base, path)).status, path.includes("feed") ? 401 : 200, `${path} without a key`);
  }
  const { headers } = await raw(host.base, "/ui");
  assert.match(headers["content-security-policy"], /^default-src 'self';.*frame-ancestors 'none'/);
  assert.equal(headers["x-frame-options"], "DENY");
  const own = { host: host.base.slice(7), origin: host.base, "sec-fetch-site": "same-origin", "x-lip-dashboard": "1", "content-type": "application/json" };
  const reactivate = "/ui/act/backends/openai/reactivate";
  assert.equal((await raw(host.base, reactivate, own, "POST", "{}")).status, 200);
  assert.equal((await raw(host.base, reactivate, { ...own, "sec-fetch-site": "none" }, "POST", "{}")).status, 403);
  const own_of_guarded = { ...own, host: guarded.base.slice(7), origin: guarded.base };
  assert.equal((await raw(guarded.base, reactivate, own_of_guarded, "POST", "{}")).status, 401);
  assert.equal((await raw(guarded.base, reactivate, { ...own_of_guarded, "x-api-key": "sk-client" }, "POST", "{}")).status, 200);
};

const files_are_small_and_sent_once = async (host) => {
  let sum = 0;
  for (const path of FILES) {
    const first = await raw(host.base, path, { "accept-encoding": "gzip" });
    assert.equal(first.headers["cache-control"], "no-cache");
    assert.equal(first.headers["content-encoding"], "gzip", path);
    sum += first.bytes;
    const again = await raw(host.base, path, { "if-none-match": first.headers.etag });
    assert.deepEqual([again.status, again.bytes], [304, 0], path);
  }
  assert.ok(sum < FILE_BYTES_MAX, `${sum} bytes of files`);
};

// A browser's page, what it has fetched, and what went wrong on it.
const open_page = async (browser, host, options) => {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const heard = { wrong: [], bytes: 0, files: 0, requests: [] };
  page.on("console", (line) => line.type() === "error" && heard.wrong.push(line.text()));
  page.on("pageerror", (error) => heard.wrong.push(String(error)));
  page.on("request", (asked) => { heard.requests.push(asked.url()); if (!asked.url().startsWith(host.base)) heard.wrong.push(`asked ${asked.url()}`); });
  const wire = await context.newCDPSession(page);
  await wire.send("Network.enable");
  const urls = new Map();
  wire.on("Network.requestWillBeSent", ({ requestId, request: asked }) => urls.set(requestId, asked.url));
  wire.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    heard.bytes += encodedDataLength;
    if (FILES.includes(new URL(urls.get(requestId)).pathname)) heard.files += encodedDataLength;
  });
  const has = (text) => page.locator("main").getByText(text).first().waitFor({ timeout: 20_000 }).catch(async (error) => {
    throw new Error(`${error.message}\n${page.url()}\n${heard.wrong.join("\n")}\n${await page.locator("body").innerText()}`);
  });
  // What everybody needs of every page: no grave fault for axe, nothing wider than the screen, not more than a browser draws at once.
  const look = async (name, suffix = "") => {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const grave = violations.filter((found) => ["serious", "critical"].includes(found.impact));
    assert.deepEqual(grave.map((found) => [name, suffix, found.id, found.nodes[0].html]), []);
    const { nodes, over } = await page.evaluate(() => ({ nodes: document.querySelectorAll("*").length, over: document.documentElement.scrollWidth - innerWidth }));
    assert.ok(nodes < NODES_MAX, `${name}: ${nodes} elements`);
    assert.ok(over <= 0, `${name}${suffix}: ${over} pixels too wide`);
    if (pictures && PICTURES.includes(name + suffix)) await page.screenshot({ path: join(pictures, `dashboard-${(name + suffix).toLowerCase()}.png`) });
  };
  return { context, page, heard, has, look };
};

// Tab goes through a page, and where it is can be seen.
const focus_is_seen = async (page, name) => {
  for (let n = 0; n < 12; n += 1) {
    await page.keyboard.press("Tab");
    const unseen = await page.evaluate(() => {
      const el = document.activeElement;
      return el && el !== document.body && el.id !== "main" && getComputedStyle(el).outlineStyle === "none" ? el.outerHTML.slice(0, 200) : null;
    });
    assert.equal(unseen, null, name);
  }
};

const facts = {
  Usage: "LIP's own time", Backends: /^openai\.spare$/, Agents: "custom-acp.stage", Accounts: "ann@example.test", Plugins: /echo/, Route: "Model or selector",
};

// `n_bad`: turns whose first leg has failed, of which each walk adds one.
const walk = async (browser, host, scheme, n_bad) => {
  const suffix = scheme === "dark" ? "-dark" : "";
  const { context, page, heard, has, look } = await open_page(browser, host, { colorScheme: scheme, viewport: { width: 1240, height: 700 } });
  await page.goto(`${host.base}/ui`);
  const open = page.getByRole("table", { name: "Turns under way" });
  await open.getByText("openai.spare:slow").first().waitFor({ timeout: 20_000 });
  assert.equal(await open.locator("tbody tr").count(), 1);
  const ended = page.getByRole("table", { name: "Turns that ended" });
  await has(`Ended (${LIVE})`);
  assert.equal(await ended.locator("tbody tr").count(), 100);
  await ended.getByText("1,234").first().waitFor();
  await look("Live", suffix);
  assert.ok(await page.evaluate(() => [...document.scripts].every((script) => script.defer && script.src)), "a script holds up the first paint");
  assert.ok(heard.files < FILE_BYTES_MAX + 4_000, `${heard.files} bytes of files`);
  assert.ok(heard.requests.filter((url) => !url.includes("feed")).length <= FILES.length, heard.requests.join(" "));

  // Keyboard only from here.
  await page.locator("#more").press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("[aria-label='Turns that ended'] tbody tr").length === 200);
  await page.keyboard.press("Escape");
  await page.locator("main").focus();
  await page.keyboard.press("/");
  await page.keyboard.type("failed spare");
  await has(`Ended (${n_bad + 1})`);
  await page.keyboard.press("Control+a");
  await page.keyboard.type("top_k");
  await has("Ended (1)");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("bad|");
  await has(`Ended (${n_bad})`);
  await page.waitForFunction(() => [...document.querySelectorAll("[aria-label='Turns that ended'] tbody tr")].every((row) => row.innerText.includes("openai:bad|")));
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await has("openai:bad");
  await has(/503 · <b>the upstream is full<\/b>/);
  const attempts = await page.getByRole("table", { name: "Attempts" }).locator("tbody tr").allInnerTexts();
  assert.match(attempts[0], /openai:bad.*failed/s);
  assert.match(attempts.at(-1), /openai\.spare:good.*answered/s);
  await has("LIP's own time");
  await look("Turn", suffix);
  const { ended: kept } = await (await fetch(`${host.base}/ui/feed/turns`)).json();
  await page.goto(`${host.base}/ui#turn/${kept.find((t) => t.dialect === "anthropic-messages").id}`);
  await has("Lost in translation");
  await has(/top_k/);
  await page.goto(`${host.base}/ui#turn/${"0".repeat(28)}1234`);
  await has("the ledger");
  await page.locator("main").focus();

  for (const [at, name] of PAGES.entries()) {
    await page.keyboard.press(String(at + 1));
    if (name === "Live") continue;
    await page.locator("#nav [aria-current]", { hasText: name }).waitFor({ timeout: 20_000 });
    await has(facts[name]);
    if (name === "Usage") {
      await page.getByRole("link", { name: "Week" }).press("Enter");
      await page.locator("a[aria-current]", { hasText: "Week" }).waitFor({ timeout: 20_000 });
      const title = (text) => page.locator("figure").filter({ hasText: text });
      await title("Input tokens").waitFor({ timeout: 20_000 });
      assert.equal(await page.locator("figure svg[role=img]").count(), 4);
      await title("Turns").locator("summary").press("Enter");
      const numbers = page.getByRole("table", { name: "Turns as a table" });
      await numbers.locator("tbody tr").nth(27).waitFor({ timeout: 20_000 });
      const sum = (await numbers.locator("tbody td:nth-child(2), tbody td:nth-child(3)").allInnerTexts()).reduce((all, text) => all + Number(text.replace(/\D/g, "")), 0);
      const { total } = await (await fetch(`${host.base}/v1/usage/stats`)).json();
      assert.ok(sum > 0.9 * KEPT && sum <= total.turns, `${sum} of ${total.turns} turns in the plot`);
      await title("Turns").locator("summary").press("Enter");
      await page.getByRole("link", { name: "Model", exact: true }).press("Enter");
      await has("By model");
      await page.getByRole("link", { name: "gpt-5-mini" }).press("Enter");
      await has("show all");
      await page.getByRole("link", { name: "Backend", exact: true }).press("Enter");
      await has("By backend");
      await page.getByRole("table", { name: "Usage by backend" }).getByText("openai.spare").waitFor();
      await page.evaluate(() => scrollTo(0, 0));
    }
    if (name === "Backends") {
      const state = page.getByRole("table", { name: "Backends", exact: true }).locator("tbody tr").filter({ hasText: "(default)" });
      await state.getByText("rate limited").waitFor();
      await look(name, suffix);
      await page.getByRole("button", { name: "Reactivate openai", exact: true }).press("Enter");
      await has("openai: gets another chance");
      await state.getByText("active").waitFor();
      await chat(host.base, "openai:bad|openai.spare:good");
      await page.locator("#unset summary").press("Enter");
      await has(/ANTHROPIC_API_KEY/);
    }
    if (name === "Accounts") await has(/the login server is full/);
    if (name === "Accounts") assert.match(await page.getByRole("table", { name: "Accounts" }).locator("tbody tr").first().innerText(), /oauth_creds.*ready.*5 h.*ago/s);
    if (name === "Agents") assert.match(await page.getByRole("table", { name: "Agents" }).locator("tbody tr").first().innerText(), /idle.*\d+ min.*MiB/s);
    if (name === "Route") {
      await page.locator("#model").focus();
      await page.keyboard.type("openai:a|openai.spare:b");
      await page.keyboard.press("Enter");
      await has(/failover, left to right/);
      assert.equal(await page.getByRole("table", { name: "Legs" }).locator("tbody tr").count(), 2);
    }
    if (name !== "Backends") await look(name, suffix);
    await page.locator("main").focus();
    await focus_is_seen(page, name);
    await page.locator("main").focus();
  }
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const before = await ground();
  await page.locator("#theme").press("Enter");
  assert.notEqual(await ground(), before);
  assert.equal(await page.evaluate(() => getComputedStyle(document.getElementById("pause")).transitionDuration), "0s");
  await page.locator("#pause").press("Enter");
  assert.equal(await page.locator("#state").textContent(), "paused");
  assert.ok(heard.bytes < WALK_BYTES_MAX, `${heard.bytes} bytes`);
  const { bytes } = heard;
  heard.files = 0;
  await page.reload();
  await page.locator("h1").waitFor();
  assert.ok(heard.files < RELOAD_BYTES_MAX, `${heard.files} bytes of files for a reload`);
  assert.deepEqual(heard.wrong, []);
  console.log(`${scheme}: ${PAGES.length + 1} pages, ${bytes} bytes in all, ${heard.requests.length} requests`);
  await context.close();
};

const on_a_narrow_screen = async (browser, host) => {
  const { context, page, heard, has, look } = await open_page(browser, host, { viewport: { width: 390, height: 800 } });
  await page.goto(`${host.base}/ui`);
  for (const name of PAGES) {
    await page.getByRole("link", { name, exact: true }).click();
    await has(facts[name] ?? "Under way");
    await look(name, "-narrow");
    const inner = await page.evaluate(() => [...document.querySelectorAll("main .scroll")].filter((el) => el.scrollWidth > el.clientWidth + 1).map((el) => el.ariaLabel));
    assert.deepEqual(inner, [], `${name}: a table is wider than the screen`);
  }
  assert.deepEqual(heard.wrong, []);
  await context.close();
};

const folder = make_home(resolve(agent)), empty = make_home(null);
const first = await start(staged, folder);
assert.equal((await chat(first.base, "openai:good")).status, 200);
await first.stop();
fill_ledger(folder, KEPT);
const host = await start(staged, folder);
const guarded = await start(staged, empty, { API_KEYS: "sk-client" });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  await who_is_let_in(host, guarded);
  await files_are_small_and_sent_once(host);

  const slow = await chat(host.base, "openai.spare:slow", { stream: true });
  await slow.body.getReader().read();
  const some = async () => { for (let n = 0; n < LIVE / 10; n += 1) assert.equal((await chat(host.base, "openai:good")).status, 200); };
  await Promise.all(Array.from({ length: 10 }, some));
  assert.equal((await message(host.base, "openai:good")).status, 200);
  assert.equal((await chat(host.base, "custom-acp.stage:default")).status, 200);
  assert.equal((await chat(host.base, "qwen-oauth:coder-model")).status, 200);
  assert.notEqual((await chat(host.base, "openai-codex:gpt-5")).status, 200);
  assert.notEqual((await chat(host.base, "openai.spare:bad")).status, 200);
  await fetch(`${host.base}/v1/diagnostics/backends/openai.spare/reactivate`, { method: "POST" });
  assert.equal((await chat(host.base, "openai:bad|openai.spare:good")).status, 200);

  for (const [n, scheme] of ["light", "dark"].entries()) await walk(browser, host, scheme, n + 1);
  await on_a_narrow_screen(browser, host);

  const page = await browser.newPage();
  await page.goto(`${guarded.base}/ui`);
  await page.getByLabel("Key, kept").fill("sk-client");
  await page.keyboard.press("Enter");
  await page.getByText("No turn is under way.").waitFor();
  await page.getByText("Point a client at").waitFor();
  assert.ok(!page.url().includes("sk-client"));
  for (const [hash, says] of [["usage", "No turn in this window."], ["agents", "No agent runs."], ["accounts", "Nobody is logged in."]]) {
    await page.goto(`${guarded.base}/ui#${hash}`);
    await page.getByText(says).waitFor();
  }
  console.log("a host with keys asks for one, and an empty one says what to do next");
} finally {
  await browser.close();
  await host.stop();
  await guarded.stop();
  leave(folder);
  leave(empty);
  provider.closeAllConnections();
  provider.close();
}
