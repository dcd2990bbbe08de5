#!/usr/bin/env python3
"""Does what the pages for clients say: their fenced lines run against a real LIP, as they stand.

    python3 tests/sdk/run_pages.py --lip target/stage/dev/lip

Snippets of SDKs run through the SDKs that `scripts/tools` installs; curl lines run in a shell. Lines that start an agent, and files that
configure one, are compared with the script in tests/peers/ by which the suite `agents` runs that agent; where it is installed it says its
version. A block that nothing here understands fails. Needs `scripts/tools`. Uses the standard library only.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib

import servers
from servers import NODE, PYTHON, ROOT, TOOLS, quiet_env

PAGES = (*sorted((ROOT / "docs/frontends").glob("*.md")), ROOT / "docs/guides/clients.md")
BASE = "http://127.0.0.1:8000"
SNIPPET_S = 90
BACKENDS = ("echo", "openai", "openai-responses", "anthropic", "gemini")
CONFIG = 'default_backend = "echo"\n' + "".join(f'[backends.{name}]\ntype = "echo"\n' for name in BACKENDS)
"""Every backend that the pages name, answered by LIP itself."""

AGENTS = {"claude": "claude_code", "codex": "codex", "gemini": "gemini_cli", "opencode": "opencode", "aider": "aider"}
IMPORTS = {
    "OpenAI": ("from openai import OpenAI", 'import OpenAI from "openai";'),
    "Anthropic": ("from anthropic import Anthropic", 'import Anthropic from "@anthropic-ai/sdk";'),
    "genai": ("from google import genai", None),
    "GoogleGenAI": (None, 'import { GoogleGenAI } from "@google/genai";'),
}
PROBES = {
    "python": "\nassert [model for model in client.models.list()], 'no models'\n",
    "js": """
if (typeof stream !== "undefined") { let n = 0; for await (const _ of stream) n += 1; if (!n) throw new Error("an empty stream"); }
let models = 0;
for await (const _ of await client.models.list()) models += 1;
if (!models) throw new Error("no models");
""",
}
"""After a snippet, whose own calls raise when they fail: its client must reach LIP."""


class Wrong(Exception):
    """What a page says is not so."""


def need(holds, sentence):
    if not holds:
        raise Wrong(sentence)


def run(command, folder, env=None):
    env = quiet_env() | {"HOME": str(folder)} | (env or {})
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=env, timeout=SNIPPET_S, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    need(done.returncode == 0, f"exit code {done.returncode}\n{done.stdout[-1500:]}")
    return done.stdout


def snippet(language, text, folder, env=None):
    path = folder / ("snippet.py" if language == "python" else "snippet.mjs")
    path.write_text(text + PROBES[language], "utf-8")
    if language == "js" and not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(TOOLS / "npm/node_modules")
    run([PYTHON if language == "python" else NODE, path], folder, env)


def agent_script(agent):
    need(agent in AGENTS, f"nobody here knows the program {agent}")
    return (ROOT / f"tests/peers/agent_{AGENTS[agent]}.sh").read_text("utf-8")


def start_line(words, settings, origin, folder):
    """`NAME=VALUE… agent …`: the names and the paths are those by which the agent is really run."""
    script = agent_script(words[0])
    for name, value in settings.items():
        need(re.search(rf"\b{name}\b", script), f"agent_{AGENTS[words[0]]}.sh does not set {name}")
        if value.startswith(origin):
            end = re.escape(value.removeprefix(origin))
            need(re.search(rf'\b{name}="?\$base{end}"?[\s)]', script), f"{name} is set to another path than {value}")
    program = TOOLS / "agents/bin" / words[0]
    if program.exists():
        run([program, "--version"], folder, settings | {"PATH": f"{TOOLS / 'bin'}:/usr/local/bin:/usr/bin:/bin"})


def shell(text, origin, folder):
    """Every line of a block for the shell."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        is_exported = words[:1] == ["export"]
        words = words[1:] if is_exported else words
        settings = {}
        while words and re.fullmatch(r"[A-Z][A-Z0-9_]*=.*", words[0]):
            name, value = words.pop(0).split("=", 1)
            settings[name] = value
        if words[:1] == ["curl"]:
            got = run(["bash", "-c", line.replace("curl ", "curl -sS --fail-with-body ", 1)], folder)
            need("hello" in got, f"echo did not answer: {got[:300]}")
        elif words:
            start_line(words, settings, origin, folder)
        elif is_exported:
            snippet("python", "from openai import OpenAI\nclient = OpenAI()", folder, settings)
        else:
            need(not settings, f"settings for nothing: {line}")


def codex_config(text, origin, _folder):
    page = tomllib.loads(text)
    script = agent_script("codex")
    known = tomllib.loads(re.search(r"<<END\n(.*?)\nEND", script, re.S).group(1).replace("$sockets", "true").replace("$base", f"{origin}/v1"))
    extra = set(page) - set(known)
    need(not extra, f"agent_codex.sh has no {extra}")
    ours, theirs = page["model_providers"]["lip"], known["model_providers"]["lip"]
    for name, value in ours.items():
        need(theirs.get(name) == value, f"agent_codex.sh has {name} = {theirs.get(name)!r}, the page {value!r}")
    need(page["model_provider"] == "lip", "another provider is chosen")


