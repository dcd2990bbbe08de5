"""Everything that runs for the bench: the mock, the proxies under test, the load generator."""
import contextlib
import http.client
import itertools
import json
import os
import resource
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from traffic import DIALECTS, path, request_body

PATIENCE_S = 20
# A load that a slow proxy can bear, for as long as it takes to see something of it.
SLOW_CONNECTIONS, SLOW_TIMES = 8, 4


@dataclass(frozen=True)
class Program:
    """What is started: it says its address in the first line with `wait_for`, or it was given `port`."""
    name: str
    command: list
    env: dict = field(default_factory=dict)
    wait_for: str = None
    port: int = None
    patience_s: float = PATIENCE_S


@dataclass(frozen=True)
class Peer:
    """A proxy under test, and what is asked of it. `base` stands before the path of the dialect; a slow one gets more time and fewer connections."""
    name: str
    address: str
    pid: int
    model: str = "gpt-bench"
    dialect: str = "openai-chat"
    base: str = ""
    headers: tuple = ()
    slow: bool = False

    def url(self, case):
        return f"http://{self.address}{self.base}{path(self.dialect, self.model, case.stream)}"


class Yard:
    """Starts what the bench needs. Ends what it started, and nothing else."""

    def __init__(self, programs, stage, scratch):
        self.programs, self.stage, self.scratch = programs, stage, Path(scratch)
        self.running, self.numbers, self.mock_address = {}, itertools.count(), None

    def __enter__(self):
        # A proxy holds two sockets for each stream; what it inherits is what it may have.
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        return self

    def __exit__(self, *_):
        for process in reversed(self.running.values()):
            process.terminate()
        for process in self.running.values():
            ended(process)

    def spawn(self, program):
        """Starts it; returns the process and the file with what it says."""
        log = self.scratch / f"{program.name}-{next(self.numbers)}.log"
        clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        with open(log, "wb") as out:
            process = subprocess.Popen(program.command, env={**clean, **program.env}, cwd=self.scratch, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.running[process.pid] = process
        return process, log

    def start(self, program):
        """Starts it and waits until it listens; returns its process and address."""
        process, log = self.spawn(program)
        deadline = time.monotonic() + program.patience_s
        while True:
            address = f"127.0.0.1:{program.port}" if listens(program.port) else said(log, program.wait_for)
            if address:
                return process, address
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"bench: {program.name} did not start:\n{log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.02)

    def stop(self, pid):
        process = self.running.pop(pid)
        process.terminate()
        ended(process)

    def mock(self):
        process, self.mock_address = self.start(Program("mock", [self.programs / "mock"], wait_for="listening on "))
        return Peer("direct", self.mock_address, process.pid)

    def peer(self, program):
        process, address = self.start(program)
        return Peer(program.name, address, process.pid)

    def floor_program(self, port=0):
        return Program("hyper", [self.programs / "floor", self.mock_address, str(port)], wait_for="listening on ", port=port)

    def lip_program(self, more="", plugins=None, port=0):
        """`more`: further lines of its configuration; `plugins`: a folder that replaces the bundled libraries."""
        config = self.scratch / f"lip-{next(self.numbers)}.toml"
        # Gemini's connector adds the version of its API by itself.
        backends = (f'[backends.{name}]\ntype = "{name}"\napi_key = "x"\napi_url = "http://{self.mock_address}{"" if name == "gemini" else "/v1"}"\n' for name in DIALECTS.values() if not plugins or name == "openai")
        config.write_text('default_backend = "openai"\n' + "".join(backends) + more)
        env = {"XDG_DATA_HOME": str(self.scratch), "XDG_CONFIG_HOME": str(self.scratch), "HOME": str(self.scratch)}
        command = [self.stage / "lip", "serve", "--host", "127.0.0.1", "--port", str(port), "--config", config]
        return Program("lip", command + (["--plugins-dir", plugins] if plugins else []), env, "lip listening on ", port)

    def nginx_programs(self, port=None):
        """None where it is not installed."""
        if not shutil.which("nginx"):
            return []
        port = port or free_port()
        config = self.scratch / f"nginx-{port}.conf"
        config.write_text(NGINX % {"upstream": self.mock_address, "port": port, "scratch": self.scratch, "workers": os.cpu_count()})
        return [Program("nginx", ["nginx", "-p", self.scratch, "-c", config, "-e", self.scratch / "nginx-error.log"], port=port)]

    def body(self, peer, case):
        """A file with the request of `case` as `peer` is sent it."""
        file = self.scratch / f"{case.name}-{peer.dialect}-{peer.model.replace(':', '-')}.json"
        if not file.exists():
            file.write_bytes(request_body(peer.dialect, case, peer.model))
        return file

    def load(self, *words):
        run = subprocess.run([self.programs / "load", *map(str, words)], capture_output=True, text=True, timeout=600)
        if run.returncode:
            raise SystemExit(f"bench: load {words[0]} failed: {run.stderr.strip()[-800:]}")
        return json.loads(run.stdout)

    def on(self, kind, peer, case, *words):
        """One kind of load on one peer, whose process is measured."""
        headers = (word for header in peer.headers for word in ("--header", header))
        return self.load(kind, "--url", peer.url(case), "--body", self.body(peer, case), *headers, "--pid", peer.pid, "--stamps", case.stamps, *words)

    def closed(self, peer, case, *words, seconds=None, others=()):
        """A closed loop for so many seconds, or for what `words` say; what `others` are sent is sent too, each by connections of its own."""
        words += ("--seconds", seconds * (SLOW_TIMES if peer.slow else 1)) if seconds else ()
        words += tuple(word for other in others for word in ("--body", self.body(other, case)))
        return self.on("closed", peer, case, "--connections", min(case.connections, SLOW_CONNECTIONS) if peer.slow else case.connections, *words)

    def in_turn(self, peers, case, count):
        words = []
        for peer in peers:
            words += ["--target", f"{peer.name}={peer.url(case)}={self.body(peer, case)}"]
            words += (word for header in peer.headers for word in ("--header", f"{peer.name}={header}"))
        return self.load("in-turn", "--count", count, "--stamps", case.stamps, *words)

    def weight(self, peer):
        return self.load("weight", "--pid", peer.pid)

    def set_profile(self, wanted):
        with contextlib.closing(http.client.HTTPConnection(self.mock_address, timeout=5)) as connection:
            connection.request("PUT", "/control/profile", json.dumps(wanted))
            answer = connection.getresponse()
            if answer.status != 200:
                raise SystemExit(f"bench: the mock refused a profile: {answer.read().decode()}")


NGINX = """
daemon off; master_process on; worker_processes %(workers)d; pid %(scratch)s/nginx-%(port)d.pid;
events { worker_connections 4096; }
http {
  access_log off; client_max_body_size 100m; client_body_buffer_size 1m; keepalive_requests 100000000; tcp_nodelay on;
  client_body_temp_path %(scratch)s/a; proxy_temp_path %(scratch)s/b; fastcgi_temp_path %(scratch)s/c; uwsgi_temp_path %(scratch)s/d; scgi_temp_path %(scratch)s/e;
  upstream mock { server %(upstream)s; keepalive 1024; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:%(port)d backlog=4096;
    location / { proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header connection ""; proxy_buffering off; proxy_request_buffering off; }
  }
}
"""


def ended(process):
    """Waits for its end, and makes it end when it does not."""
    try:
        process.wait(8)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def said(log, wait_for):
    """The word behind `wait_for` in a file of lines."""
    lines = log.read_text(errors="replace").splitlines() if wait_for else []
    return next((line.split(wait_for, 1)[1].split()[0].removeprefix("http://") for line in lines if wait_for in line), None)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    if not port:
        return False
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
