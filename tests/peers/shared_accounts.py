#!/usr/bin/env python3
"""Accounts that three hosts share in a real PostgreSQL, under locks in a real Redis: whatever happens around the end of a token, one host
renews it, all go on with the new one, and the database never sees it.

    python3 tests/peers/shared_accounts.py --lip target/stage/dev/lip

Needs what `scaleout.py` and `postgres.py` need. The login server is that of `login_servers.py`: it takes the newest token alone.
"""

import base64
import concurrent.futures
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import login_servers  # noqa: E402
from frame import frame, lip_of_arguments, tell  # noqa: E402
from login_servers import CANARY, PROJECT, SCOPES, Google  # noqa: E402
from patience import require, until  # noqa: E402
from postgres import Host, Postgres  # noqa: E402
from scaleout_servers import Redis  # noqa: E402

BACKEND = "gemini-cli-cloud-project"
OPERATOR = "canary-operator-0123456789abcdef"
TOP = """\
access_mode = "multi_user"
[egress]
allow_private = ["{place}"]
[auth.keys.op]
hash = "sha256:{op}"
operator = true
[backends.{backend}]
type = "{backend}"
base_url = "{at}"
token_url = "{at}/token"
google_cloud_project = "{project}"
"""
N_TURNS = 50
LONG_AGO_MS = 1_000_000_000_000


def sealing_key(byte):
    return base64.b64encode(bytes([byte]) * 32).decode()


class Server(Google):
    """Google's, whose answers with a new token can be held back."""

    def do_GET(self):
        # What lip doctor asks, to see whether somebody is there.
        return self.answer(404, {}) if self.path == "/" else super().do_GET()

    def token(self, body):
        state = self.server.state
        with state.lock:
            state.asked += 1
        assert state.gate.wait(60)
        super().token(body)


