#!/usr/bin/env python3
"""Many hosts as one: three hosts that share a Redis, behind nginx. Conversations land on whichever, and go on as on one host; Redis is
killed, stopped, emptied and filled with rubbish under load, and no turn fails or waits.

    python3 tests/peers/scaleout.py --lip target/stage/dev/lip

Needs Debian's `redis-server` and `nginx` (`scripts/tools scaleout`); uses the standard library. All servers listen on loopback, on ports that the
system chose, and end with this program.
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sdk"))

from frame import frame, lip_of_arguments, tell  # noqa: E402
from patience import PATIENCE_S, require, until  # noqa: E402
from scaleout_servers import ALL, CONFIG, PASSWORD, Nginx, Redis, TlsRedis, ask, chat, free_port, said, start_lip, text_of  # noqa: E402
from servers import quiet_env  # noqa: E402

SLOW_S = 2.0
"""No turn takes longer, whatever Redis does."""
N_TURNS = 50


# --- one conversation over all hosts ------------------------------------------------------------------


def script(rng, n):
    """What a user says in `n` turns, among it commands that must be remembered, and where the turn goes after each."""
    model = None
    for at in range(n):
        kind = rng.choice(["plain", "plain", "plain", "model", "alone", "oneoff"])
        if kind == "plain":
            yield f"question {at}", f"echo:{model or 'start'}"
        elif kind == "model":
            model = f"m{at}"
            yield f"!/model(echo:{model})\nquestion {at}", f"echo:{model}"
        elif kind == "alone":
            model = f"a{at}"
            yield f"!/model(echo:{model})", None
        else:
            yield f"!/oneoff(echo:once{at})\nquestion {at}", f"echo:once{at}"


def converse(origins, seed, named, fronts):
    """A conversation of which every turn goes to any of `origins`; what was answered, without what is new each time."""
    rng, seen, history = random.Random(seed), [], []
    how, where = random.Random(seed + 1), random.Random(seed + 2)
    headers = {"x-session-id": f"conversation-{seed}"} if named else {"user-agent": f"client-{seed}"}
    for at, (text, route) in enumerate(script(rng, N_TURNS)):
        history.append(("user", text))
        path, body = how.choice(fronts)(history, how.random() < 0.5)
        answer = ask(where.choice(origins), path, body, headers)
        require(f"turn {at} of conversation {seed}: {text}: {answer.body[:300]}", answer.status, 200)
        reply = said(answer)
        assert reply, f"turn {at}: no text in {answer.body[:500]}"
        require(f"the route of turn {at} of conversation {seed}, {text}, at {path}", answer.route, route)
        assert "!/" not in reply, f"turn {at}: a command went upstream: {reply}"
        history.append(("assistant", reply))
        seen.append((path.split("?")[0], answer.route, reply))
    return seen


def conversations(lip, folder, origins):
    """As on one host: with a name over all protocols, without one over each."""
    one = start_lip(lip, folder / "one")
    try:
        cases = [(n, True, ALL) for n in range(3)] + [(10 + n, False, [front]) for n, front in enumerate(ALL)]
        for seed, named, fronts in cases:
            alone = converse([one.origin], seed, named, fronts)
            shared = converse(origins, seed, named, fronts)
            for at, (a, b) in enumerate(zip(alone, shared, strict=True)):
                require(f"turn {at} of conversation {seed}", b, a)
    finally:
        one.stop()


# --- answers that are continued by their id ----------------------------------------------------------


def respond(origin, text, before=None, stream=False, status=200):
    """The id of the answer, and the answer."""
    body = {"model": "echo:start", "input": text, "stream": stream, **({"previous_response_id": before} if before else {})}
    answer = ask(origin, "/v1/responses", body, {"user-agent": "continues"})
    require(f"{text} after {before} at {origin}: {answer.body[:300]}", answer.status, status)
    if status != 200:
        return None, answer
    if not stream:
        return json.loads(answer.body)["id"], answer
    last = [json.loads(line[5:]) for line in answer.body.splitlines() if line.startswith("data:") and "response.completed" in line]
    return last[-1]["response"]["id"], answer


def items(origin, response):
    answer = ask(origin, f"/v1/responses/{response}/input_items?limit=100&order=asc")
    return [text_of(item) for item in json.loads(answer.body)["data"]] if answer.status == 200 else answer.status


def continued(hosts, origins):
    """`previous_response_id` works at any host, with all that stands before it, and what was set."""
    rng, before, said_so_far, ids = random.Random(7), None, [], []
    for at in range(20):
        text = f"!/model(echo:r)\nquestion {at}" if at == 5 else f"question {at}"
        before, answer = respond(rng.choice(origins), text, before, rng.random() < 0.5)
        require(f"the route of answer {at}", answer.route, "echo:r" if at >= 5 else "echo:start")
        said_so_far += [text, f"question {at}"]
        ids.append(before)
    for origin in origins:
        require(f"what went into the last answer, as {origin} says", items(origin, before), said_so_far[:-1])
        require("a response that is fetched", json.loads(ask(origin, f"/v1/responses/{before}").body)["id"], before)
    # One that was deleted is deleted everywhere, and what continues it goes on.
    one = http.client.HTTPConnection(urllib.parse.urlsplit(origins[0]).netloc, timeout=PATIENCE_S)
    one.request("DELETE", f"/v1/responses/{ids[10]}")
    require("the status of a delete", one.getresponse().status, 200)
    for origin in origins:
        require("what was deleted", ask(origin, f"/v1/responses/{ids[10]}").status, 404)
        require("what continues it", items(origin, ids[11]), said_so_far[:23])
        respond(origin, "more", ids[11])
    # Nobody else's.
    assert sum(state(host)["is_up"] for host in hosts) == len(hosts)


def resting(lip, folder, redis, hosts):
    """What one host finds at its limit is left alone by all, also by one that comes later; an operator's word counts for all."""
    rests = lambda host: [  # noqa: E731
        model["name"]
        for instance in json.loads(ask(host.origin, "/v1/diagnostics").body)["instances"]
        if instance["name"] == "echo"
        for key in instance["key_pool"]
        for model in key["models_resting"]
    ]
    require("rests before", [rests(host) for host in hosts], [[]] * 3)
    message = "#echo error 429 too many\n#echo retry-after 600"
    body = {"model": "echo:busy|echo.spare:busy", "messages": [{"role": "user", "content": message}]}
    require("the status of a turn that nobody answers", ask(hosts[0].origin, "/v1/chat/completions", body).status, 429)
    until("all leave it alone", lambda: all(rests(host) == ["busy"] for host in hosts))
    late = start_lip(lip, folder / "late", redis.url())
    try:
        until("a late host leaves it alone", lambda: rests(late) == ["busy"])
        require("an operator's word", ask(late.origin, "/v1/diagnostics/backends/echo/reactivate", {}).status, 200)
        until("all have another try", lambda: not any(rests(host) for host in [*hosts, late]))
    finally:
        late.stop()


