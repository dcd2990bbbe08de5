#!/usr/bin/env python3
"""Bounds of client keys over three hosts that share a Redis and a PostgreSQL: of any number of clients at the same moment exactly as many turns
are let in as a budget allows, also over a Redis that is away, comes back empty, or hangs.

    python3 tests/peers/bounds.py --lip target/stage/dev/lip

Needs what `scaleout.py` and `postgres.py` need.
"""

import concurrent.futures
import datetime
import hashlib
import json
import pathlib
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from frame import frame, lip_of_arguments, tell  # noqa: E402
from patience import require, until  # noqa: E402
from postgres import Host, Postgres  # noqa: E402
from scaleout_servers import Redis  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOP = """\
access_mode = "multi_user"
state = "{state}"
[auth]
keys_database = true
bounds_without_state = "{without}"
[auth.keys.op]
hash = "sha256:{op}"
operator = true
"""
OPERATOR = "canary-operator-0123456789abcdef"
N_CLIENTS = 50
"""Of each host, at the same moment."""


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def fleet(lip, folder, redis, url, without, names):
    top = TOP.format(state=redis.url(), without=without, op=sha256(OPERATOR))
    hosts = [Host(lip, folder / f"{without}-{name}", url, top) for name in names]
    for host in hosts:
        host.key = OPERATOR
    return hosts


