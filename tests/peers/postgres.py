#!/usr/bin/env python3
"""Usage in a real PostgreSQL: the ledger's own tests, and hosts that share one database, over a server that crashes and comes back.

    python3 tests/peers/postgres.py --lip target/stage/dev/lip

Needs Debian's `postgresql` (`scripts/tools postgres`) and cargo; uses the standard library. The server listens on a socket in a folder of its own, as an
unprivileged user, and ends with this program.
"""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "sdk"))

from frame import frame, lip_of_arguments, tell  # noqa: E402
from patience import PATIENCE_S, require, until  # noqa: E402
from servers import Server  # noqa: E402

PASSWORD = "canary-database-0123456789"
KEY = "canary-client-0123456789abcdef"
SLOW_S = 2.0
"""No turn takes longer, whatever the database does."""


class Postgres:
    """A server of nobody's."""

    def __init__(self, folder):
        programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
        found = programs[-1] if programs else shutil.which("initdb")
        assert found, "PostgreSQL is not installed"
        self.bin, self.folder, self.data = pathlib.Path(found).parent, folder, folder / "data"
        self.who = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self.who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self.run("initdb", "-D", self.data, "-U", "lip", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--auth=scram-sha-256", f"--pwfile={secret}")
        secret.unlink()
        self.process = None
        self.start()

    def run(self, program, *args, **more):
        env = {"PATH": "/usr/bin:/bin", "PGPASSWORD": PASSWORD, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        command = [str(self.bin / program), *map(str, args)]
        return subprocess.run(command, check=True, env=env, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **self.who, **more).stdout.decode()

    def start(self):
        command = [str(self.bin / "postgres"), "-D", str(self.data), "-k", str(self.folder), "-c", "listen_addresses=", "-c", "fsync=off"]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env={"LC_ALL": "C.UTF-8"}, **self.who)
        is_ready = lambda: subprocess.run([str(self.bin / "pg_isready"), "-q", "-h", str(self.folder)]).returncode == 0  # noqa: E731
        until("the database", is_ready)

    def crash(self):
        """As after a power cut: nobody is told."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(10)

    def kill(self):
        """All of it at once, as by the kernel where memory is short. Its children are no group of its own; none is born while it is stopped."""
        self.process.send_signal(signal.SIGSTOP)
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError, ProcessLookupError):
                if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == self.process.pid:
                    os.kill(int(stat.parent.name), signal.SIGKILL)
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.crash()

    def shown(self):
        return "  PostgreSQL | " + (self.folder / "log").read_text("utf-8", "replace")[-1000:]

    def url(self, name="postgres"):
        return f"postgres://lip:{PASSWORD}@localhost/{name}?host={self.folder}"

    def ask(self, question, name):
        return self.run("psql", "-h", self.folder, "-U", "lip", "-d", name, "-At", "-c", question).strip()

    def make(self, name):
        self.ask(f"CREATE DATABASE {name}", "postgres")
        return self.url(name)


class Host:
    """A LIP that keeps its usage there."""

    def __init__(self, lip, folder, url, top="", env=None):
        folder.mkdir()
        self.lip, self.folder, self.key = lip, folder, KEY
        self.env = {"HOME": str(folder), "LIP_USAGE_DATABASE": url, **(env or {})}
        self.config = folder / "lip.toml"
        self.config.write_text(f'default_backend = "echo"\n{top}')
        self.begin()

    def begin(self):
        """Starts it, for the first time or again."""
        folder, lip = self.folder, self.lip
        self.server = Server(folder.name, [lip, "--config", self.config, "--port", "0"], self.env, r"lip listening on (http://\S+)", folder / "log")

    def ask(self, path, body=None, key=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {key or self.key}"}
        request = urllib.request.Request(f"{self.server.origin}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def turn(self, n):
        """The status of a turn, and how long it took."""
        began = time.monotonic()
        status, _ = self.ask("/v1/chat/completions", {"model": "echo:m", "messages": [{"role": "user", "content": f"turn {n}"}]})
        return status, time.monotonic() - began

    def ledger(self):
        status, text = self.ask("/v1/usage/stats")
        return json.loads(text)["ledger"] if status == 200 else {}

    def written(self, n):
        """Until so many turns of this host are in the database."""
        until(f"{n} rows of {self.folder.name}", lambda: self.ledger().get("written") == n)

    def usage(self, *args):
        command = [str(self.lip), "usage", *args, "--config", str(self.config)]
        return subprocess.run(command, check=True, env=self.env, stdout=subprocess.PIPE).stdout.decode()

    def log(self):
        return (self.folder / "log").read_text("utf-8", "replace")

    @property
    def origin(self):
        return self.server.origin

    def stop(self):
        self.server.stop()

    def shown(self):
        return self.server.shown()


def load(hosts, n, meanwhile=lambda: None):
    """`n` turns on each host, all good and none slow."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        turns = [pool.submit(host.turn, at) for at in range(n) for host in hosts]
        meanwhile()
        for turn in turns:
            status, took = turn.result()
            assert status == 200 and took < SLOW_S, f"{status} after {took:.1f} s"


def both(make):
    """Two at the same moment."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(make, "ab"))


def ledger_tests(postgres):
    command = ["cargo", "nextest", "run", "-p", "ledger", "--locked", "--show-progress", "none"]
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {"LIP_TEST_POSTGRES": postgres.url()})
    n = int(postgres.ask("SELECT COUNT(*) FROM pg_database WHERE datname LIKE 'ledger%'", "postgres"))
    assert n >= 4, f"only {n} of the ledger's tests used the server"


def sharing(postgres, lip, folder, hosts):
    """Two hosts make the tables at the same moment, and bring older ones up to date."""
    url = postgres.make("shared")
    hosts += both(lambda name: Host(lip, folder / f"new-{name}", url))
    load(hosts, 100)
    for host in hosts:
        host.written(100)
        host.server.stop()
    hosts.clear()
    postgres.ask("DROP TABLE lip_accounts; DROP TABLE lip_clients; CREATE TABLE lip_attempts (turn TEXT)", "shared")
    for column in ["charged_tokens", "charged_micro", "attempts"]:
        postgres.ask(f"ALTER TABLE lip_turns DROP COLUMN {column}", "shared")
    postgres.ask("UPDATE lip_schema SET version = 1", "shared")
    hosts += both(lambda name: Host(lip, folder / f"old-{name}", url))
    load(hosts, 20)
    for host in hosts:
        host.written(20)
    require("rows", postgres.ask("SELECT COUNT(*), COUNT(charged_tokens), MAX(n_attempts) FROM lip_turns", "shared"), "240|40|1")
    require("attempts", postgres.ask("SELECT COUNT(*) FROM lip_turns WHERE json_array_length(attempts::json) = 1", "shared"), "40")
    total = json.loads(hosts[0].usage("stats", "--json"))
    require("turns", total["total"]["turns"], 240)
    lines = hosts[1].usage("export", "--format", "csv").strip().splitlines()
    require("lines", len({line.split(",")[0] for line in lines[1:]}), 240)


def crashing(postgres, hosts):
    """The server crashes under load and comes back: no turn fails or waits, no row is lost or doubled."""

    def outage():
        time.sleep(0.3)
        postgres.crash()
        time.sleep(1.0)
        postgres.start()

    load(hosts, 300, outage)
    for host in hosts:
        host.written(320)
        require("lost", host.ledger()["lost"], 0)
    require("rows", postgres.ask("SELECT COUNT(*) FROM lip_turns", "shared"), str(200 + 2 * 320))
    assert any("usage is written again" in host.log() for host in hosts), "nobody noticed the crash"


def ending(postgres, hosts):
    """A host that ends while the server is gone ends all the same, and says what is lost."""
    postgres.crash()
    load(hosts[:1], 5)
    began = time.monotonic()
    hosts[0].server.stop()
    assert time.monotonic() - began < 15
    log = hosts[0].log()
    assert "waits for the database and the next start" in log and "is lost" not in log, log[-2000:]
    assert PASSWORD not in log
    postgres.start()
    load(hosts[1:], 5)
    hosts[1].written(325)
    hosts[0].begin()
    hosts[0].written(5)
    require("rows", postgres.ask("SELECT COUNT(*) FROM lip_turns", "shared"), str(200 + 2 * 325))


def restarting(postgres, lip, folder):
    """The server crashes under load, the host is started again meanwhile and serves on: the client's own count is what is kept."""
    url = postgres.make("restarts")
    host = Host(lip, folder / "restarts", url)
    try:
        load([host], 20)
        load([host], 100, postgres.crash)
        host.server.stop()
        host.begin()
        load([host], 100)
        until("the queue", lambda: metrics(host)["waiting"] == 0)
        ledger = metrics(host)
        assert ledger["spooled"] >= 100 and ledger["lost"] == 0, ledger
        postgres.start()
        host.written(int(ledger["spooled"]))
        load([host], 20)
        until("all rows", lambda: postgres.ask("SELECT COUNT(*) FROM lip_turns", "restarts") == "240")
        sums = postgres.ask("SELECT COUNT(DISTINCT id), SUM(CASE WHEN outcome = 'answered' THEN 1 ELSE 0 END), SUM(bytes_in) > 0 FROM lip_turns", "restarts")
        require("sums", sums, "240|240|t")
        require("lost", host.ledger()["lost"], 0)
        require("spooled", host.ledger()["spooled"], 0)
    finally:
        host.server.stop()


def metrics(host):
    """How the ledger stands, where the database cannot be asked."""
    lines = [line.split() for line in host.ask("/metrics")[1].decode().splitlines() if line.startswith("lip_usage_")]
    return {name.removeprefix("lip_usage_").removesuffix("_total"): float(value) for name, value in lines}


class Swallowing:
    """A way to the server on which the answer to one `COMMIT` gets lost."""

    def __init__(self, postgres):
        self.path = str(postgres.folder / ".s.PGSQL.5432")
        self.is_armed, self.swallowed = False, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.path)
            threading.Thread(target=self.relay, args=(near, far), daemon=True).start()

    def relay(self, near, far):
        with near, far:
            cut = False
            while True:
                for ready in select.select([near, far], [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data or (ready is far and cut):
                        self.swallowed += bool(data)
                        return
                    if ready is near and self.is_armed and b"COMMIT" in data:
                        self.is_armed, cut = False, True
                    (far if ready is near else near).sendall(data)


def losing_an_answer(postgres, lip, folder):
    """A batch is committed and nobody hears of it: its turns are there once."""
    postgres.make("swallows")
    way = Swallowing(postgres)
    host = Host(lip, folder / "swallows", f"postgres://lip:{PASSWORD}@127.0.0.1:{way.port}/swallows?sslmode=disable")
    try:
        load([host], 10)
        host.written(10)
        way.is_armed = True
        load([host], 100)
        host.written(110)
        require("answers that got lost", way.swallowed, 1)
        require("rows", postgres.ask("SELECT COUNT(*) FROM lip_turns", "swallows"), "110")
        require("lost", host.ledger()["lost"], 0)
        assert "usage is written again" in host.log(), host.log()[-2000:]
    finally:
        host.server.stop()
        way.listener.close()


def budgets(postgres, lip, folder):
    """What one host let through another one counts."""
    url = postgres.make("budgets")
    top = f'[auth.keys.ann]\nhash = "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"\noperator = true\ntokens_per_day = 20\n'
    first = Host(lip, folder / "spends", url, top)
    try:
        until("the bound", lambda: first.turn(0)[0] == 429)
        until("its rows", lambda: first.ledger().get("waiting") == 0)
        second = Host(lip, folder / "counts", url, top)
        require("the first turn elsewhere", second.turn(0)[0], 429)
        second.server.stop()
    finally:
        first.server.stop()


def main():
    lip = lip_of_arguments(__doc__)
    hosts = []
    with frame() as held:
        postgres, work = held.add(Postgres(held.folder("pg"))), held.folder("lip")
        try:
            tell(
                [
                    ("the ledger's tests", lambda: ledger_tests(postgres)),
                    ("two hosts, one database", lambda: sharing(postgres, lip, work, hosts)),
                    ("a crash under load", lambda: crashing(postgres, hosts)),
                    ("an end without a database", lambda: ending(postgres, hosts)),
                    ("a crash and a host that is started again", lambda: restarting(postgres, lip, work)),
                    ("a commit whose answer gets lost", lambda: losing_an_answer(postgres, lip, work)),
                    ("budgets of two hosts", lambda: budgets(postgres, lip, work)),
                ]
            )
        finally:
            held.running += hosts
    print("PostgreSQL keeps what SQLite keeps")


if __name__ == "__main__":
    main()
