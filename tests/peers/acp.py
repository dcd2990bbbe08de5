#!/usr/bin/env python3
"""Real agents as backends of a real LIP, with a stand-in for their model: the stories of `docs/guides/agents.md`.

    python3 tests/peers/acp.py --lip target/stage/dev/lip [--agent gemini] [--agent codex] [--agent opencode] [--record FOLDER]

Needs `scripts/tools acp`, and `scripts/tools agents` for opencode. Uses the standard library only. What LIP and the agents say to each other is
written down, but for the story about the end of processes, and `acp_schema.py` holds LIP's side of it against the protocol's own schema.
"""

import argparse
import concurrent.futures
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
from acp_agents import AGENTS  # noqa: E402
from servers import PYTHON, end_when_told, quiet_env, run_quietly  # noqa: E402

PATIENCE_S = 90
AT_ONCE = 3
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


class House:
    """A host in front of one agent, and the model behind it."""

    def __init__(self, lip, agent, permissions="allow", idle_s=600, record=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lip-acp-"))
        self.project, home = self.folder / "project", self.folder / "home"
        self.project.mkdir(), home.mkdir()
        self.model = model.start()
        front = [sys.executable, str(HERE / "acp_tee.py"), str(record)] if record else []
        self.agent = AGENTS[agent](home, f"http://127.0.0.1:{self.model.server_port}", front)
        env = {"HOME": home, **self.agent.env}
        env = ", ".join(f"{name} = {json.dumps(str(value))}" for name, value in env.items())
        name = f"{self.agent.kind}.real"
        config = f'default_backend = "{name}"\nstale_acp_agent_kill_idle_seconds = {idle_s}\n[backends."{name}"]\ntype = "{self.agent.kind}"\n'
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

    def chat(self, history, session, stream=True, **chosen):
        """One chat turn: text and thoughts."""
        body = {"model": "default", "stream": stream, "messages": history, **chosen}
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


def turns_of_one_process(house):
    """Two turns are one process, which remembers; one that the client leaves is cancelled, and the process stays usable."""
    history = [user("My word is heliotrope.")]
    said, _ = house.chat(history, "one")
    pid = [row["pid"] for row in house.agents() if row["state"] == "idle"]
    assert len(pid) == 1, pid
    house.model.asked.clear()
    history += [{"role": "assistant", "content": said}, user("Say hello again")]
    assert house.chat(history, "one")[0] == GREETING
    assert [row["pid"] for row in house.agents()] == pid, "the same process"
    assert any("heliotrope" in json.dumps(body) for body in house.model.asked), "its own memory"

    body = {"model": "default", "stream": True, "messages": history + [{"role": "assistant", "content": GREETING}, user("[[SLOW 100]]")]}
    connection, answer = house.call("POST", "/v1/chat/completions", body, {"x-session-id": "one"}.items())
    while b"tick 1" not in answer.readline():
        pass
    connection.sock.close() if connection.sock else answer.close()
    answer.close()
    within("the model's client to leave", lambda: house.model.left)
    within("an idle agent", lambda: all(row["state"] == "idle" for row in house.agents()))
    assert house.chat(history + [{"role": "assistant", "content": GREETING}, user("Hello?")], "one")[0] == GREETING
    assert [row["pid"] for row in house.agents()] == pid, "cancelled and alive"


def idle_kill(house):
    """An idle agent ends with all its processes, and comes back with the whole conversation."""
    history = [user("My word is heliotrope.")]
    said, _ = house.chat(history, "one")
    within("the idle kill", lambda: house.logged("idle kill of an agent executed"), IDLE_S + 20)
    assert not house.agents() and not house.processes(), house.processes()
    house.model.asked.clear()
    assert house.chat(history + [{"role": "assistant", "content": said}, user("Say hello")], "one")[0] == GREETING
    assert any("heliotrope" in json.dumps(body) for body in house.model.asked), "the whole conversation is told"


def tool(house, is_allowed):
    """A tool that needs permission."""
    path = house.project / "made.txt"
    text, thoughts = house.chat([user(f"[[WRITE {path}]]")], "tool")
    assert path.exists() == is_allowed, (text, thoughts)
    assert house.logged("an agent asked for permission")
    assert not is_allowed or text == "".join(model.DONE), text


def choices(house):
    """The model and the effort that a client names are those that the agent asks for."""
    name, effort = house.agent.chosen
    asks = {"model": f"{house.agent.kind}.real:{name}"} | ({"reasoning_effort": effort} if effort else {})
    assert house.chat([user("Say hello")], "chosen", **asks)[0] == GREETING
    asked = [(body["model"], (body.get("reasoning") or {}).get("effort")) for body in house.model.asked]
    assert (name.rsplit("/", 1)[-1], effort) in asked, asked


def stories(lip, agent, record):
    """Each with its name, ready to be played in a house of its own. The end of processes is seen without a recorder among them."""
    plays = {
        "idle_kill": (idle_kill, {"idle_s": IDLE_S}),
        "every_frontend": (every_frontend, {"record": record}),
        "turns_of_one_process": (turns_of_one_process, {"record": record}),
        "tool_allowed": (lambda house: tool(house, True), {"record": record}),
        "tool_rejected": (lambda house: tool(house, False), {"record": record, "permissions": "reject"}),
        "choices": (choices, {"record": record}),
    }
    for name, (story, rules) in plays.items():
        yield name, lambda story=story, rules=rules: play(lip, agent, story, rules)


def play(lip, agent, story, rules):
    with House(lip, agent, **rules) as house:
        story(house)


def schema(agent, record):
    """LIP's side of what was said, by the protocol's schema."""
    wants = [word for method in AGENTS[agent].spoken for word in ("--want", method)]
    done = run_quietly([PYTHON, HERE / "acp_schema.py", record, "--side", "client", *wants], 60)
    print("\n".join(f"{agent:10} {line}" for line in done.stdout.splitlines()))
    assert done.returncode == 0, "the schema"


def main():
    end_when_told()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lip", required=True, type=os.path.abspath)
    parser.add_argument("--agent", action="append", choices=AGENTS, help="default: all")
    parser.add_argument("--record", type=pathlib.Path, help="keep what was said here; default: a folder that goes away")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lip-acp-") as folder:
        sys.exit(run(args, args.record or pathlib.Path(folder)))


def run(args, folder):
    """Every story of every agent; tells whether one failed."""
    agents = args.agent or list(AGENTS)
    for agent in agents:
        (folder / agent).mkdir(parents=True)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        played = pool.map(tell, [(agent, *story) for agent in agents for story in stories(args.lip, agent, folder / agent)])
        results = list(played)
    results += [tell((agent, "schema", lambda agent=agent: schema(agent, folder / agent))) for agent in agents]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return False in results


def tell(story):
    """Plays one, says how it went, and returns that."""
    agent, name, play_it = story
    began = time.monotonic()
    try:
        play_it()
        print(f"{agent:10} {name:20} passed {time.monotonic() - began:5.1f} s", flush=True)
        return True
    except Exception as error:  # noqa: BLE001
        print(f"{agent:10} {name:20} FAILED {error!r:.1500}", flush=True)
        return False


if __name__ == "__main__":
    main()