def new_key(host, name, *bounds):
    command = [str(host.lip), "keys", "new", name, *map(str, bounds), "--config", str(host.config)]
    return subprocess.run(command, env=host.env, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode().strip()


def turn(host, key):
    """The status of a turn, and its body."""
    return host.ask("/v1/chat/completions", {"model": "echo:m", "messages": [{"role": "user", "content": "hello"}]}, key)


def known(hosts, key):
    """Until every host knows a key; what it may be refused for is another matter."""
    for host in hosts:
        until("a new key", lambda: host.ask("/v1/models", None, key)[0] == 200)


def rush(hosts, key):
    """Every host's clients ask until they are refused, all at the same moment: how many turns were let in, and what was said of the others."""
    start = threading.Barrier(len(hosts) * N_CLIENTS)

    def client(host):
        start.wait()
        for n in range(1000):
            status, body = turn(host, key)
            if status != 200:
                return n, (status, body)
        raise AssertionError("no end")

    with concurrent.futures.ThreadPoolExecutor(len(hosts) * N_CLIENTS) as pool:
        done = [one.result() for one in [pool.submit(client, host) for host in hosts for _ in range(N_CLIENTS)]]
    return sum(n for n, _ in done), [refused for _, refused in done]


def take(hosts, key, n):
    """`n` turns on each host, all let in."""
    for host in hosts:
        for _ in range(n):
            status, body = turn(host, key)
            require(f"a turn: {body[:300]}", status, 200)


def spent(refused, word):
    for status, body in refused:
        assert status == 429 and word in body.decode(), (status, body[:300])


def budget(postgres, hosts, more):
    """N turns are N turns, and they are what is written down; a host that comes later knows; so does a Redis that has lost everything."""
    key = new_key(hosts[0], "budget", "--requests-per-day", 400)
    known(hosts, key)
    n, refused = rush(hosts, key)
    require("turns of a budget of 400", n, 400)
    spent(refused, "400 turns a day and has used 400")
    rows = lambda: postgres.ask("SELECT COUNT(*) FROM lip_turns WHERE caller = 'budget' AND outcome = 'answered'", "bounds")  # noqa: E731
    until("their rows", lambda: rows() == "400")
    late = more()
    known([late], key)
    spent([turn(late, key)], "has used 400")
    return key


def rate(hosts):
    """A minute's turns come at once, and then as they flow back, whichever hosts they come to."""
    key = new_key(hosts[0], "rate", "--requests-per-minute", 120)
    known(hosts, key)
    began = time.monotonic()
    n, refused = rush(hosts, key)
    flowed = (time.monotonic() - began) * 2
    assert 120 <= n <= 120 + flowed + 1, f"{n} turns, {flowed:.1f} have flowed back"
    spent(refused, "120 turns a minute")


def tokens(hosts):
    """What a turn used counts on all hosts, soon after its end."""
    key = new_key(hosts[0], "tokens", "--tokens-per-day", 1)
    known(hosts, key)
    require("the first", turn(hosts[0], key)[0], 200)
    for host in hosts:
        until("a refusal", lambda: turn(host, key)[0] == 429)


def emptied(redis, hosts, key):
    """What is written down is told to a Redis that has lost all."""
    redis.ask("-n", 3, "FLUSHDB")
    n, refused = rush(hosts, key)
    require("turns after the loss", n, 0)
    spent(refused, "has used 400")


def link(hosts, is_up):
    state = lambda host: json.loads(host.ask("/v1/diagnostics", None, OPERATOR)[1])["state"]  # noqa: E731
    until("all know", lambda: all(state(host)["is_up"] == is_up for host in hosts))


def nothing_owed(hosts):
    until("all is told", lambda: all(owed(host) == 0 for host in hosts))


def owed(host):
    lines = [line for line in host.ask("/metrics", None, OPERATOR)[1].decode().splitlines() if line.startswith("lip_bounds_owed")]
    return float(lines[0].rsplit(" ", 1)[1])


def away(redis, hosts, strict):
    """Without Redis a host decides alone, or lets nobody in, as it is set; afterwards the sums are what they were."""
    key, free = new_key(hosts[0], "away", "--requests-per-day", 300), new_key(hosts[0], "free")
    known([*hosts, strict], key)
    known([*hosts, strict], free)
    take(hosts, key, 20)
    nothing_owed(hosts)
    redis.stop()
    link([*hosts, strict], False)
    take(hosts, key, 30)
    assert all(owed(host) > 0 for host in hosts), "nothing is owed"
    status, body = turn(strict, key)
    assert status == 503 and b"budget_unknown" in body, (status, body[:300])
    require("one without bounds", turn(strict, free)[0], 200)
    assert redis.start(), "Redis is back"
    link([*hosts, strict], True)
    nothing_owed(hosts)
    n, refused = rush(hosts, key)
    require("turns of a budget of 300, with those of the outage", n + 3 * 20 + 3 * 30, 300)
    spent(refused, "has used 300")


def hung(redis, hosts):
    """One that hangs and lives on has kept its sums, and is told what came meanwhile. It may count a turn that waited for it in vain."""
    key = new_key(hosts[0], "hung", "--requests-per-day", 300)
    known(hosts, key)
    take(hosts, key, 20)
    redis.process.send_signal(signal.SIGSTOP)
    try:
        link(hosts, False)
        take(hosts, key, 30)
    finally:
        redis.process.send_signal(signal.SIGCONT)
    link(hosts, True)
    nothing_owed(hosts)
    n, _ = rush(hosts, key)
    let_in = n + 3 * 20 + 3 * 30
    assert 300 - len(hosts) <= let_in <= 300, let_in


def calendar(redis):
    """The script's days and months are those of the calendar."""
    script = (ROOT / "host/stores/src/bounds/calendar.lua").read_text()
    script += " local out = {} for day = 0, 40000 do local a, b = pages(day * 86400 + day * 7919 % 86400) out[#out + 1] = b end return out"
    found = [int(line) for line in redis.ask("--raw", "EVAL", script, 0).splitlines()]
    days = [datetime.date(1970, 1, 1) + datetime.timedelta(day) for day in range(len(found))]
    require("days", len(found), 40001)
    require("months", found, [day.year * 12 + day.month for day in days])


def main():
    lip = lip_of_arguments(__doc__)
    with frame() as held:
        postgres, folder = held.add(Postgres(held.folder("pg"))), held.folder("lip")
        redis = held.add(Redis(folder))
        calendar(redis)
        url, keys, four = postgres.make("bounds"), [], []
        start = lambda without, names: [held.add(host) for host in fleet(lip, folder, redis, url, without, names)]  # noqa: E731
        three = start("alone", "abc")
        link(three, True)
        more = lambda: (four.extend(start("refuse", "d")), four[-1])[1]  # noqa: E731
        tell(
            [
                ("a budget of turns", lambda: keys.append(budget(postgres, three, more))),
                ("turns a minute", lambda: rate(three)),
                ("tokens", lambda: tokens(three)),
                ("a Redis that lost all", lambda: emptied(redis, three, keys[0])),
                ("a Redis that is away", lambda: away(redis, three, four[0])),
                ("a Redis that hangs", lambda: hung(redis, three)),
            ]
        )


if __name__ == "__main__":
    main()
