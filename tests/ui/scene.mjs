// What the dashboard is looked at in front of: a provider, a server of logins, an agent, a ledger with a week in it, and hosts.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

// The provider: `slow` streams one piece and waits, `bad` is full, others answer. Of tokens: `rt-good` may be renewed, no other.
const chunk = (text) => `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content: text }, finish_reason: null }] })}\n\n`;
const JSON_TYPE = { "content-type": "application/json" };
export const provider = createServer((asked, answer) => {
  let body = "";
  asked.on("data", (piece) => (body += piece)).on("end", () => {
    if (asked.url === "/token") {
      const is_good = body.includes("rt-good");
      return answer.writeHead(is_good ? 200 : 503, JSON_TYPE).end(is_good
        ? '{"access_token":"at-2","refresh_token":"rt-good-2","expires_in":21600,"token_type":"Bearer"}' : '{"error":"temporarily_unavailable","error_description":"the login server is full"}');
    }
    const key = asked.headers.authorization ?? "";
    if (key.endsWith("sk-refused")) return answer.writeHead(401, JSON_TYPE).end('{"error":{"message":"this key was revoked","type":"t","param":null,"code":"invalid_api_key"}}');
    const model = body ? JSON.parse(body).model : "";
    if (model === "bad") return answer.writeHead(503, JSON_TYPE).end('{"error":{"message":"<b>the upstream is full</b>","type":"server_error"}}');
    if (model === "slow") return answer.writeHead(200, { "content-type": "text/event-stream" }).write(chunk("hello"));
    answer.writeHead(200, JSON_TYPE).end(JSON.stringify({ id: "c", object: "chat.completion", created: 1, model, choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 1234, completion_tokens: 56, total_tokens: 1290, prompt_tokens_details: { cached_tokens: 1024 }, completion_tokens_details: { reasoning_tokens: 16 } } }));
  });
});
await new Promise((done) => provider.listen(0, "127.0.0.1", done));
const origin = `http://127.0.0.1:${provider.address().port}`;

// Tokens of Codex say themselves when they end and whose they are: these have ended, and nobody has signed them.
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const ENDED = `${part({ alg: "none" })}.${part({ exp: 1000 })}.x`;
const ID_TOKEN = `${part({ alg: "none" })}.${part({ email: "ann@example.test", "https://api.openai.com/auth": { chatgpt_account_id: "acc", chatgpt_plan_type: "plus" } })}.x`;

// A home with a configuration, logins of Qwen Code's and Codex's, and a place for an agent to work in.
export const make_home = (agent) => {
  const folder = mkdtempSync(join(tmpdir(), "lip-ui-"));
  mkdirSync(join(folder, "project"));
  if (agent) {
    mkdirSync(join(folder, ".qwen"));
    writeFileSync(join(folder, ".qwen", "oauth_creds.json"), JSON.stringify({ access_token: "at-1", refresh_token: "rt-good", token_type: "Bearer", resource_url: "portal.qwen.ai", expiry_date: 1000 }), { mode: 0o600 });
    mkdirSync(join(folder, ".codex"));
    writeFileSync(join(folder, ".codex", "auth.json"), JSON.stringify({ auth_mode: "chatgpt", OPENAI_API_KEY: null, tokens: { id_token: ID_TOKEN, access_token: ENDED, refresh_token: "rt-bad", account_id: "acc" }, last_refresh: "2026-01-01T00:00:00Z" }), { mode: 0o600 });
  }
  const backend = (name, key) => `[backends."${name}"]\ntype = "openai"\napi_url = "${origin}/v1"\n${key ? `api_key = "${key}"\n` : ""}`;
  const login = (name) => `[backends.${name}]\nbase_url = "${origin}/v1"\ntoken_url = "${origin}/token"\n`;
  const agents = agent ? `[backends."custom-acp.stage"]\ntype = "custom-acp"\ncommand = ["${agent}"]\nproject_dir = "${join(folder, "project")}"\n` : "";
  const accounts = agent ? login("qwen-oauth") + login("openai-codex") : "";
  writeFileSync(join(folder, "lip.toml"), `default_backend = "openai"\n${backend("openai", "sk-openai")}${backend("openai.spare", "sk-spare")}${backend("openai.old", "sk-refused")}${agents}${accounts}`);
  return folder;
};

