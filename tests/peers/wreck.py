#!/usr/bin/env python3
"""Each part of a fleet is killed in turn under one load: a host, Redis, PostgreSQL, and nginx reads its file again. Only turns that were on the
killed host and had begun their output fail, and what the database says was used is what the clients have counted.

    python3 tests/peers/wreck.py --lip target/stage/dev/lip

Needs what `scaleout.py` and `postgres.py` need. The fleet is that of `config/fleet`, where hosts have `usage.durable = "turn"`: a turn whose end its client has seen
is written.

A turn that nginx has tried on a host that was killed, and then on another, may have two rows: its provider was asked twice. There is such a second row
only where the first host had ended the turn, and no byte of it had come.
"""

import hashlib
import http.client
import json
import pathlib
import signal
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from frame import frame, lip_of_arguments, tell  # noqa: E402
from patience import PATIENCE_S, require, until  # noqa: E402
from postgres import Host, Postgres  # noqa: E402
from scaleout_servers import ALL, AROUND, PASSWORD, Nginx, Redis  # noqa: E402

FLEET = pathlib.Path(__file__).resolve().parent.parent.parent / "config/fleet"
N_CLIENTS = 12
LONG, SLOW = range(0, 4), range(4, 8)
"""Clients whose turns are long streams, so that there is one to be cut, and those that wait long for a whole answer; the others' turns are quick."""
LONG_S, WAIT_S = 0.75, 0.4
SLOW_S = 8.0
KEY = "canary-client-{}-0123456789abcdef"
OPERATOR = "canary-operator-0123456789abcdef"
PRICES = '[[price]]\nmodel = "start"\nbackend = "echo"\ninput = 3\noutput = 7\n'


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def configuration(folder):
    """That of the reference deployment, and client keys of which half have bounds, which are counted in Redis."""
    (folder / "prices.toml").write_text(PRICES)
    keys = [("op", OPERATOR, "operator = true\n")]
    keys += [(f"c{n}", KEY.format(n), "requests_per_day = 1000000\n" if n % 2 else "") for n in range(N_CLIENTS)]
    told = "".join(f'[auth.keys.{name}]\nhash = "sha256:{sha256(key)}"\n{more}' for name, key, more in keys)
    # A host of a test has a backend of its own.
    return (FLEET / "lip.toml").read_text().replace('default_backend = "openai"\n', "") + told


class State(Redis):
    """With the configuration of the reference deployment, but for its address and password."""

    def command(self):
        text = (FLEET / "redis.conf").read_text()
        for wanted, own in [("bind 10.0.0.21", "bind 127.0.0.1"), ("port 6379", f"port {self.port}"), (">PASSWORD", f">{PASSWORD}")]:
            assert wanted in text, wanted
            text = text.replace(wanted, own)
        path = self.folder / "redis.conf"
        path.write_text(text)
        return ["redis-server", path, "--dir", self.folder]

    def ask(self, *words, check=True):
        return super().ask("--user", "lip", *words, check=check)

    def url(self):
        return f"redis://lip:{PASSWORD}@127.0.0.1:{self.port}/0"


class Balancer(Nginx):
    """With the configuration of the reference deployment, but for addresses."""

    def configuration(self, _):
        text = (FLEET / "nginx.conf").read_text().replace("listen 8080;", f"listen 127.0.0.1:{self.port};")
        for address, host in zip(["10.0.0.11:8000", "10.0.0.12:8000", "10.0.0.13:8000"], self.hosts, strict=True):
            assert address in text, address
            text = text.replace(address, netloc(host))
        return AROUND.format(folder=self.folder, name="nginx", text=text)

    def reload(self):
        self.write()
        self.process.send_signal(signal.SIGHUP)


class Turn:
    """One turn of a client, as the client knows it."""

    def __init__(self, client, at):
        self.client, self.at = client, at
        self.stream = client in LONG or (client not in SLOW and at % 2 == 0)
        self.tokens = (1_000_000 * (client + 1) + at, at % 97)
        """Asked for, and no other turn's: so a row has a name."""
        self.host, self.has_begun, self.fault, self.said = None, False, None, None
        self.began, self.ended = time.monotonic(), None

    def request(self):
        text = f"#echo usage {self.tokens[0]} {self.tokens[1]}\n"
        if self.client in LONG:
            text += f"#echo delay {LONG_S / 50 * 1000:.0f}\n#echo chunk 1\n" + "x" * 50
        else:
            text += f"#echo delay {WAIT_S * 1000:.0f}\nhello" if self.client in SLOW else "hello to all of you"
        path, body = ALL[(self.client + self.at) % 4]([("user", text)], self.stream)
        if path == "/v1/chat/completions" and self.stream:
            body["stream_options"] = {"include_usage": True}
        return path, body