def reloading(folder, hosts):
    """Where one host reads its configuration again, all do."""
    for name in "abc":
        config = folder / name / "lip.toml"
        config.write_text(config.read_text() + '[failover_routes]\neverywhere = ["echo:there"]\n')
    require("a reload", ask(hosts[1].origin, "/v1/diagnostics/config/reload", {}).status, 200)
    body = {"model": "everywhere", "messages": [{"role": "user", "content": "hello"}]}
    there = lambda: {ask(host.origin, "/v1/chat/completions", body).route for host in hosts} == {"echo:there"}  # noqa: E731
    until("all hosts have read it", there)


# --- Redis as it must not be ------------------------------------------------------------------------


class Load:
    """Turns that come without end, in conversations of their own, through nginx; all are counted."""

    def __init__(self, origin, n_clients=8):
        self.origin, self.ends, self.slowest, self.n, self.faults = origin, threading.Event(), 0.0, 0, []
        self._lock = threading.Lock()
        self._pool = concurrent.futures.ThreadPoolExecutor(n_clients)
        self._running = [self._pool.submit(self._client, n) for n in range(n_clients)]

    def _client(self, n):
        at = 0
        while not self.ends.is_set():
            at += 1
            path, body = ALL[(n + at) % 4]([("user", f"turn {at}")], at % 2 == 0)
            began = time.monotonic()
            try:
                answer = ask(self.origin, path, body, {"x-session-id": f"load-{n}-{at // 20}"})
                fault = None if answer.status == 200 else f"{answer.status}: {answer.body[:200]}"
            except OSError as error:
                fault = repr(error)
            took = time.monotonic() - began
            with self._lock:
                self.n, self.slowest = self.n + 1, max(self.slowest, took)
                if fault:
                    self.faults.append(fault)

    def more(self, n=200):
        """Waits until so many turns more have ended."""
        wanted = self.n + n
        until(f"{n} turns", lambda: self.n >= wanted)

    def stop(self):
        self.ends.set()
        concurrent.futures.wait(self._running, PATIENCE_S)
        self._pool.shutdown()
        require(f"failed turns of {self.n}", self.faults[:3], [])
        assert self.slowest < SLOW_S, f"a turn took {self.slowest:.2f} s"


