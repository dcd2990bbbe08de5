// Looks at every page of the dashboard with Debian's Chromium, over live turns.  node pages.mjs LIP [--pictures FOLDER]
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const load = createRequire(join(process.env.NODE_MODULES, "x.js"));
const { chromium } = load("playwright-core");
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");
const [lip, , pictures] = process.argv.slice(2);
const BYTES_MAX = 60_000;
const PAGES = ["Live", "Backends", "Plugins", "Agents", "Accounts", "Route"];

// The upstream: `slow` streams one piece and waits, `bad` refuses, others answer.
const chunk = (text) => `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content: text }, finish_reason: null }] })}\n\n`;
const upstream = createServer((asked, answer) => {
  let body = "";
  asked.on("data", (piece) => (body += piece)).on("end", () => {
    const model = body ? JSON.parse(body).model : "";
    if (model === "bad") return answer.writeHead(503, { "content-type": "application/json" }).end('{"error":{"message":"<b>the upstream is full</b>","type":"server_error"}}');
    if (model === "slow") return answer.writeHead(200, { "content-type": "text/event-stream" }).write(chunk("hello"));
    answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ id: "c", object: "chat.completion", created: 1, model,
      choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }], usage: { prompt_tokens: 1234, completion_tokens: 56, total_tokens: 1290 } }));
  });
});
await new Promise((done) => upstream.listen(0, "127.0.0.1", done));
const url = `http://127.0.0.1:${upstream.address().port}/v1`;