END = {
    "/v1/chat/completions": "data: [DONE]",
    "/v1/messages": "event: message_stop",
    "/v1/responses": "event: response.completed",
    "/v1beta/": '"finishReason"',
}
NAMES = [
    ("prompt_tokens", "completion_tokens"),
    ("promptTokenCount", "candidatesTokenCount"),
    ("input_tokens", "output_tokens"),
]


def counted(value, found=None):
    """The last counts of tokens that stand in an answer."""
    found = found if found is not None else {}
    if isinstance(value, dict):
        for names in NAMES:
            found |= {side: value[name] for side, name in enumerate(names) if isinstance(value.get(name), int)}
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        counted(inner, found)
    return found


def used(path, body, stream):
    """Tokens in and out, of an answer that is whole."""
    if not stream:
        found = counted(json.loads(body))
    else:
        assert any(word in body for start, word in END.items() if path.startswith(start)), f"no end: {body[-200:]}"
        events = [line[5:].strip() for line in body.splitlines() if line.startswith("data:")]
        found = {}
        for event in events:
            if event != "[DONE]":
                counted(json.loads(event), found)
    return found[0], found[1]


class Load:
    """Clients that ask without end, each with its key, and count for themselves."""

    def __init__(self, nginx):
        self.netloc, self.turns, self.open = f"127.0.0.1:{nginx.port}", [], {}
        self._lock, self._over = threading.Lock(), threading.Event()
        self._clients = [threading.Thread(target=self._client, args=(n,), daemon=True) for n in range(N_CLIENTS)]
        for client in self._clients:
            client.start()

    def _client(self, n):
        at = 0
        while not self._over.is_set():
            at += 1
            turn = self.open[n] = Turn(n, at)
            try:
                self._carry_out(turn)
            except (OSError, http.client.HTTPException, AssertionError, KeyError, ValueError) as fault:
                turn.fault = repr(fault)
            turn.ended = time.monotonic()
            with self._lock:
                self.turns.append(turn)

    def _carry_out(self, turn):
        connection = http.client.HTTPConnection(self.netloc, timeout=PATIENCE_S)
        try:
            path, body = turn.request()
            headers = {"content-type": "application/json", "authorization": f"Bearer {KEY.format(turn.client)}", "x-session-id": f"{turn.client}"}
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            turn.host = answer.headers.get("x-tried", "")
            pieces = []
            while piece := answer.read1(65536):
                turn.has_begun = answer.status == 200
                pieces.append(piece)
            text = b"".join(pieces).decode()
            assert answer.status == 200, f"{answer.status}: {text[:300]}"
            length = answer.headers.get("content-length")
            assert length is None or int(length) == len(b"".join(pieces)), "the body is short"
            turn.said = used(path, text, turn.stream)
            require("the tokens that were asked for", turn.said, turn.tokens)
        finally:
            connection.close()

    def more(self, n=150):
        """Until so many turns that began after this moment have ended well, of every client at least one."""
        now = time.monotonic()
        good = lambda: [turn.client for turn in list(self.turns) if turn.began > now and not turn.fault]  # noqa: E731
        until(f"{n} turns", lambda: len(clients := good()) >= n and len(set(clients)) == N_CLIENTS)

    def begun_on(self, host):
        """Long streams of which something has come from this host, and the most of which is to come."""
        place, now = netloc(host), time.monotonic()
        is_young = lambda turn: turn.client in LONG and turn.has_begun and now - turn.began < LONG_S / 2  # noqa: E731
        return [turn for turn in list(self.open.values()) if is_young(turn) and turn.host.endswith(place)]

    def stop(self):
        self._over.set()
        for client in self._clients:
            client.join(PATIENCE_S)
        assert not any(client.is_alive() for client in self._clients), "a client is not answered"


