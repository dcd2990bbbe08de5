#!/usr/bin/env python3
"""Login files go both ways between a real LIP and the real Codex CLI and Gemini CLI: whoever renews a token, the other goes on with it.

    python3 tests/peers/logins.py --stage target/stage/dev [--agent codex] [--agent gemini]

Needs `scripts/tools acp` and `cargo xtask stage --bundles`; uses the standard library and openssl. The servers are those of `login_servers.py`.
In the end, neither what LIP printed or answered nor any file but the login files and LIP's accounts may hold a token.
"""

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "sdk")]

import login_servers  # noqa: E402
import model  # noqa: E402
from login_servers import CANARY, Google, OpenAi  # noqa: E402
from servers import NODE, TOOLS, Server, end_when_told  # noqa: E402

PATIENCE_S = 180
GREETING = "".join(model.GREETING)
MODULES = TOOLS / "acp/node_modules"
LONG_AGO_MS = 1_000_000_000_000
UNKNOWN = {"newer": [1, {"of": "a newer CLI"}]}
"""A member that no release of today writes."""


def require(what, found, wanted):
    assert found == wanted, f"{what}: {found}, not {wanted}"


class House:
    """One user's home, with LIP and one CLI in it, and the vendor's servers."""

    def __init__(self, folder, stage):
        self.folder, self.stage = folder, stage
        self.home, self.login = folder / "home", folder / "home" / self.file
        self.login.parent.mkdir(parents=True)
        (folder / "work").mkdir()
        (folder / "tmp").mkdir()
        self.heard = []
        self.begin()

    def write(self, login):
        """The login file as its own CLI writes it: its indentation, its mode."""
        self.login.touch(0o600)
        self.login.write_text(json.dumps(login, indent=2))

    def with_unknown(self):
        """What the CLI has written, with one member more."""
        self.write({**json.loads(self.login.read_text()), **UNKNOWN})
        return self.login.read_text()

    def start_lip(self, config, env=None):
        (self.folder / "lip.toml").write_text(config)
        command = [self.stage / "lip", "--config", self.folder / "lip.toml", "--port", "0", "--accounts-dir", self.folder / "vault"]
        command += ["--plugins-dir", self.stage / "plugins", "--plugins-dir", self.stage / "bundles", "--log-level", "trace"]
        env = {"HOME": str(self.home), "XDG_DATA_HOME": str(self.home / "data"), "XDG_CONFIG_HOME": str(self.home / "config"), **(env or {})}
        return Server("lip", command, env, r"lip listening on (http://\S+)", self.home / "lip.log")

    def lip_turn(self, backend):
        """One turn of LIP: what the servers saw of it."""
        self.server.state.forget()
        body = {"model": backend, "messages": [{"role": "user", "content": "Say hello"}]}
        request = urllib.request.Request(f"{self.lip.origin}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"LIP answered {error.code}: {error.read().decode()}") from error
        self.heard.append(text)
        require("LIP's answer", json.loads(text)["choices"][0]["message"]["content"], GREETING)
        return self.server.state.seen()

    def cli_turn(self):
        """One turn of the CLI: what the servers saw of it."""
        self.server.state.forget()
        env = {"PATH": f"{NODE.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": self.home, "TMPDIR": self.folder / "tmp", "TERM": "dumb"}
        env |= {"LANG": "C.UTF-8", "NO_COLOR": "1", "NO_PROXY": "127.0.0.1", **self.env}
        done = subprocess.run(
            ["timeout", "--kill-after=5", str(PATIENCE_S), *(str(word) for word in self.command)],
            env={name: str(value) for name, value in env.items()},
            cwd=self.folder / "work",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0 and GREETING in done.stdout, f"the CLI, {done.returncode}: {done.stdout[-1500:]}; {self.server.state.seen()}"
        return self.server.state.seen()

    def changed(self, before, wanted):
        """Of the login file, exactly these members have changed, and not a byte beside their values."""
        after = self.login.read_text()
        old, new = flat(json.loads(before)), flat(json.loads(after))
        require("members", list(new), list(old))
        require("changed members", {key for key in new if new[key] != old[key]}, wanted)
        for key in wanted:
            before = before.replace(json.dumps(old[key]), "#", 1)
            after = after.replace(json.dumps(new[key]), "#", 1)
        require("the rest of the file", after, before)
        require("the file's mode", oct(self.login.stat().st_mode & 0o777), "0o600")

    def goes_on(self, who, seen, number):
        """Nothing was renewed: what the other one has put into the file was taken."""
        require(f"{who} goes on", (seen["renewals"], seen["let in"]), (0, [number]))
        # LIP looks at the file when its last look is 2 s old, and before it renews. CLIs look when they start.
        late = [number - 1] if who == "LIP" else []
        require(f"{who} was refused", [shown for shown in seen["refused"] if shown not in late], [])

    def renews(self, who, seen, number, refused=()):
        require(f"{who} renews", seen, {"renewals": 1, "let in": [number], "refused": list(refused)})

    def end(self):
        self.lip.stop()
        self.server.shutdown()

    def leaks(self):
        """Files outside of the login file and LIP's accounts that hold a token."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and path != self.login and self.folder / "vault" not in path.parents]
        return [str(path.relative_to(self.folder)) for path in files if CANARY.encode() in path.read_bytes()]


def flat(value, path=""):
    """Every leaf of a JSON document by its path."""
    if isinstance(value, dict):
        return {at: leaf for key, inner in value.items() for at, leaf in flat(inner, f"{path}.{key}" if path else key).items()}
    return {path: value}


class Codex(House):
    """Codex CLI's auth.json. Source: developers.openai.com/codex/config-reference."""

    name, file = "codex", ".codex/auth.json"

    def begin(self):
        self.server = login_servers.start(OpenAi)
        at = self.server.origin
        tokens = {"id_token": OpenAi.identity(0), "access_token": OpenAi.access(0, 1_000_000_000), "refresh_token": f"{CANARY}rt-0"}
        tokens["account_id"] = login_servers.CODEX_ACCOUNT
        self.write({"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": "2026-01-01T00:00:00.5Z"})
        (self.home / ".codex/config.toml").write_text(CODEX.replace("{origin}", at))
        self.lip = self.start_lip(
            f'[backends.openai-codex]\ntype = "openai-codex"\nbase_url = "{at}/backend-api/codex"\ntoken_url = "{at}/oauth/token"\n'
        )
        self.command = [NODE, MODULES / "@openai/codex/bin/codex.js", "exec", "--skip-git-repo-check", "--json", "Say hello"]
        self.env = {"CODEX_REFRESH_TOKEN_URL_OVERRIDE": f"{at}/oauth/token"}

    def play(self):
        backend, tokens = "openai-codex:gpt-5.5", {"tokens.id_token", "tokens.access_token", "tokens.refresh_token", "last_refresh"}
        before = self.login.read_text()
        self.renews("LIP", self.lip_turn(backend), 1)
        self.changed(before, tokens)
        self.goes_on("the CLI", self.cli_turn(), 1)
        self.server.state.is_revoked = True
        self.renews("the CLI", self.cli_turn(), 2, refused=[1])
        self.goes_on("LIP", self.lip_turn(backend), 2)
        before, self.server.state.is_revoked = self.with_unknown(), True
        self.renews("LIP", self.lip_turn(backend), 3, refused=[2])
        self.changed(before, tokens)
        self.goes_on("the CLI", self.cli_turn(), 3)


CODEX = """\
model = "gpt-5.5"
model_provider = "stand-in"
cli_auth_credentials_store = "file"
check_for_update_on_startup = false
chatgpt_base_url = "{origin}/backend-api/"
[analytics]
enabled = false
[features]
apps = false
plugins = false
enable_request_compression = false
[model_providers.stand-in]
name = "stand-in"
base_url = "{origin}/backend-api/codex"
wire_api = "responses"
requires_openai_auth = true
supports_websockets = false
"""


class Gemini(House):
    """Gemini CLI's oauth_creds.json. Source: geminicli.com/docs. Two connectors of LIP read it."""

    name, file = "gemini", ".gemini/oauth_creds.json"
    kinds = "gemini-oauth-plan", "gemini-cli-cloud-project"

    def begin(self):
        tls = login_servers.certificate(self.folder, login_servers.GOOGLE_HOSTS)
        self.server = login_servers.start(Google, tls)
        at = self.server.origin
        login = {"access_token": Google.access(0), "scope": login_servers.SCOPES, "token_type": "Bearer", "id_token": Google.identity(0)}
        self.write({**login, "expiry_date": LONG_AGO_MS, "refresh_token": Google.refresh()})
        (self.home / ".gemini/settings.json").write_text(json.dumps(GEMINI))
        lines = f'base_url = "{at}"\ntoken_url = "{at}/token"\ngoogle_cloud_project = "{login_servers.PROJECT}"\n'
        config = "".join(f'[backends.{kind}]\ntype = "{kind}"\n{lines}' for kind in self.kinds)
        self.lip = self.start_lip(config, {"GEMINI_CLI_CLIENT_SECRET": f"{CANARY}secret"})
        program = MODULES / "@google/gemini-cli/bundle/gemini.js"
        self.command = [NODE, program, "--model", "gemini-2.5-flash", "--output-format", "json", "--prompt", "Say hello"]
        self.env = {"CODE_ASSIST_ENDPOINT": at, "HTTPS_PROXY": at, "NODE_EXTRA_CA_CERTS": tls[1], "GEMINI_CLI_NO_RELAUNCH": "true"}
        self.env |= {"GEMINI_CLI_TRUST_WORKSPACE": "true", "NO_BROWSER": "true", "GOOGLE_CLOUD_PROJECT": login_servers.PROJECT}

    def play(self):
        plan, project = (f"{kind}:gemini-2.5-flash" for kind in self.kinds)
        tokens = {"access_token", "id_token", "expiry_date"}
        before = self.login.read_text()
        self.renews("LIP", self.lip_turn(plan), 1)
        self.changed(before, tokens)
        self.goes_on("LIP", self.lip_turn(project), 1)
        self.goes_on("the CLI", self.cli_turn(), 1)
        # Google's answer says when a token ends, and the CLI believes the file.
        self.write({**json.loads(self.login.read_text()), "expiry_date": LONG_AGO_MS})
        self.renews("the CLI", self.cli_turn(), 2)
        self.goes_on("LIP", self.lip_turn(plan), 2)
        self.goes_on("LIP", self.lip_turn(project), 2)
        before, self.server.state.is_revoked = self.with_unknown(), True
        self.renews("LIP", self.lip_turn(project), 3, refused=[2])
        self.changed(before, tokens)
        self.goes_on("the CLI", self.cli_turn(), 3)


GEMINI = {
    "security": {"auth": {"selectedType": "oauth-personal"}, "folderTrust": {"enabled": False}},
    "general": {"enableAutoUpdate": False, "disableAutoUpdate": True},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
}

AGENTS = {kind.name: kind for kind in (Codex, Gemini)}


def tell(agent, stage):
    """Plays an agent's story, says how it went, and returns that."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lip-logins-") as folder:
        house = AGENTS[agent](pathlib.Path(folder), stage)
        try:
            try:
                house.play()
            finally:
                house.end()
            require("complaints", house.server.state.complaints, [])
            require("files with a token", house.leaks(), [])
            require("answers with a token", [text for text in house.heard if CANARY in text], [])
            print(f"{agent:10} passed {time.monotonic() - began:5.1f} s", flush=True)
            return True
        except Exception as error:  # noqa: BLE001
            print(f"{agent:10} FAILED {error!r:.2500}\n  complaints: {house.server.state.complaints}\n{house.lip.shown()}", flush=True)
            return False


def main():
    end_when_told()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stage", required=True, type=lambda path: pathlib.Path(path).resolve(), help="what `cargo xtask stage --bundles` printed")
    parser.add_argument("--agent", action="append", choices=AGENTS, help="default: all")
    args = parser.parse_args()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        passed = list(pool.map(lambda agent: tell(agent, args.stage), args.agent or AGENTS))
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