const start = async (env) => {
  const folder = mkdtempSync(join(tmpdir(), "lip-ui-"));
  const backend = (name) => `[backends."${name}"]\ntype = "openai"\napi_url = "${url}"\napi_key = "sk-${name}"\n`;
  writeFileSync(join(folder, "lip.toml"), backend("openai") + backend("openai.spare"));
  const child = spawn(lip, ["--config", join(folder, "lip.toml"), "--port", "0"], { env: { PATH: process.env.PATH, HOME: folder, ...env } });
  let said = "";
  const base = await new Promise((found, failed) => {
    const hear = (piece) => {
      const at = /http:\/\/127\.0\.0\.1:\d+/.exec((said += piece));
      if (at) found(at[0]);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", (piece) => (said += piece));
    child.on("exit", () => failed(new Error(`lip ended: ${said}`)));
  });
  const stop = () => (child.kill("SIGKILL"), rmSync(folder, { recursive: true, force: true }));
  return { base, stop };
};

const chat = (base, model, stream = false) => fetch(`${base}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json" },
  body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "hi" }] }) });

const host = await start({});
const guarded = await start({ API_KEYS: "sk-client" });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  // Who is let in: raw requests, for fetch may not send these headers.
  const status = (base, path, headers) => new Promise((done) => request(base + path, { headers }, (answer) => { answer.resume(); done([answer.statusCode, answer.headers]); }).end());
  for (const path of ["/ui", "/ui/app.js", "/ui/feed/turns", "/ui/feed/route/openai:m"]) {
    for (const headers of [{ origin: "http://evil.test" }, { "sec-fetch-site": "cross-site" }, { "sec-fetch-site": "same-site" }, { host: "evil.test" }]) {
      assert.equal((await status(host.base, path, headers))[0], 403, `${path} ${JSON.stringify(headers)}`);
    }
    assert.equal((await status(host.base, path, {}))[0], 200, path);
    assert.equal((await status(guarded.base, path, {}))[0], path.includes("feed") ? 401 : 200, `${path} without a key`);
  }
  const [, headers] = await status(host.base, "/ui", {});
  assert.match(headers["content-security-policy"], /^default-src 'self';.*frame-ancestors 'none'/);
  assert.equal(headers["x-frame-options"], "DENY");

  const slow = await chat(host.base, "openai.spare:slow", true);
  await slow.body.getReader().read();
  assert.equal((await chat(host.base, "openai:good")).status, 200);
  assert.equal((await chat(host.base, "openai:bad|openai.spare:good")).status, 200);
  assert.notEqual((await chat(host.base, "openai.spare:bad")).status, 200);

  for (const scheme of ["light", "dark"]) {
    const context = await browser.newContext({ colorScheme: scheme, viewport: { width: 1180, height: 620 } });
    const page = await context.newPage();
    const wrong = [];
    let bytes = 0;
    page.on("console", (line) => line.type() === "error" && wrong.push(line.text()));
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("request", (asked) => asked.url().startsWith(host.base) || wrong.push(`asked ${asked.url()}`));
    page.on("response", (answer) => { if (!answer.url().includes("feed") && answer.url().includes("/ui")) bytes += Number(answer.headers()["content-length"]); });
    const look = async (name) => {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const grave = violations.filter((found) => ["serious", "critical"].includes(found.impact));
      assert.deepEqual(grave.map((found) => [name, scheme, found.id, found.nodes[0].html]), []);
      if (pictures) await page.screenshot({ path: join(pictures, `dashboard-${name.toLowerCase()}${scheme === "dark" ? "-dark" : ""}.png`) });
    };
    const has = (text) => page.locator("main").getByText(text).first().waitFor({ timeout: 10_000 });
    await page.goto(`${host.base}/ui`);
    const open = page.getByRole("table", { name: "Turns under way" });
    await open.getByText("openai.spare:slow").first().waitFor({ timeout: 10_000 }).catch(async (error) => {
      throw new Error(`${error.message}\n${wrong.join("\n")}\n${await page.locator("body").innerText()}`);
    });
    assert.equal(await open.locator("tbody tr").count(), 1);
    const ended = page.getByRole("table", { name: "Turns that ended" });
    assert.equal(await ended.locator("tbody tr").count(), 3);
    await ended.getByText("1,234").first().waitFor();
    await look("Live");

    // Keyboard only from here.
    await page.keyboard.press("/");
    await page.keyboard.type("failed spare");
    await has("Ended (2)");
    await page.keyboard.press("Control+a");
    await page.keyboard.type("bad|");
    await has("Ended (1)");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await has("openai:bad");
    await has("<b>the upstream is full</b>");
    const attempts = await page.getByRole("table", { name: "Attempts" }).locator("tbody tr").allInnerTexts();
    assert.match(attempts[0], /openai:bad.*failed/s);
    assert.match(attempts.at(-1), /openai\.spare:good.*answered/s);
    await look("Turn");
    const facts = [/^openai\.spare$/, /echo/, "No agent runs.", "Accounts and quotas", "Model or selector"];
    for (const [i, fact] of facts.entries()) {
      await page.keyboard.press(String(i + 2));
      await has(fact);
      assert.equal(await page.locator("nav [aria-current]").textContent(), PAGES[i + 1]);
      if (i < 4) await look(PAGES[i + 1]);
    }
    await page.locator("#model").focus();
    await page.keyboard.type("openai:a|openai.spare:b");
    await page.keyboard.press("Enter");
    await has(/openai\.spare/);
    await look("Route");
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const before = await ground();
    await page.locator("#theme").press("Enter");
    assert.notEqual(await ground(), before);
    assert.ok(bytes > 10_000 && bytes < BYTES_MAX, `${bytes} bytes`);
    assert.deepEqual(wrong, []);
    console.log(`${scheme}: ${PAGES.length + 1} pages, ${bytes} bytes of files`);
    await context.close();
  }

  const page = await browser.newPage();
  await page.goto(`${guarded.base}/ui`);
  await page.getByLabel("Key, kept").fill("sk-client");
  await page.keyboard.press("Enter");
  await page.getByText("No turn is under way.").waitFor();
  assert.ok(!page.url().includes("sk-client"));
  console.log("a host with keys asks for one");
} finally {
  await browser.close();
  host.stop();
  guarded.stop();
  upstream.closeAllConnections();
  upstream.close();
}