export const start = async (staged, folder, env = {}) => {
  const libraries = ["--plugins-dir", join(staged, "plugins"), "--plugins-dir", join(staged, "bundles")];
  const child = spawn(join(staged, "lip"), ["--config", join(folder, "lip.toml"), "--port", "0", ...libraries],
    { env: { PATH: process.env.PATH, HOME: folder, XDG_DATA_HOME: join(folder, "data"), ...env } });
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
  const ended = new Promise((done) => child.on("exit", done));
  return { base, stop: () => (child.kill("SIGTERM"), ended) };
};
export const leave = (folder) => rmSync(folder, { recursive: true, force: true });

// Turns of the week before `now_s` in a ledger that a host has made: more by day than by night, some that failed.
const FILL = `
import math, random, sqlite3, sys
path, now_s, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
dice = random.Random(7)
db = sqlite3.connect(path)
turns = []
models = [("openai", "gpt-5", 0.9), ("openai", "gpt-5-mini", 1.2), ("openai.spare", "gpt-5", 0.5), ("anthropic", "claude-sonnet-4-5", 0.8), ("ollama", "qwen3:8b", 0.4)]
while len(turns) < n:
    ago = dice.random() * 7 * 86400
    if dice.random() > 0.15 + 0.85 * max(0, math.sin((now_s - ago) % 86400 / 86400 * math.pi * 2 - 1.6)):
        continue
    backend, model, _ = dice.choices(models, [weight for _, _, weight in models])[0]
    at, ident = int((now_s - ago) * 1e6), "%032x" % (len(turns) + 1)
    failed = dice.random() < (0.2 if backend == "openai.spare" else 0.03)
    tokens = [None] * 5 if failed else [dice.randint(2000, 60000), dice.randint(50, 2500), 0, None, 0]
    if not failed:
        tokens[2], tokens[4] = int(tokens[0] * dice.random()), int(tokens[1] * dice.random() * 0.6)
    cost = None if failed or backend == "ollama" else int(tokens[0] * 1.1 + tokens[1] * 9)
    kind, code, status = ("Unavailable", "upstream_full", 503) if failed else (None, None, 200)
    lasted = dice.randint(400_000, 30_000_000)
    turns.append((ident, at, "openai-chat", "generate", dice.choice(["ann", "ben", "ci"]), None, model, 1, "failed" if failed else "answered", status, kind, code,
        backend, backend.split(".")[0], model, 1, *tokens, cost, 5000, 9000, None if failed else lasted // 3, lasted, dice.randint(80, 600)))
columns = "id,began_us,dialect,what,caller,session,model_asked,stream,outcome,status,kind,code,backend,connector,model,n_attempts,input,output,cached_input,cache_write,reasoning,cost_micro,bytes_in,bytes_out,first_output_us,lasted_us,overhead_us"
db.executemany(f"INSERT INTO lip_turns ({columns}) VALUES (" + ",".join("?" * len(turns[0])) + ")", turns)
db.commit()
`;
export const fill_ledger = (folder, n) => execFileSync("python3", ["-c", FILL, join(folder, "data", "lip", "usage.db"), String(Math.floor(Date.now() / 1000)), String(n)], { stdio: "inherit" });

export const chat = (base, model, more = {}) => fetch(`${base}/v1/chat/completions`, { method: "POST", headers: JSON_TYPE,
  body: JSON.stringify({ model, stream: false, messages: [{ role: "user", content: "hi" }], ...more }) });
export const message = (base, model) => fetch(`${base}/v1/messages`, { method: "POST", headers: JSON_TYPE,
  body: JSON.stringify({ model, max_tokens: 20, top_k: 5, messages: [{ role: "user", content: "hi" }] }) });
