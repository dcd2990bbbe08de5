#!/usr/bin/env python3
"""Real agents as backends of a real LIP, with a stand-in for their model: the stories of `docs/guides/agents.md`.

    python3 tests/peers/acp.py --lip target/stage/dev/lip [--agent gemini] [--agent opencode]

Needs `scripts/tools acp`, and `scripts/tools agents` for all but Gemini CLI. Uses the standard library only.
"""

import argparse
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "sdk")]

import model  # noqa: E402
from servers import NODE, TOOLS, end_when_told, quiet_env  # noqa: E402

PATIENCE_S = 90
IDLE_S = 4
GREETING = "".join(model.GREETING)


def within(what, look, limit_s=PATIENCE_S):
    """Looks until there is something to see."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(0.05)
    raise AssertionError(f"waited {limit_s} s for {what}")


class Gemini:
    """The real Gemini CLI, by its own connector."""

    name, kind, tells_tools = "gemini", "gemini-cli-acp", True

    def __init__(self, folder, origin):
        (folder / ".gemini").mkdir()
        settings = {
            "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
            "general": {"enableAutoUpdate": False, "disableAutoUpdate": True},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
        }
        (folder / ".gemini/settings.json").write_text(json.dumps(settings))
        program = folder / "gemini"
        program.write_text(f'#!/bin/sh\nexec "{NODE}" "{TOOLS}/acp/node_modules/@google/gemini-cli/bundle/gemini.js" "$@"\n')
        program.chmod(0o755)
        self.lines = f'gemini_cli_executable = "{program}"\n'
        self.env = {"HOME": folder, "GEMINI_API_KEY": "sk-of-the-stand-in", "GOOGLE_GEMINI_BASE_URL": origin}


class Opencode:
    """The real opencode, by its command line."""

    name, kind, tells_tools = "opencode", "custom-acp", True

    def __init__(self, folder, origin):
        (folder / ".config/opencode").mkdir(parents=True)
        provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{origin}/v1", "apiKey": "sk-of-the-stand-in"}}
        provider |= {"name": "stand-in", "models": {"m": {"name": "M", "tool_call": True}}}
        settings = {"provider": {"stand-in": provider}, "model": "stand-in/m", "autoupdate": False, "share": "disabled", "permission": {"edit": "ask"}}
        (folder / ".config/opencode/opencode.json").write_text(json.dumps(settings))
        self.lines = f'command = ["{TOOLS}/agents/bin/opencode", "acp"]\n'
        self.env = {"HOME": folder, "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1"}


AGENTS = {agent.name: agent for agent in (Gemini, Opencode)}


class House:
    """A host in front of one agent, and the model behind it."""

    def __init__(self, lip, agent, permissions):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lip-acp-"))
        self.project, home = self.folder / "project", self.folder / "home"
        self.project.mkdir(), home.mkdir()
        self.model = model.start()
        self.agent = AGENTS[agent](home, f"http://127.0.0.1:{self.model.server_port}")
        env = ", ".join(f"{name} = {json.dumps(str(value))}" for name, value in self.agent.env.items())
        name = f"{self.agent.kind}.real"
        config = f'default_backend = "{name}"\nstale_acp_agent_kill_idle_seconds = {IDLE_S}\n[backends."{name}"]\ntype = "{self.agent.kind}"\n'
        config += f'project_dir = "{self.project}"\npermissions = "{permissions}"\nenv = {{ {env} }}\n{self.agent.lines}'
        (self.folder / "lip.toml").write_text(config)
        command = [lip, "--config", self.folder / "lip.toml", "--port", "0"]
        env = {**quiet_env(), "HOME": str(self.folder)}
        self.log = open(self.folder / "log", "w+")
        self.lip = subprocess.Popen([str(word) for word in command], env=env, stdout=subprocess.PIPE, stderr=self.log, text=True)
        address = self.lip.stdout.readline().split("http://")[-1].strip()
        self.host, port = address.split(":")
        self.port = int(port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pids = self.processes()
        self.lip.send_signal(signal.SIGTERM)
        self.lip.wait(30)
        self.model.shutdown()
        left = [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not left, f"the host left {left}"

    def call(self, method, path, body=None, headers=()):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        headers = {"content-type": "application/json", **dict(headers)}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        return connection, connection.getresponse()

    def agents(self):
        return json.load(self.call("GET", "/v1/diagnostics/agents")[1])["agents"]

    def processes(self):
        """Every process below the host."""
        parents = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, rest = stat.parent.name, stat.read_text().rsplit(")", 1)[1].split()
                parents.setdefault(rest[1], []).append(pid)
            except OSError:
                pass
        found, new = [], [str(self.lip.pid)]
        while new:
            new = [child for pid in new for child in parents.get(pid, [])]
            found += new
        return found

    def logged(self, words):
        self.log.flush()
        return words in (self.folder / "log").read_text()

    def chat(self, history, session, stream=True):
        """One chat turn: text and thoughts."""
        body = {"model": "default", "stream": stream, "messages": history}
        _, answer = self.call("POST", "/v1/chat/completions", body, {"x-session-id": session}.items())
        data = answer.read().decode()
        assert answer.status == 200, data
        if not stream:
            message = json.loads(data)["choices"][0]["message"]
            return message["content"], message.get("reasoning_content") or ""
        events = [json.loads(line[6:]) for line in data.splitlines() if line.startswith("data: {")]
        assert data.rstrip().endswith("data: [DONE]"), data
        deltas = [event["choices"][0]["delta"] for event in events if event.get("choices")]
        return tuple("".join(delta.get(key) or "" for delta in deltas) for key in ("content", "reasoning_content"))


def user(text):
    return {"role": "user", "content": text}


def every_frontend(house):
    """Text, streamed and not, in four dialects; each conversation has its own agent."""
    text = house.chat([user("Say hello [[THINK]]")], "chat")
    assert text[0] == GREETING and "Pondering" in text[1], text
    assert house.chat([user("Say hello")], "chat-whole", stream=False)[0] == GREETING
    asks = {
        "/v1/responses": {"model": "default", "stream": True, "input": "Say hello"},
        "/v1/messages": {"model": "default", "stream": True, "max_tokens": 99, "messages": [user("Say hello")]},
        "/v1beta/models/default:streamGenerateContent?alt=sse": {"contents": [{"role": "user", "parts": [{"text": "Say hello"}]}]},
    }
    for path, body in asks.items():
        _, answer = house.call("POST", path, body)
        data = answer.read().decode()
        assert answer.status == 200, (path, data)
        for piece in ("Hello", "model."):
            assert piece in data, (path, data)


def memory_and_process(house):
    """Two turns are one process, which remembers; a cancelled one leaves it usable; an idle one ends, and comes back with the whole."""
    history = [user("My word is heliotrope.")]
    said, _ = house.chat(history, "one")
    pid = [row["pid"] for row in house.agents() if row["state"] == "idle"]
    assert len(pid) == 1, pid
    history += [{"role": "assistant", "content": said}, user("Say hello again")]
    assert house.chat(history, "one")[0] == GREETING
    assert [row["pid"] for row in house.agents()] == pid, "the same process"

    body = {"model": "default", "stream": True, "messages": history + [{"role": "assistant", "content": GREETING}, user("[[SLOW 100]]")]}
    connection, answer = house.call("POST", "/v1/chat/completions", body, {"x-session-id": "one"}.items())
    while b"tick 1" not in answer.readline():
        pass
    connection.sock.close() if connection.sock else answer.close()
    answer.close()
    within("the model's client to leave", lambda: house.model.left)
    within("an idle agent", lambda: all(row["state"] == "idle" for row in house.agents()))
    assert [row["pid"] for row in house.agents()] == pid, "cancelled and alive"

    within("the idle kill", lambda: house.logged("idle kill of an agent executed"), IDLE_S + 20)
    assert not house.agents() and not house.processes(), house.processes()
    house.model.asked.clear()
    assert house.chat(history, "one")[0] == GREETING
    assert any("heliotrope" in json.dumps(body) for body in house.model.asked), "the whole conversation is told"


def tool(house, is_allowed):
    """A tool that needs permission."""
    path = house.project / "made.txt"
    text, thoughts = house.chat([user(f"[[WRITE {path}]]")], "tool")
    assert path.exists() == is_allowed, (text, thoughts)
    assert house.logged("an agent asked for permission")
    return text, thoughts


def stories(lip, agent):
    for story in (every_frontend, memory_and_process):
        with House(lip, agent, "allow") as house:
            yield story.__name__, lambda story=story, house=house: story(house)
    with House(lip, agent, "allow") as house:
        yield "tool_allowed", lambda: tool(house, True)
    with House(lip, agent, "reject") as house:
        yield "tool_rejected", lambda: tool(house, False)


def main():
    end_when_told()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lip", required=True, type=os.path.abspath)
    parser.add_argument("--agent", action="append", choices=AGENTS, help="default: all")
    args = parser.parse_args()
    passed = failed = 0
    for agent in args.agent or AGENTS:
        for name, story in stories(args.lip, agent):
            try:
                began = time.monotonic()
                story()
                passed += 1
                print(f"{agent:10} {name:20} passed {time.monotonic() - began:5.1f} s", flush=True)
            except Exception as error:  # noqa: BLE001
                failed += 1
                print(f"{agent:10} {name:20} FAILED {error!r:.1500}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