class Sharing(Host):
    """A host that shares its accounts."""

    def __init__(self, lip, folder, url, server, redis, keys, shares=True):
        env = {"LIP_ACCOUNTS_KEY": ",".join(keys), "GEMINI_CLI_CLIENT_SECRET": f"{CANARY}secret", "LIP_USAGE_ENABLED": "false"}
        if shares:
            env |= {"LIP_STATE": redis.url(), "LIP_ACCOUNTS_DATABASE": url}
        at, op = server.origin, hashlib.sha256(OPERATOR.encode()).hexdigest()
        top = TOP.format(place=at.removeprefix("http://"), at=at, op=op, backend=BACKEND, project=PROJECT)
        super().__init__(lip, folder, url, top, env)
        self.key = OPERATOR

    def lip_says(self, *args, env=None):
        """The status of a subcommand, and all that it says."""
        command = [str(self.lip), *map(str, args), "--config", str(self.config)]
        done = subprocess.run(command, env=self.env | (env or {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        return done.returncode, done.stdout

    def ask_model(self):
        body = {"model": f"{BACKEND}:gemini-2.5-flash", "messages": [{"role": "user", "content": "Say hello"}]}
        return self.ask("/v1/chat/completions", body)

    def accounts(self):
        """How the accounts stand, as this host sees them."""
        status, body = self.ask("/v1/diagnostics/accounts")
        require(body[:300], status, 200)
        return [one for held in json.loads(body)["backends"] for one in held["accounts"]]

    def send(self, sign):
        os.kill(self.server._process.pid, sign)


class House:
    """All that the stories share."""

    def __init__(self, lip, held):
        self.lip, self.held, self.postgres = lip, held, held.add(Postgres(held.folder("pg")))
        self.folder = held.folder("lip")
        self.redis, self.server = held.add(Redis(self.folder)), login_servers.start(Server)
        self.state = self.server.state
        self.state.gate, self.state.asked = threading.Event(), 0
        self.state.gate.set()
        self.url, self.hosts = self.postgres.make("accounts"), []
        self.creds = self.folder / "creds.json"

    def host(self, name, keys=(1,), **more):
        keys = [sealing_key(key) for key in keys]
        host = Sharing(self.lip, self.folder / name, self.url, self.server, self.redis, keys, **more)
        self.hosts.append(self.held.add(host))
        return self.hosts[-1]

    def log_in(self, end_ms=LONG_AGO_MS):
        """An account whose token is the newest, and has ended; all hosts know of it."""
        login = {"access_token": Google.access(self.state.number), "scope": SCOPES, "token_type": "Bearer", "id_token": Google.identity(0)}
        self.creds.write_text(json.dumps({**login, "expiry_date": end_ms, "refresh_token": Google.refresh()}))
        code, said = self.hosts[0].lip_says("login", BACKEND, "--import", self.creds, "--account", "team")
        require(said, code, 0)
        self.creds.unlink()
        for host in self.hosts[:3]:
            until("the new login", lambda: [one["expires_at_ms"] for one in host.accounts() if one["account"] == "team"] == [end_ms])
        self.state.forget()
        self.state.asked = 0

    def rush(self):
        """Turns over all three hosts at the same moment."""
        start = threading.Barrier(N_TURNS)

        def turn(n):
            start.wait()
            return self.hosts[n % 3].ask_model()

        with concurrent.futures.ThreadPoolExecutor(N_TURNS) as pool:
            for status, body in pool.map(turn, range(N_TURNS)):
                require(body[:300], status, 200)

    def renewed_once(self, refused=()):
        number = self.state.number
        require("requests for a token", self.state.asked, 1)
        require("what was seen", self.state.seen(), {"renewals": 1, "let in": [number], "refused": list(refused)})
        self.go_on(number)

    def go_on(self, number):
        """Every host has the token of this number, and asks for no other."""
        self.state.forget()
        for host in self.hosts[:3]:
            status, body = host.ask_model()
            require(body[:300], status, 200)
        require("what was seen", self.state.seen(), {"renewals": 0, "let in": [number], "refused": []})

    def link(self, is_up):
        state = lambda host: json.loads(host.ask("/v1/diagnostics")[1])["state"]["is_up"]  # noqa: E731
        until("all know", lambda: all(state(host) == is_up for host in self.hosts[:3]))

    def row(self, columns="revision"):
        return self.postgres.ask(f"SELECT {columns} FROM lip_accounts WHERE name = 'team'", "accounts")


def ended(house):
    """A token that has ended is renewed once for all turns of all hosts."""
    house.log_in()
    house.rush()
    house.renewed_once()


def revoked(house):
    """So is one that the provider refuses all of a sudden."""
    number, house.state.is_revoked, house.state.asked = house.state.number, True, 0
    house.state.forget()
    house.rush()
    house.renewed_once(refused=[number])


def without_redis(house):
    """The row alone keeps the others away, also from a host that comes while Redis is away."""
    house.redis.stop()
    house.link(False)
    ended(house)
    assert house.redis.start(), "Redis is back"
    house.link(True)


def asleep(house):
    """A host that stops while it holds the account and wakes up when another has renewed it writes nothing, and goes on with the newer token."""
    sleeper, other = house.hosts[:2]
    house.log_in()
    house.state.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slept = pool.submit(sleeper.ask_model)
        until("its question", lambda: house.state.asked == 1)
        sleeper.send(signal.SIGSTOP)
        try:
            house.state.gate.set()
            until("its answer", lambda: house.state.renewals == 1)
            status, body = other.ask_model()
            require(body[:300], status, 200)
            revision = house.row()
        finally:
            sleeper.send(signal.SIGCONT)
        status, body = slept.result()
        require(body[:300], status, 200)
    require("renewals", (house.state.renewals, house.state.asked), (2, 2))
    assert "has newer tokens: those of this one are dropped" in sleeper.log(), "its write was not refused"
    require("writes since", house.row(), revision)
    house.go_on(house.state.number)


def database_away(house):
    """The token in memory serves, and the account is there again with the database."""
    house.postgres.crash()
    house.go_on(house.state.number)
    house.postgres.start()
    house.log_in()
    house.rush()
    house.renewed_once()


def in_the_middle(house):
    """Tokens that cannot be stored stay with their host; the lock in Redis keeps the others from the old ones, also when the row's claim is over."""
    holder, other = house.hosts[:2]
    house.log_in()
    house.state.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asked = pool.submit(holder.ask_model)
        until("its question", lambda: house.state.asked == 1)
        house.postgres.crash()
        house.state.gate.set()
        status, body = asked.result()
        assert status == 503 and b"cannot be stored" in body, (status, body[:500])
        house.postgres.start()
        house.postgres.ask("UPDATE lip_accounts SET held_until_us = 0", "accounts")
        waiting = pool.submit(other.ask_model)
        until("its tokens", lambda: holder.ask_model()[0] == 200)
        status, body = waiting.result()
        require(body[:300], status, 200)
    require("requests for a token", house.state.asked, 1)
    house.go_on(house.state.number)


def sealed(house):
    """No byte of a token is in the database, its files, a dump of it, or a log."""
    house.postgres.ask("CHECKPOINT", "accounts")
    record = house.row("record")
    assert record.startswith("1.") and len(record) > 200, record
    dump = house.postgres.run("pg_dump", "-h", house.postgres.folder, "-U", "lip", "-d", "accounts")
    assert record in dump, "the dump lacks the record"
    marks = [f"{CANARY}{mark}" for mark in ("ya29", "1//", "jwt", "secret")]
    files = [path for path in house.folder.rglob("*") if path.is_file()] + [path for path in house.postgres.data.rglob("*") if path.is_file()]
    found = [str(path) for path in files for mark in marks if mark.encode() in path.read_bytes()]
    require("files with a token", found, [])
    require("a dump with a token", [mark for mark in marks if mark in dump], [])


def keys(house):
    """Of several keys the first seals and all open; a host with another key alone says so, and writes nothing over."""
    host, before = house.hosts[0], house.row("record")
    both, other = ({"LIP_ACCOUNTS_KEY": ",".join(map(sealing_key, keys))} for keys in ((2, 1), (2,)))
    told = lambda env: [line for line in host.lip_says("doctor", env=env)[1].splitlines() if "shared accounts" in line]  # noqa: E731
    for env in ({}, both):
        assert "holds 1, and it can be opened" in told(env)[0], told(env)
    assert "FAIL" in told(other)[0] and "another accounts.key" in told(other)[0], told(other)
    house.creds.write_text(json.dumps({"access_token": "a", "refresh_token": "r", "expiry_date": LONG_AGO_MS}))
    code, said = host.lip_says("login", BACKEND, "--import", house.creds, "--account", "team", env=other)
    assert code != 0 and "another accounts.key" in said, said
    code, said = host.lip_says("accounts", env=other)
    assert "unreadable" in said and "another accounts.key" in said, said
    require("the record", house.row("record"), before)
    name = lambda record: record.split(".")[1]  # noqa: E731
    code, said = host.lip_says("login", BACKEND, "--import", house.creds, "--account", "team", env=both)
    require(said, code, 0)
    assert name(house.row("record")) != name(before), "the first key does not seal"
    house.creds.unlink()


def one_person(house):
    """Without accounts that are shared it stays one person's."""
    _, said = house.host("alone", shares=False).lip_says("backends")
    assert "set accounts.database" in said, said


def gone(house):
    """What one forgets, all forget."""
    code, said = house.hosts[1].lip_says("logout", BACKEND, "team")
    require(said, code, 0)
    for host in house.hosts[:3]:
        until("its end", lambda: host.accounts() == [])
        status, body = host.ask_model()
        assert status == 401 and b"--import" in body, (status, body[:500])
    require("the record", house.row("record"), "")


STORIES = [ended, revoked, without_redis, asleep, database_away, in_the_middle, sealed, keys, one_person, gone]


def main():
    lip = lip_of_arguments(__doc__)
    with frame() as held:
        house = House(lip, held)
        for host in "abc":
            house.host(host)
        house.link(True)

        def checked(story):
            story(house)
            require("complaints", house.state.complaints, [])

        tell([(story.__name__.replace("_", " "), lambda story=story: checked(story)) for story in STORIES])


if __name__ == "__main__":
    main()
