#!/usr/bin/env python3
"""Runs a peer that is not an SDK against a real LIP, whose backends have the stand-in as their upstream.

    python3 tests/peers/run.py bodies --lip target/stage/dev/lip          the bodies of JSONTestSuite
    python3 tests/peers/run.py openresponses --lip …                      the types of Open Responses
    python3 tests/peers/run.py agents --lip … [--agent claude] [--upstream gemini]
    python3 tests/peers/run.py serve --lip …                              only start LIP, for a look by hand

Needs `scripts/tools`, and `scripts/tools agents` for the agents. Uses the standard library only.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sdk"))

import servers  # noqa: E402
from servers import CLIENT_KEY, NODE, PYTHON, TOOLS, UPSTREAM_KEY, quiet_env  # noqa: E402

AGENT_S = 150
UPSTREAMS = {
    "openai-chat": "openai:gpt-5",
    "openai-responses": "openai-responses:gpt-5",
    "anthropic-messages": "anthropic:claude-sonnet-5-5",
    "gemini": "gemini:gemini-2.5-flash",
}
MARK = "CASE-DONE"


@dataclass(frozen=True)
class Agent:
    """One agent and the protocol that it speaks to LIP."""

    name: str
    protocol: str = ""
    prompt: str = "CASE-AGENT please run the shell command and tell me what it prints"

    @property
    def title(self):
        return self.name + (f" ({self.protocol})" if self.protocol else "")

    @property
    def script(self):
        return HERE / f"agent_{self.name.replace('-', '_')}.sh"

    def command(self, origin, model):
        if self.name == "codex":
            return [self.script, f"{origin}/v1", self.protocol, model, self.prompt]
        return [self.script, origin, model, self.prompt]

    def environment(self, folder):
        if self.name == "codex":
            return {"CODEX_BIN": str(TOOLS / "agents/bin/codex"), "LIP_CLIENT_KEY": CLIENT_KEY, "MARK": "case-agent-ran", "DONE": MARK}
        return {"LIP_KEY": CLIENT_KEY, "LIP_TOOLS": str(TOOLS), "AGENT_FOLDER": str(folder), "AGENT_PROTOCOL": self.protocol}


AGENTS = (
    Agent("claude-code"),
    Agent("codex", "http"),
    Agent("codex", "ws"),
    Agent("gemini-cli"),
    Agent("opencode", "chat"),
    Agent("opencode", "responses"),
    Agent("opencode", "anthropic"),
    Agent("opencode", "gemini"),
    *(Agent("aider", protocol, "CASE-CHAT please answer in one sentence") for protocol in ("chat", "anthropic", "gemini")),
)


def seen(witness, **wanted):
    """The bodies of requests that a witness remembers."""
    with urllib.request.urlopen(f"{witness.origin}/__seen?{urllib.parse.urlencode(wanted)}", timeout=20) as answer:
        return json.load(answer)


class Stage:
    """LIP, the witness and the stand-in upstream, running."""

    def __init__(self, options, folder):
        self.folder, self._running = folder, []
        try:
            self._running.append(upstream := servers.start_aimock(folder, UPSTREAM_KEY))
            self._running.append(witness := servers.start_witness(folder, upstream))
            self._running.append(lip := servers.start_lip(options.lip, folder, witness, options.port))
        except SystemExit:
            self.stop()
            raise
        self.upstream, self.witness, self.lip = upstream, witness, lip

    def stop(self):
        for server in reversed(self._running):
            server.stop()


def script(stage, runner, name, model):
    command = [runner, HERE / name, "--base", stage.lip.origin, "--key", CLIENT_KEY, "--model", model]
    code = subprocess.run([str(part) for part in command], env=quiet_env()).returncode
    if not stage.lip.alive():
        print("lip ended while it was serving")
        code = 1
    if code:
        print(stage.lip.shown())
    return code


def bodies(stage, _options):
    return script(stage, NODE, "json_bodies.mjs", "echo")


def openresponses(stage, _options):
    # An answer of the client's own dialect passes as it came, and the stand-in's are not complete; echo calls a tool only when
    # it is told to in its own words.
    translated = [model for upstream, model in UPSTREAMS.items() if upstream != "openai-responses"]
    return max(script(stage, PYTHON, "openresponses.py", model) for model in translated)


def turn(stage, agent, upstream, mark=MARK, front=None):
    """Runs one turn of an agent; returns what went wrong, or an empty string, and the seconds."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{agent.name}-", dir=stage.folder))
    command = [str(part) for part in agent.command((front or stage.lip).origin, UPSTREAMS[upstream])]
    environment = quiet_env() | agent.environment(folder)
    began = time.monotonic()
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=AGENT_S)
        output, errors, code = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        output, errors, code = str(late.stdout), str(late.stderr), f"none after {AGENT_S} s"
    fault = "" if code == 0 and mark in output else f"exit code {code}: {output[-700:]} {errors[-900:]}"
    return fault, time.monotonic() - began


