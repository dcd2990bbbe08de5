"""Measures LIP next to a bare hyper proxy and nginx, all in one run, and prints a Markdown table.

Every number of a proxy is compared with the same number of the hyper floor in the same round: the machine may be busy,
the ratio is not. See docs/performance.md. Standard library only; called by scripts/bench.
"""
import argparse
import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cages
import report
from traffic import CASES, DIALECTS, TITLES, Case, path, profile, request_body

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20
# What `--pairs` measures unless `--only` says otherwise.
PAIR_CASES = ["large", "burst"]


# ------------------------------------------------------------------ processes
@dataclass(frozen=True)
class Peer:
    """A proxy under test, and what is asked of it."""
    name: str
    address: str
    pid: int
    model: str = "gpt-bench"
    dialect: str = "openai-chat"

    def url(self, case):
        return f"http://{self.address}{path(self.dialect, self.model, case.stream)}"


class Yard:
    """Everything that runs for the bench. Ends what it started, and nothing else."""

    def __init__(self, programs, stage, scratch):
        self.programs, self.stage, self.scratch = programs, stage, scratch
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name, command, env=None, wait_for=None):
        """Starts a process; returns it and the address in its first line that says `wait_for`."""
        log = self.scratch / f"{name}.log"
        clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        with open(log, "wb") as out:
            process = subprocess.Popen(command, env={**clean, **(env or {})}, cwd=self.scratch, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.running.append(process)
        deadline = time.monotonic() + PATIENCE_S
        while wait_for:
            for line in log.read_text(errors="replace").splitlines():
                if wait_for in line:
                    return process, line.split(wait_for, 1)[1].split()[0].removeprefix("http://")
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"bench: {name} did not start:\n{log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.02)
        return process, None

    def mock(self):
        process, address = self.start("mock", [self.programs / "mock"], wait_for="listening on ")
        self.mock_address = address
        return Peer("direct", address, process.pid)

    def floor(self):
        process, address = self.start("floor", [self.programs / "floor", self.mock_address], wait_for="listening on ")
        return Peer(report.FLOOR, address, process.pid)

    def lip(self, more="", plugins=None):
        """`more`: further lines of its configuration; `plugins`: a folder that replaces the bundled libraries."""
        config = self.scratch / "lip.toml"
        # Gemini's connector adds the version of its API by itself.
        backends = (f'[backends.{name}]\ntype = "{name}"\napi_key = "x"\napi_url = "http://{self.mock_address}{"" if name == "gemini" else "/v1"}"\n' for name in DIALECTS.values() if not plugins or name == "openai")
        config.write_text('default_backend = "openai"\n' + "".join(backends) + more)
        env = {"XDG_DATA_HOME": str(self.scratch), "XDG_CONFIG_HOME": str(self.scratch), "HOME": str(self.scratch)}
        command = [self.stage / "lip", "serve", "--host", "127.0.0.1", "--port", "0", "--config", config]
        command += ["--plugins-dir", plugins] if plugins else []
        process, address = self.start("lip", command, env, wait_for="lip listening on ")
        return Peer("lip", address, process.pid)

    def nginx(self):
        if not shutil.which("nginx"):
            return []
        port = free_port()
        config = self.scratch / "nginx.conf"
        config.write_text(NGINX % {"upstream": self.mock_address, "port": port, "scratch": self.scratch, "workers": os.cpu_count()})
        process, _ = self.start("nginx", ["nginx", "-p", self.scratch, "-c", config, "-e", self.scratch / "nginx-error.log"])
        await_port(port)
        return [Peer("nginx", f"127.0.0.1:{port}", process.pid)]

    def load(self, *words):
        run = subprocess.run([self.programs / "load", *map(str, words)], capture_output=True, text=True, timeout=300)
        if run.returncode:
            raise SystemExit(f"bench: load {words[0]} failed: {run.stderr.strip()[-800:]}")
        return json.loads(run.stdout)

    def set_profile(self, wanted):
        with contextlib.closing(http.client.HTTPConnection(self.mock_address, timeout=5)) as connection:
            connection.request("PUT", "/control/profile", json.dumps(wanted))
            answer = connection.getresponse()
            if answer.status != 200:
                raise SystemExit(f"bench: the mock refused a profile: {answer.read().decode()}")


NGINX = """
daemon off; master_process on; worker_processes %(workers)d; pid %(scratch)s/nginx.pid;
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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise SystemExit("bench: nginx did not start")


# ------------------------------------------------------------------ measuring
def body_file(yard, peer, case):
    file = yard.scratch / f"{case.name}-{peer.dialect}-{peer.model.replace(':', '-')}.json"
    if not file.exists():
        file.write_bytes(request_body(peer.dialect, case.request_bytes, case.stream, peer.model))
    return file


def measure_case(yard, direct, case, order, options):
    """One round of one case: latencies with all peers in turn, then the CPU of each under load, in short turns as well."""
    yard.set_profile(case.profile)
    targets = []
    for peer in [direct, *order]:
        targets += ["--target", f"{peer.name}={peer.url(case)}={body_file(yard, peer, case)}"]
    count = 10 if case.name == "paced" else options.exchanges
    latencies = yard.load("in-turn", "--count", count, "--stamps", case.stamps, *targets)
    slices = {peer.name: [] for peer in order}
    for _ in range(options.slices):
        for peer in order:
            slices[peer.name].append(yard.load(
                "closed", "--url", peer.url(case), "--body", body_file(yard, peer, case), "--pid", peer.pid,
                "--connections", case.connections, "--seconds", options.seconds, "--stamps", case.stamps))
    rows = {name: {"closed": joined(parts), "in_turn": latencies[name]} for name, parts in slices.items()}
    return {"direct": latencies["direct"], "peers": rows}


def joined(parts):
    """The slices of one peer as one: per stamp, so that each counts by the work it did."""
    sums = {key: sum(part[key] for part in parts) for key in ("user_us", "system_us", "seconds", "stamps", "errors")}
    stamps = max(1, sums["stamps"])
    return {**sums, "cpu_us_per_stamp": (sums["user_us"] + sums["system_us"]) / stamps, "user_us_per_stamp": sums["user_us"] / stamps,
            "stamps_per_second": stamps / sums["seconds"], "last_error": next((part["last_error"] for part in parts if part["last_error"]), None)}


def measure_hang_up(yard, direct, order, options):
    yard.set_profile(profile(deltas=50, gap_us=1_000_000, text_bytes=12))
    case = Case("hang-up", 300, profile(deltas=50), 1)
    return {peer.name: yard.load("hang-up", "--url", peer.url(case), "--body", body_file(yard, peer, case), "--mock", yard.mock_address, "--count", options.hang_ups)
            for peer in [direct, *order]}


def groups(yard, options):
    """Who is compared with whom: the client's dialect, the mock itself, and the proxies."""
    direct, floor, lip = yard.mock(), yard.floor(), yard.lip()
    if not options.pairs:
        return [("openai-chat", direct, [floor, lip, replace(lip, name="lip, model renamed", model="openai:gpt-bench"), *yard.nginx()])]
    found = []
    for dialect in DIALECTS:
        asked = [replace(lip, name=report.PASSES if upstream == dialect else upstream, model=f"{backend}:gpt-bench") for upstream, backend in DIALECTS.items()]
        found.append((dialect, replace(direct, dialect=dialect), [replace(peer, dialect=dialect) for peer in [floor, *asked]]))
    return found


def measure(yard, options):
    every = groups(yard, options)
    wanted = options.only or (PAIR_CASES if options.pairs else [*TITLES, "hang-up"])
    rounds = []
    for number in range(options.rounds):
        one = {"load_before": os.getloadavg()[0], "cases": {}}
        for dialect, direct, peers in every:
            # Another peer goes first every round: none always meets the quiet, or the busy, moment.
            order = peers[number % len(peers):] + peers[:number % len(peers)]
            for case in CASES:
                if case.name in wanted:
                    one["cases"][f"{case.name} {dialect}"] = measure_case(yard, direct, case, order, options)
            if "hang-up" in wanted and not options.pairs:
                one["hang_up"] = measure_hang_up(yard, direct, order, options)
        one["load_after"] = os.getloadavg()[0]
        rounds.append(one)
        print(f"round {number + 1} of {options.rounds} done, load {one['load_after']:.1f}", file=sys.stderr, flush=True)
    return {"peers": {dialect: [peer.name for peer in peers] for dialect, _, peers in every}, "cases": list(rounds[0]["cases"]), "rounds": rounds}


# ------------------------------------------------------------------ the command
def build(options):
    """Builds the bench and stages LIP, both as released; returns where they lie."""
    if options.stage and options.programs:
        return Path(options.programs).resolve(), Path(options.stage).resolve()
    nice = ["nice", "-n", "10", "cargo"]
    bench = [*nice, "build", "--release", "--locked", "--manifest-path", ROOT / "tests/bench/Cargo.toml"]
    stage = [*nice, "xtask", "stage", "--profile", "release"]
    try:
        subprocess.run(bench, check=True)
        staged = subprocess.run(stage, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit("bench: the build failed, see above") from error
    target = Path(os.environ["CARGO_TARGET_DIR"]) if "CARGO_TARGET_DIR" in os.environ else ROOT / "tests/bench/target"
    return target.resolve() / "release", Path(staged.stdout.strip().splitlines()[-1])


def command_line():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="LIP next to a bare hyper proxy and nginx: CPU, latency, cancel delay.")
    parser.add_argument("--pairs", action="store_true", help="what translation costs: every client's dialect over every upstream's, next to pass-through")
    parser.add_argument("--cages", action="store_true", help="what the child cage costs, and what a bad library in one costs other turns")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--only", action="append", choices=[*TITLES, "hang-up"], help="this case alone; may be repeated")
    parser.add_argument("--quick", action="store_true", help="two short rounds: a smoke test, not a measurement")
    parser.add_argument("--stage", help="an installation of LIP to measure (with --programs: builds nothing)")
    parser.add_argument("--programs", help="folder with the built programs of the bench")
    parser.add_argument("--out", default=str(ROOT / "target/bench/result.json"), help="where the JSON goes (default target/bench/result.json)")
    options = parser.parse_args()
    options.slices, options.seconds, options.exchanges, options.hang_ups = 3, 0.8, 200, 50
    if options.quick:
        options.rounds, options.slices, options.seconds, options.exchanges, options.hang_ups = 2, 1, 0.6, 40, 20
    return options


def measure_cages(options, programs, stage):
    """The two tables of cages.py."""
    target = programs.parent
    caged = cages.library(ROOT, target, "tests/bench/Cargo.toml", "caged")
    torture = cages.library(ROOT, target, "tests/rogues/torture/Cargo.toml", "torture")
    with tempfile.TemporaryDirectory(prefix="lip-bench-") as scratch, Yard(programs, stage, Path(scratch)) as yard:
        costs = cages.cost(programs, cages.only(Path(scratch) / "caged", caged), options.exchanges * 10)
        direct = yard.mock()
        folder = cages.only(Path(scratch) / "torture", torture, stage / "plugins/liblip_openai.so")
        lip = yard.lip(cages.PLUGIN + '[backends.torture]\ntype = "torture"\n', folder)
        yard.set_profile(profile())
        body = body_file(yard, direct, CASES[0])
        others = cages.disturbance(yard, lip, body, options.exchanges, options.rounds)
    return {"costs": costs, "others": others}


def main():
    options = command_line()
    programs, stage = build(options)
    if options.cages:
        result = measure_cages(options, programs, stage)
        print(cages.table(result["costs"], result["others"]))
        return
    with contextlib.suppress(OSError):
        os.nice(-5)  # only the superuser may; it keeps the neighbours' noise down
    with tempfile.TemporaryDirectory(prefix="lip-bench-") as scratch, Yard(programs, stage, Path(scratch)) as yard:
        result = measure(yard, options)
    short = report.summary(result)
    out = Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**result, "summary": short}, indent=1) + "\n")
    print(report.pairs_table(result, short) if options.pairs else report.table(result, short))
    errors = sum(row["errors"] for case in short["cases"].values() for row in case.values()) + sum(row["missed"] for row in short["hang_up"].values())
    if errors:
        raise SystemExit(f"bench: {errors} exchanges failed: see last_error in the JSON")


if __name__ == "__main__":
    main()
