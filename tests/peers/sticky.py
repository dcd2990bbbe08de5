#!/usr/bin/env python3
"""Agents behind balancers: three hosts that share a Redis, each of which may start the agent of a conversation, behind nginx, HAProxy and
Caddy, with the configurations of `config/balancers`. A conversation stays with one process of the agent, wherever its turns come.

    python3 tests/peers/sticky.py --lip target/stage/dev/lip --agent target/debug/stage-agent

Needs Debian's `redis-server`, `nginx`, `haproxy` and `caddy` (`scripts/tools scaleout`); uses the standard library.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sdk"))

from patience import PATIENCE_S, require, until  # noqa: E402
from scaleout_servers import AROUND, Child, Redis, ask, free_port, said  # noqa: E402
from servers import Server, end_when_told, quiet_env  # noqa: E402

BALANCERS = HERE.parent.parent / "config" / "balancers"
SECRET = "canary-cluster-0123456789abcdef"
ADDRESSES = ["10.0.0.11:8000", "10.0.0.12:8000", "10.0.0.13:8000"]
CONFIG = """\
default_backend = "custom-acp.stage"
log_level = "debug"
[backends.echo]
type = "echo"
[backends."custom-acp.stage"]
type = "custom-acp"
command = ["{agent}"]
project_dir = "{project}"
[cluster]
name = "{name}"
"""


# --- hosts and balancers ------------------------------------------------------------------------------


class Hosts:
    """Three that share `state`; `are_told`: each knows how the others reach it."""

    def __init__(self, lip, agent, folder, redis, are_told):
        folder.mkdir()
        project = folder / "project"
        project.mkdir()
        self.all = []
        for name in "abc":
            home, port = folder / name, free_port()
            home.mkdir()
            (home / "lip.toml").write_text(CONFIG.format(agent=agent, project=project, name=name))
            places = {key: str(home) for key in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
            env = places | {"LIP_STATE": redis.url(), "LIP_STATE_PREFIX": f"{folder.name}:", "LIP_USAGE_ENABLED": "true"}
            if are_told:
                env |= {"LIP_CLUSTER_ADDRESS": f"http://127.0.0.1:{port}", "LIP_CLUSTER_SECRET": SECRET}
            command = [lip, "--config", home / "lip.toml", "--port", str(port)]
            self.all.append(Server(name, command, env, r"lip listening on (http://\S+)", home / "log"))
        until("all hosts have the link", lambda: all(state(host)["is_up"] for host in self.all))

    @property
    def places(self):
        return [urllib.parse.urlsplit(host.origin).netloc for host in self.all]

    def agents(self):
        """The agents by their host: pid and what they do."""
        lists = {host.name: json.loads(ask(host.origin, "/v1/diagnostics/agents").body)["agents"] for host in self.all if host.alive()}
        return {(name, str(row["pid"])): row["state"] for name, rows in lists.items() for row in rows}

    def stop(self):
        for host in self.all:
            host.stop()


class Balancer(Child):
    """One of nginx, HAProxy and Caddy with a configuration as it is documented, but for addresses."""

    def __init__(self, folder, config, hosts):
        self.config, self.hosts, self.name = config, hosts, f"balancer-{config}"
        super().__init__(folder)

    def command(self):
        text = (BALANCERS / self.config).read_text()
        for address, place in zip(ADDRESSES, self.hosts.places, strict=True):
            assert address in text, f"{self.config} does not name {address}"
            text = text.replace(address, place)
        path = self.folder / self.name
        place = f"127.0.0.1:{self.port}"
        if self.config.startswith("nginx"):
            path.write_text(text.replace("listen 8080;", f"listen {place};"))
            main = self.folder / f"{self.name}-main"
            main.write_text(AROUND.format(folder=self.folder, name=self.name, text=f"  include {path};"))
            program = shutil.which("nginx") or "/usr/sbin/nginx"
            return [program, "-c", main, "-p", self.folder, "-e", self.folder / f"{self.name}-error.log"]
        if self.config.startswith("haproxy"):
            path.write_text(text.replace("bind :8080", f"bind {place}"))
            return [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", path]
        # Its own door for orders would be on one port of the machine.
        path.write_text("{\n\tadmin off\n}\n" + text.replace(":8080 {", f"http://{place} {{"))
        return ["caddy", "run", "--adapter", "caddyfile", "--config", path]

    def is_ready(self):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0 and ask(self.origin, "/livez").status == 200

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"


def state(host):
    return json.loads(ask(host.origin, "/v1/diagnostics").body)["state"]


def body(history, stream=False, model="custom-acp.stage:default"):
    return {"model": model, "stream": stream, "messages": [{"role": role, "content": text} for role, text in history]}


class Talk:
    """A conversation with the agent. Without a name it is known by its history."""

    def __init__(self, origin, name=None):
        self.origin, self.history, self.headers = origin, [("user", f"this is {name or os.urandom(4).hex()}"), ("assistant", "yes")], {}
        if name:
            self.headers = {"x-session-id": name}

    def says(self, text, stream=False, status=200, origin=None):
        turn = [*self.history, ("user", text)]
        answer = ask(origin or self.origin, "/v1/chat/completions", body(turn, stream), self.headers)
        require(f"{text} of {self.headers}: {answer.body[:400]}", answer.status, status)
        if status != 200:
            return answer
        self.history = [*turn, ("assistant", said(answer))]
        return said(answer)


# --- stories ------------------------------------------------------------------------------------------


def ten_turns(origin, name):
    """All with one process."""
    talk = Talk(origin, name)
    pids = {talk.says("[[PID]]", stream=at % 2 == 1) for at in range(10)}
    require(f"the processes of {name} at {origin}", len(pids), 1)
    return pids.pop()


def in_pieces(origin, name):
    """What the agent says first is there long before its last word, also where the turn was handed on."""
    talk = Talk(origin, name)
    talk.says("[[PID]]")
    parts = urllib.parse.urlsplit(origin)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)
    turn = body([*talk.history, ("user", "[[THINK]] [[SLOW 150]] hello")], stream=True)
    connection.request("POST", "/v1/chat/completions", json.dumps(turn), {"content-type": "application/json", **talk.headers})
    answer, came = connection.getresponse(), []
    while line := answer.readline():
        if line.startswith(b"data:"):
            came.append(time.monotonic())
    connection.close()
    assert came[-1] - came[0] > 0.14, f"a stream of {len(came)} events came within {came[-1] - came[0]:.3f} s"


def leaves(hosts, origin, name):
    """A client that goes away cancels its turn, on whichever host the agent is."""
    talk = Talk(origin, name)
    pid = talk.says("[[PID]]")
    parts = urllib.parse.urlsplit(origin)
    owner = next(host for host, own in hosts.agents() if own == pid)
    # At each host in turn: at two of them it is handed on.
    for host in hosts.all:
        parts = urllib.parse.urlsplit(host.origin)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)
        turn = body([*talk.history, ("user", "[[THINK]] [[SLOW 60000]] never")], stream=True)
        connection.request("POST", "/v1/chat/completions", json.dumps(turn), {"content-type": "application/json", **talk.headers})
        answer = connection.getresponse()
        answer.readline()
        require("what the agent does", hosts.agents()[owner, pid], "busy")
        answer.close()
        connection.close()
        until("the turn is cancelled", lambda: hosts.agents()[owner, pid] == "idle")
    require("the process after that", talk.says("[[PID]]"), pid)


def at_once(hosts):
    """Of hosts that are asked at the same moment one starts the agent, and the others hand their turns on."""
    for at in range(3):
        talk = Talk(hosts.all[0].origin, f"at-once-{at}")
        # The conversation is there, its agent is not.
        first = ask(talk.origin, "/v1/chat/completions", body([("user", "hello")], model="echo:m"), talk.headers)
        require("a turn without an agent", first.status, 200)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            pids = set(pool.map(lambda host, talk=talk: Talk(host.origin, talk.headers["x-session-id"]).says("[[PID]]"), hosts.all))
        require("processes that were started", len(pids), 1)


def door(hosts):
    """What hosts ask each other is for nobody else."""
    for place, secret in [("0" * 32, ""), ("0" * 32, SECRET[:-1]), ("0" * 32, SECRET + "x")]:
        answer = ask(hosts.all[0].origin, f"/v1/cluster/agents/{place}", {}, {"lip-cluster-secret": secret})
        require("a wrong secret", (answer.status, answer.headers.get("lip-owner")), (401, None))
    for place in ["0" * 32, "0", "z" * 32, "%00"]:
        answer = ask(hosts.all[0].origin, f"/v1/cluster/agents/{place}", {}, {"lip-cluster-secret": SECRET})
        require("an agent that nobody has", answer.status, 410)
    shown = "".join(host.log.read_text("utf-8", "replace") for host in hosts.all) + json.dumps([state(host) for host in hosts.all])
    assert SECRET not in shown, "the secret is shown"


def counted(hosts):
    """Each turn was counted once, by the host that its client asked."""
    rows, forwarded = 0, 0
    for host in hosts.all:
        answer = json.loads(ask(host.origin, "/v1/diagnostics").body)["state"]["agents"]
        lines = [line for line in ask(host.origin, "/metrics").body.splitlines() if line.startswith("lip_turns_forwarded_total")]
        require("the metric", [float(line.split()[-1]) for line in lines], [answer["turns_forwarded"]])
        forwarded += answer["turns_forwarded"]
        rows += len(json.loads(ask(host.origin, "/v1/usage/recent?limit=500").body)["turns"])
    return rows, forwarded


def killed(hosts, origin):
    """The host that has the agent is killed: the next turn has a new process, on another host, and its client sees nothing of it."""
    talk = Talk(origin, "killed")
    pid = talk.says("[[PID]]")
    owner = next(name for name, own in hosts.agents() if own == pid)
    host = next(host for host in hosts.all if host.name == owner)
    os.kill(host._process.pid, signal.SIGKILL)
    until("it is gone", lambda: not host.alive())
    began = time.monotonic()
    prompt = talk.says("[[ECHO]]")
    assert pid in prompt, f"the new process does not know the conversation: {prompt}"
    assert time.monotonic() - began < 5, f"it took {time.monotonic() - began:.1f} s"
    new = {talk.says("[[PID]]") for _ in range(4)}
    require("processes after that", (len(new), pid in new), (1, False))
    assert [name for name, own in hosts.agents() if own in new] not in ([], [owner]), hosts.agents()


def ends(hosts):
    """An agent that has ended is started again, where it was or where the next turn comes, whether or not its record is gone by then."""
    for at in range(3):
        talk = Talk(hosts.all[0].origin, f"ends-{at}")
        pid = talk.says("[[PID]]")
        require("an order", ask(hosts.all[0].origin, f"/v1/diagnostics/agents/{pid}/stop", {}).status, 200)
        new = talk.says("[[PID]]", origin=hosts.all[1 + at % 2].origin)
        assert new != pid, "a dead process has answered"
        require("processes of the conversation", {talk.says("[[PID]]", origin=host.origin) for host in hosts.all}, {new})


def away(redis, hosts):
    """While the shared state is away each host has agents of its own, and no turn fails; when it is back, one of them goes on."""
    talk = Talk(hosts.all[0].origin, "away")
    talk.says("[[PID]]")
    redis.stop()
    until("all know", lambda: not any(state(host)["is_up"] for host in hosts.all))
    pids = {Talk(host.origin, "away").says("[[PID]]") for host in hosts.all}
    require("processes without the state", len(pids), 3)
    assert redis.start(), "Redis is back"
    until("all know", lambda: all(state(host)["is_up"] for host in hosts.all))
    one = lambda: {Talk(host.origin, "away").says("[[PID]]") for host in hosts.all}  # noqa: E731
    until("one of them goes on", lambda: len(one()) == 1)


def doctor(lip, folder, redis, hosts):
    """It asks the address by which others reach a host."""

    def asked(address, secret=SECRET):
        env = quiet_env() | {"HOME": str(folder), "LIP_STATE": redis.url(), "LIP_CLUSTER_ADDRESS": address, "LIP_CLUSTER_SECRET": secret}
        done = subprocess.run([str(lip), "doctor", "--json"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert b"canary" not in done.stdout + done.stderr, done
        return next(line for line in json.loads(done.stdout)["findings"] if line["what"] in ("cluster.address", "configuration") and line["level"] != "ok" or line["what"] == "cluster.address")

    good = asked(hosts.all[0].origin)
    require("a host that is there", good["level"], "ok")
    other = asked(hosts.all[0].origin, "canary-another-0123456789abcdef")
    assert other["level"] == "fail" and "cluster.secret" in other["remedy"], other
    gone = asked(f"http://127.0.0.1:{free_port()}")
    assert gone["level"] == "warn" and "address" in gone["remedy"], gone
    short = asked(hosts.all[0].origin, "short")
    assert short["level"] == "fail" and "16" in short["finding"], short


def told(hosts):
    """Hosts that cannot reach each other say who has the agent."""
    talk = Talk(hosts.all[0].origin, "told")
    pid = talk.says("[[PID]]")
    for host in hosts.all[1:]:
        answer = talk.says("[[PID]]", status=409, origin=host.origin)
        require("who has it", answer.headers.get("lip-owner"), "a")
        error = json.loads(answer.body)["error"]
        assert error["code"] == "agent_on_other_host" and '"a"' in error["message"], error
        streamed = talk.says("[[PID]]", status=409, origin=host.origin, stream=True)
        require("who has it", streamed.headers.get("lip-owner"), "a")
    require("at the owner", talk.says("[[PID]]"), pid)
    # The operator ends it: who is asked next may start it.
    require("an order", ask(hosts.all[0].origin, f"/v1/diagnostics/agents/{pid}/stop", {}).status, 200)
    elsewhere = lambda: ask(hosts.all[1].origin, "/v1/chat/completions", body([*talk.history, ("user", "[[PID]]")]), talk.headers).status  # noqa: E731
    until("another host starts it", lambda: elsewhere() == 200)
    require("where it is now", talk.says("[[PID]]", status=409).headers.get("lip-owner"), "b")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lip", type=pathlib.Path, required=True, help="the staged binary; its plugins lie next to it")
    parser.add_argument("--agent", type=pathlib.Path, required=True, help="the agent of stories")
    given = parser.parse_args()
    lip, agent = given.lip.resolve(), given.agent.resolve()
    end_when_told()
    running = []

    def begin(server):
        running.append(server)
        return server

    def tell(what, story):
        began = time.monotonic()
        found = story()
        print(f"ok    {what}, {time.monotonic() - began:.1f} s", flush=True)
        return found

    with tempfile.TemporaryDirectory(prefix="lip-sticky-", ignore_cleanup_errors=True) as temporary:
        folder = pathlib.Path(temporary)
        try:
            redis = begin(Redis(folder))
            hosts = begin(Hosts(lip, agent, folder / "reach", redis, are_told=True))
            fronts = [begin(Balancer(folder, config, hosts)) for config in ("nginx.conf", "haproxy.cfg", "Caddyfile")]
            n_turns = 0
            for front in fronts:
                tell(f"ten turns behind {front.config}", lambda front=front: (ten_turns(front.origin, front.config), ten_turns(front.origin, None)))
                tell(f"a stream behind {front.config}", lambda front=front: in_pieces(front.origin, f"pieces-{front.config}"))
                require("the inner door from outside", ask(front.origin, f"/v1/cluster/agents/{'0' * 32}", {}).status, 404)
                n_turns += 22
            until("a row of usage for each turn", lambda: counted(hosts)[0] == n_turns)
            _, forwarded = counted(hosts)
            assert forwarded > n_turns / 3, f"only {forwarded} of {n_turns} turns were handed on"
            tell("hosts that are asked at once", lambda: at_once(hosts))
            tell("a client that leaves", lambda: leaves(hosts, fronts[0].origin, "leaves"))
            tell("the inner door", lambda: door(hosts))
            tell("an agent that has ended", lambda: ends(hosts))
            tell("the doctor", lambda: doctor(lip, folder, redis, hosts))
            tell("an outage of the state", lambda: away(redis, hosts))
            tell("a host is killed", lambda: killed(hosts, fronts[0].origin))
            alone = begin(Hosts(lip, agent, folder / "alone", redis, are_told=False))
            tell("hosts that cannot reach each other", lambda: told(alone))
            for config in ("nginx-409.conf", "haproxy-sticky.cfg", "Caddyfile-sticky"):
                front = begin(Balancer(folder, config, alone))
                tell(f"ten turns behind {config}", lambda front=front: ten_turns(front.origin, front.config))
                tell(f"a stream behind {config}", lambda front=front: in_pieces(front.origin, f"pieces-{front.config}"))
                conflict = ask(front.origin, "/v1/chat/completions", body([("user", "#echo error 409 taken")], model="echo:m"))
                require(f"a provider's own 409 behind {config}", conflict.status, 409)
        except AssertionError:
            for server in running:
                for host in server.all if isinstance(server, Hosts) else []:
                    print(host.shown())
            raise
        finally:
            for server in reversed(running):
                server.stop()


if __name__ == "__main__":
    main()