class Wreck:
    """The fleet, the load, and who was killed."""

    def __init__(self, held, lip):
        self.postgres, folder = held.add(Postgres(held.folder("pg"))), held.folder("lip-wreck-")
        self.redis, url = held.add(State(folder)), self.postgres.make("wreck")
        env = {"LIP_STATE": self.redis.url(), "LIP_HOST": "127.0.0.1", "LIP_USAGE_PRICES_FILE": str(folder / "prices.toml")}
        self.hosts = [held.add(Host(lip, folder / name, url, configuration(folder), env)) for name in "abc"]
        for host in self.hosts:
            host.key = OPERATOR
        self.nginx = held.add(Balancer(folder, self.hosts))
        self.load, self.killed = Load(self.nginx), []

    def seen(self, host):
        """Until turns come from it through nginx."""
        place, now = netloc(host), time.monotonic()
        until("turns of the new host", lambda: any(turn.began > now and (turn.host or "").endswith(place) for turn in list(self.load.turns)))

    def host(self):
        self.load.more()
        host = self.hosts[1]
        streams = until("turns to be cut", lambda: waits_on(host) and self.load.begun_on(host))
        host.server.kill()
        self.killed.append(netloc(host))
        self.load.more()
        assert any(turn.fault for turn in streams), "no stream was cut: the load is too small"
        moved = [turn for turn in self.load.turns if turn.client in SLOW and turn.host.startswith(f"{self.killed[0]}, ")]
        assert any(turn.ended - turn.began > WAIT_S + 0.02 and not turn.fault for turn in moved), "no turn was asked twice"
        host.begin()
        self.nginx.reload()
        self.seen(host)
        self.load.more()

    def state(self):
        self.redis.stop()
        up = lambda: [json.loads(host.ask("/v1/diagnostics")[1])["state"]["is_up"] for host in self.hosts]  # noqa: E731
        until("all know", lambda: not any(up()))
        self.load.more()
        assert self.redis.start(), "Redis is back"
        until("all know", lambda: all(up()))
        self.load.more()

    def database(self):
        self.postgres.kill()
        self.load.more()
        until("rows that wait", lambda: all(number(host, "lip_usage_spooled") > 0 for host in self.hosts))
        self.postgres.start()
        until("all rows are home", lambda: all(number(host, "lip_usage_spooled") == 0 for host in self.hosts))
        self.load.more()

    def balancer(self):
        self.nginx.reload()
        self.load.more()
        self.nginx.reload()
        self.load.more()

    def settled(self):
        """What the clients have counted is what is written."""
        self.load.stop()
        for host in self.hosts:
            until("all rows", lambda: number(host, "lip_usage_spooled") + number(host, "lip_usage_waiting") == 0)
            require("lost rows", number(host, "lip_usage_lost_total"), 0)
        failed = [turn for turn in self.load.turns if turn.fault]
        for turn in failed:
            allowed = turn.has_begun and turn.host.split(", ")[-1] in self.killed
            assert allowed, f"a turn failed that was not cut on the killed host: {vars(turn)}"
        slow = max(turn.ended - turn.began for turn in self.load.turns)
        assert slow < SLOW_S, f"a turn took {slow:.1f} s"
        self.compared(failed)

    def compared(self, failed):
        question = "SELECT caller, input, output, cost_micro, outcome FROM lip_turns"
        rows = [line.split("|") for line in self.postgres.ask(question, "wreck").splitlines()]
        written = {}
        for caller, sent, got, cost, outcome in rows:
            written.setdefault((caller, int(sent), int(got)), []).append((int(cost), outcome))
        whole = [turn for turn in self.load.turns if not turn.fault]
        doubles = cut = 0
        for turn in self.load.turns:
            found = written.pop((f"c{turn.client}", *turn.tokens), [])
            cost = 3 * turn.tokens[0] + 7 * turn.tokens[1]
            assert all(row == (cost, "answered") for row in found), (vars(turn), found)
            tried = turn.host.split(", ")
            if turn.fault:
                # Its row was written, and its last bytes were lost with the host.
                assert len(found) <= 1, (vars(turn), found)
                cut += len(found)
            else:
                assert 1 <= len(found) <= 1 + sum(host in self.killed for host in tried[:-1]), (vars(turn), found)
                doubles += len(found) - 1
        require("rows of turns that nobody asked for", written, {})
        total = json.loads(self.hosts[0].ask("/v1/usage/stats")[1])["total"]
        require("turns, as they are told", total["turns"], len(whole) + doubles + cut)
        if doubles + cut == 0:
            sums = (sum(turn.said[0] for turn in whole), sum(turn.said[1] for turn in whole))
            require("tokens, as they are told", (total["input"], total["output"]), sums)
            require("cost, as it is told", round(total["cost_usd"] * 1e6), 3 * sums[0] + 7 * sums[1])
        print(f"      {len(whole)} turns are whole and written; {len(failed)} were cut on the killed host, {cut} of them written; {doubles} were asked twice")


def netloc(host):
    return urllib.parse.urlsplit(host.origin).netloc


def waits_on(host):
    """Are there turns on this host that wait for a whole answer, and for the most of it still?"""
    turns = json.loads(host.ask("/v1/diagnostics/activity")[1])["turns"]
    slow = {f"c{n}" for n in SLOW}
    return any(turn["caller"] in slow and turn["duration_seconds"] < WAIT_S / 2 for turn in turns)


def number(host, name):
    lines = [line for line in host.ask("/metrics")[1].decode().splitlines() if line.startswith(name + " ")]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else 0.0


def main():
    lip = lip_of_arguments(__doc__)
    with frame() as held:
        wreck = Wreck(held, lip)
        tell(
            [
                ("a host is killed and comes back", wreck.host),
                ("Redis is killed and comes back empty", wreck.state),
                ("PostgreSQL is killed and comes back", wreck.database),
                ("nginx reads its file again", wreck.balancer),
                ("what is written is what the clients have counted", wreck.settled),
            ]
        )


if __name__ == "__main__":
    main()