def state(host):
    return json.loads(ask(host.origin, "/v1/diagnostics").body)["state"]


def metric(host, name):
    lines = [line for line in ask(host.origin, "/metrics").body.splitlines() if line.startswith(name)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def settled(hosts):
    """Until all hosts have the link and owe nothing."""
    is_well = lambda host: (now := state(host))["is_up"] and now["sessions"]["owed"] == 0  # noqa: E731
    until("all hosts in order", lambda: all(is_well(host) for host in hosts))


def outages(redis, hosts, front):
    """Killed, hung, emptied, full of rubbish: under load no turn fails or waits, and afterwards all is as it was."""
    load = Load(front)
    try:
        load.more()
        redis.stop()
        until("all know", lambda: not any(state(host)["is_up"] for host in hosts))
        load.more()
        require("lip_state_up", sum(metric(host, "lip_state_up") for host in hosts), 0)
        assert all(state(host)["sessions"]["owed"] > 0 for host in hosts), "nothing waits to be written"
        assert redis.start(), "Redis is back"
        until("all know", lambda: all(state(host)["is_up"] for host in hosts))
        load.more()

        redis.process.send_signal(signal.SIGSTOP)
        until("all know", lambda: not any(state(host)["is_up"] for host in hosts))
        load.more()
        redis.process.send_signal(signal.SIGCONT)
        until("all know", lambda: all(state(host)["is_up"] for host in hosts))
        load.more()

        redis.ask("-n", 3, "FLUSHDB")
        load.more()
        for key in redis.ask("-n", 3, "--scan").splitlines():
            rubbish(redis, key)
        load.more()
        redis.ask("-n", 3, "FLUSHDB")
        load.more()
    finally:
        load.stop()
    settled(hosts)
    for host in hosts:
        log = host.log.read_text("utf-8", "replace")
        assert "the shared state is away" in log, f"{host.name} did not notice"
        assert PASSWORD not in log and "panicked" not in log, log[-2000:]


def rubbish(redis, key):
    kind = hash(key) % 4
    if kind == 0:
        redis.ask("-n", 3, "DEL", key)
        redis.ask("-n", 3, "LPUSH", key, "rubbish")
    elif redis.ask("-n", 3, "TYPE", key) == "hash":
        redis.ask("-n", 3, "HSET", key, *[["version", "x"], ["bytes", "1{\"turns\":"], ["version", "-1", "bytes", ""]][kind - 1])
    else:
        redis.ask("-n", 3, "SET", key, ["", "zz" * 16, "0" * 32][kind - 1])


def outlives(redis, hosts):
    """What was set while Redis was away is known to all when it is back."""
    redis.stop()
    until("all know", lambda: not any(state(host)["is_up"] for host in hosts))
    headers = {"x-session-id": "outlives"}
    for n in range(80):
        path, body = chat([("user", f"!/model(echo:m{n})\nhello")], False)
        require("a turn", ask(hosts[0].origin, path, body, headers).route, f"echo:m{n}")
    answer, _ = respond(hosts[0].origin, "in the outage")
    assert redis.start()
    settled(hosts)
    until("an answer of the outage", lambda: items(hosts[1].origin, answer) == ["in the outage"])
    respond(hosts[2].origin, "after it", answer)
    path, body = chat([("user", "hello")], False)
    for host in hosts:
        require("the route on every host", ask(host.origin, path, body, headers).route, "echo:m79")


def shown(redis, lip, folder, hosts):
    """The doctor looks at the server; nothing shows the password; what is kept is bounded in time and has one slot for each caller."""
    keys = redis.ask("-n", 3, "--scan").splitlines()
    assert keys and all(key.startswith("lip:") for key in keys), keys[:5]
    assert len({key[key.index("{") : key.index("}")] for key in keys if not key.startswith("lip:rest:")}) == 1
    assert all(int(redis.ask("-n", 3, "PTTL", key)) > 0 for key in keys[:40])
    home = folder / "doctor"
    home.mkdir()
    (home / "lip.toml").write_text(CONFIG)

    def doctor(url):
        env = quiet_env() | {"HOME": str(home), "LIP_STATE": url}
        command = [str(lip), "doctor", "--json", "--config", str(home / "lip.toml")]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert b"canary" not in done.stdout + done.stderr, done
        return next(line for line in json.loads(done.stdout)["findings"] if line["what"] == "shared state")

    good = doctor(redis.url())
    assert good["level"] == "ok" and "Redis" in good["finding"], good
    wrong = doctor(redis.url().replace(PASSWORD, "canary-wrong"))
    assert wrong["level"] == "fail" and "password" in wrong["remedy"], wrong
    gone = doctor(f"redis://:{PASSWORD}@127.0.0.1:{free_port()}")
    assert gone["level"] == "fail", gone
    command = [str(lip), "config", "show", "--config", str(home / "lip.toml")]
    text = subprocess.run(command, env=quiet_env() | {"HOME": str(home), "LIP_STATE": redis.url()}, stdout=subprocess.PIPE).stdout.decode()
    assert "127.0.0.1" in text and PASSWORD not in text, text
    for host in hosts:
        assert PASSWORD not in json.dumps(state(host))


def over_tls(lip, folder):
    """The link is encrypted, and is none to a server that nobody vouches for."""
    redis = TlsRedis(folder / "tls")
    knows = strange = None
    try:
        knows = start_lip(lip, folder / "knows", redis.url(), env={"SSL_CERT_FILE": str(redis.authority)})
        until("a link over TLS", lambda: state(knows)["is_up"])
        path, body = chat([("user", "!/model(echo:tls)\nhello")], False)
        require("the route", ask(knows.origin, path, body, {"x-session-id": "tls"}).route, "echo:tls")
        strange = start_lip(lip, folder / "strange", redis.url())
        until("a refusal", lambda: "the shared state is away" in strange.log.read_text("utf-8", "replace"))
        assert not state(strange)["is_up"]
    finally:
        for server in (knows, strange, redis):
            if server:
                server.stop()


def stores_tests(redis):
    command = ["cargo", "nextest", "run", "-p", "stores", "--locked", "--show-progress", "none"]
    subprocess.run(command, check=True, cwd=HERE.parent.parent, env=os.environ | {"LIP_TEST_REDIS": redis.url()})
    keys = redis.ask("-n", 3, "--scan").splitlines()
    prefixes = {key.split("-")[0] for key in keys}
    assert {"finds", "both", "keys", "lost", "whole", "answers"} <= prefixes, f"only {prefixes} of the tests of stores used the server"
    redis.ask("-n", 3, "FLUSHDB")


def main():
    lip = lip_of_arguments(__doc__)
    with frame() as held:
        folder = held.folder("lip-scaleout-")
        redis = held.add(Redis(folder))
        stores_tests(redis)
        hosts = [held.add(start_lip(lip, folder / name, redis.url())) for name in "abc"]
        nginx = held.add(Nginx(folder, hosts))
        settled(hosts)
        origins = [host.origin for host in hosts]
        tell(
            [
                ("conversations over three hosts", lambda: conversations(lip, folder, origins)),
                ("previous_response_id over three hosts", lambda: continued(hosts, origins)),
                ("rests of backends", lambda: resting(lip, folder, redis, hosts)),
                ("a reload", lambda: reloading(folder, hosts)),
                ("what is kept and shown", lambda: shown(redis, lip, folder, hosts)),
                ("outages under load", lambda: outages(redis, hosts, nginx.origin)),
                ("what was set in an outage", lambda: outlives(redis, hosts)),
                ("over TLS", lambda: over_tls(lip, folder)),
            ]
        )


if __name__ == "__main__":
    main()