def opencode_config(text, origin, _folder):
    page, script = json.loads(text), agent_script("opencode")
    provider = page["provider"]["lip"]
    need(page["model"].removeprefix("lip/") in provider["models"], "the chosen model is not listed")
    for name in ("provider", "model", "npm", "options", "baseURL", "apiKey", "models"):
        need(f'"{name}"' in script, f"agent_opencode.sh has no {name}")
    package_at(script, provider["npm"], provider["options"]["baseURL"], origin)


def package_at(script, package, url, origin):
    path = re.escape(url.removeprefix(origin))
    need(re.search(rf"package={re.escape(package)} url=\$base{path} ;;", script), f"agent_opencode.sh has no {package} at {url}")


def sdk_row(name, expression, folder):
    language = "python" if name.endswith("Python") else "js"
    word = re.search(r"(?:new )?(\w+)", expression).group(1)
    head = IMPORTS[word][language == "js"]
    need(head, f"no import for {expression}")
    snippet(language, f"{head}\n{'client' if language == 'python' else 'const client'} = {expression}", folder)


def base_row(name, url, folder):
    paths = {"OpenAI": "/models", "Anthropic": "/v1/models", "Gemini": "/v1beta/models"}
    path = next((path for word, path in paths.items() if name.startswith(word)), None)
    need(path, f"no route to try for {name}")
    run(["curl", "-sS", "--fail-with-body", f"{url}{path}", "-H", "anthropic-version: 2023-06-01"], folder)


BLOCKS = {
    "sh": shell,
    "python": lambda text, _origin, folder: snippet("python", text, folder),
    "js": lambda text, _origin, folder: snippet("js", text, folder),
    "toml": codex_config,
    "json": opencode_config,
}


def checks_of(page, origin):
    """(what, function of a folder) for everything on a page that a reader would type."""
    text = page.read_text("utf-8").replace(BASE, origin)
    name = page.relative_to(ROOT)
    for match in re.finditer(r"^```(\w*)\n(.*?)^```", text, re.M | re.S):
        line = text.count("\n", 0, match.start()) + 1
        language, block = match.groups()
        check = BLOCKS.get(language, lambda *_: need(False, f"no way to try a block of {language or 'no language'}"))
        yield f"{name}:{line} {language}", lambda folder, check=check, block=block: check(block, origin, folder)
    for match in re.finditer(r"^\| ([^|]+) \| (`[^|]+) \|$", text, re.M):
        line, (first, second) = text.count("\n", 0, match.start()) + 1, match.groups()
        for code in re.findall(r"`([^`]+)`", second):
            where = f"{name}:{line} {first}"
            if first.endswith((", Python", ", JavaScript")):
                yield where, lambda folder, first=first, code=code: sdk_row(first, code, folder)
            elif code.startswith(origin):
                yield where, lambda folder, first=first, code=code: base_row(first, code, folder)
    for match in re.finditer(r"^\| `(@ai-sdk/[^`]+)` \| [^|]+ \| `([^`]+)` \|$", text, re.M):
        package, url = match.groups()
        yield f"{name} {package}", lambda _, package=package, url=url: package_at(agent_script("opencode"), package, url, origin)


def tried(what, check):
    try:
        with tempfile.TemporaryDirectory(prefix="lip-page-") as folder:
            check(pathlib.Path(folder))
    except subprocess.TimeoutExpired:
        return what, f"not over after {SNIPPET_S} s"
    except (Wrong, KeyError, ValueError, SyntaxError) as wrong:
        return what, str(wrong) or repr(wrong)
    return what, None


def try_all(binary, folder):
    lip = servers.start_alone(binary, folder, CONFIG)
    try:
        checks = [check for page in PAGES for check in checks_of(page, lip.origin)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda check: tried(*check), checks))
    finally:
        lip.stop()
    for what, wrong in results:
        print(f"{'FAIL' if wrong else 'ok  '} {what.replace(lip.origin, BASE)}" + (f"\n     {wrong}" if wrong else ""))
    missing = [page.name for page in PAGES if page.name != "README.md" and not any(page.name in what for what, _ in results)]
    if missing:
        print(f"FAIL nothing to try on {', '.join(missing)}")
    failed = sum(wrong is not None for _, wrong in results) + len(missing)
    print(f"{len(results)} lines of the pages, {failed} failed")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lip", type=pathlib.Path, required=True, help="the staged binary; its plugins lie next to it")
    options = parser.parse_args()
    servers.end_when_told()
    if not (PYTHON.exists() and NODE.exists()):
        print("the SDKs are not installed: run scripts/tools")
        return 77
    with tempfile.TemporaryDirectory(prefix="lip-pages-") as folder:
        return 1 if try_all(options.lip, pathlib.Path(folder)) else 0


if __name__ == "__main__":
    sys.exit(main())