def context(stage, upstream):
    """Claude Code's /context counts tokens in many requests at once: LIP answers them all, without its upstream."""
    front = servers.start_witness(stage.folder, stage.lip, "front")
    try:
        before = len(seen(stage.witness, path="count"))
        fault, seconds = turn(stage, Agent("claude-code", prompt="/context"), upstream, "tokens", front)
        asked, passed = len(seen(front, path="count_tokens")), len(seen(stage.witness, path="count")) - before
    finally:
        front.stop()
    if not fault and (asked < 20 or passed):
        fault = f"{asked} counts were asked for, {passed} went upstream"
    return fault, seconds


def agents(stage, options):
    wanted = [a for a in AGENTS if a.title.startswith(tuple(options.agent)) and a.script.exists()]
    if not (TOOLS / "agents/bin/claude").exists():
        print("the agents are not installed: run scripts/tools agents")
        return 77
    upstreams = [name for name in UPSTREAMS if name.startswith(tuple(options.upstream))]
    failed, lines = 0, []
    jobs = [(agent.title, upstream, turn, agent) for agent in wanted for upstream in upstreams]
    if "claude-code /context".startswith(tuple(options.agent)):
        jobs += [("claude-code /context", upstream, None, None) for upstream in upstreams]
    for title, upstream, job, agent in jobs:
        fault, seconds = job(stage, agent, upstream) if job else context(stage, upstream)
        failed += bool(fault)
        lines.append(f"{'FAIL' if fault else 'ok':<5} {title:<22} {upstream:<20} {seconds:6.1f}s")
        print(lines[-1] + (f"\n      {fault}" if fault else ""), flush=True)
    if failed:
        print(stage.lip.shown(), *lines, sep="\n")
    print(f"{len(lines) - failed} passed, {failed} failed")
    return 1 if failed or not lines else 0


def serve(stage, _options):
    print(f"lip {stage.lip.origin} · witness {stage.witness.origin} · upstream {stage.upstream.origin} · key {CLIENT_KEY}", flush=True)
    threading.Event().wait()


def main():
    jobs = {"bodies": bodies, "openresponses": openresponses, "agents": agents, "serve": serve}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job", choices=jobs)
    parser.add_argument("--lip", type=pathlib.Path, required=True, help="the staged binary; its plugins lie next to it")
    parser.add_argument("--port", type=int, default=0, help="of LIP; the system chooses one unless it is given")
    parser.add_argument("--agent", action="append", default=[], help="only agents whose name begins so")
    parser.add_argument("--upstream", action="append", default=[], help="only upstreams whose name begins so")
    options = parser.parse_args()
    options.agent, options.upstream = options.agent or [""], options.upstream or [""]
    if not (NODE.exists() and servers.AIMOCK.exists()):
        print("the stand-in upstream is not installed: run scripts/tools")
        return 77
    servers.end_when_told()
    with tempfile.TemporaryDirectory(prefix="lip-peers-", ignore_cleanup_errors=True) as temporary:
        stage = Stage(options, pathlib.Path(temporary))
        try:
            return jobs[options.job](stage, options)
        except KeyboardInterrupt:
            return 0
        finally:
            stage.stop()


if __name__ == "__main__":
    sys.exit(main())
