"""Measures LIP next to a bare hyper proxy and nginx, all in one run, and prints a Markdown table.

Every number of a proxy is compared with the same number of the hyper floor in the same round: the machine may be busy,
the ratio is not. See docs/performance.md. Standard library only; called by scripts/bench.
"""
import argparse
import contextlib
import http.client
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATH = "/v1/chat/completions"
FLOOR = "hyper"
PATIENCE_S = 20


@dataclass(frozen=True)
class Case:
    """One kind of traffic. `stamps`: time stamps in one answer, one for a JSON answer and one for each delta."""
    name: str
    request_bytes: int
    profile: dict
    connections: int
    unit: str = "request"
    # Which time is compared with direct: of the whole answer, or of each delta on its way.
    latency: str = "total"

    @property
    def stamps(self):
        return max(1, self.profile["deltas"])

    @property
    def stream(self):
        return self.profile["deltas"] > 0


def profile(deltas=0, gap_us=0, text_bytes=300, request_bytes_min=1):
    return {"deltas": deltas, "gap_us": gap_us, "text_bytes": text_bytes, "request_bytes_min": request_bytes_min}


CASES = [
    Case("small", 300, profile(), 32),
    Case("large", 200_000, profile(request_bytes_min=195_000), 8),
    Case("burst", 300, profile(deltas=100, text_bytes=12), 16, unit="delta"),
    Case("paced", 300, profile(deltas=100, gap_us=5000, text_bytes=12), 64, unit="delta", latency="one_way"),
]
TITLES = {
    "small": "chat, small JSON",
    "large": "chat, 200 KB body",
    "burst": "stream, 100 deltas at once",
    "paced": "stream, a delta every 5 ms",
}


# ------------------------------------------------------------------ bodies
def code_like(size):
    """Text of a coding session: many quotes, newlines and backslashes, as JSON has to escape them."""
    dice = random.Random(size)
    words = ["fn", "let", "mut", "self", "->", "{", "}", "(", ")", ";", "==", '"text"', "\\n", "# note", "await", "token"]
    lines, length = [], 0
    while length < size:
        line = "    " * dice.randint(0, 4) + " ".join(dice.choices(words, k=dice.randint(4, 12)))
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines)


def request_body(size, stream, model):
    messages = [{"role": "system", "content": "Be terse."}]
    if size < 2000:
        messages.append({"role": "user", "content": "Say hello and name the three primary colours, please."})
    while size >= 2000 and len(json.dumps(messages)) < size:
        role = "user" if len(messages) % 2 else "assistant"
        messages.append({"role": role, "content": code_like(4000 + len(messages))})
    return json.dumps({"model": model, "messages": messages, "stream": stream, "max_tokens": 1024}).encode()


# ------------------------------------------------------------------ processes
@dataclass
class Peer:
    """A proxy under test."""
    name: str
    address: str
    pid: int
    model: str = "gpt-bench"
    bodies: dict = field(default_factory=dict)

    @property
    def url(self):
        return f"http://{self.address}{PATH}"


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
        return [Peer(FLOOR, address, process.pid)]

    def lip(self):
        config = self.scratch / "lip.toml"
        config.write_text(f'default_backend = "openai"\n[backends.openai]\ntype = "openai"\napi_url = "http://{self.mock_address}/v1"\n')
        env = {"OPENAI_API_KEY": "x", "XDG_DATA_HOME": str(self.scratch), "XDG_CONFIG_HOME": str(self.scratch), "HOME": str(self.scratch)}
        command = [self.stage / "lip", "serve", "--host", "127.0.0.1", "--port", "0", "--config", config]
        process, address = self.start("lip", command, env, wait_for="lip listening on ")
        return [Peer("lip", address, process.pid), Peer("lip, model renamed", address, process.pid, model="openai:gpt-bench")]

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
    file = yard.scratch / f"{case.name}-{peer.model.replace(':', '-')}.json"
    if not file.exists():
        file.write_bytes(request_body(case.request_bytes, case.stream, peer.model))
    return file


def measure_case(yard, direct, peers, case, order, options):
    """One round of one case: latencies with all peers in turn, then the CPU of each under load, in short turns as well."""
    yard.set_profile(case.profile)
    targets = []
    for peer in [direct, *order]:
        targets += ["--target", f"{peer.name}={peer.url}={body_file(yard, peer, case)}"]
    count = 10 if case.name == "paced" else options.pairs
    latencies = yard.load("in-turn", "--count", count, "--stamps", case.stamps, *targets)
    slices = {peer.name: [] for peer in order}
    for _ in range(options.slices):
        for peer in order:
            slices[peer.name].append(yard.load(
                "closed", "--url", peer.url, "--body", body_file(yard, peer, case), "--pid", peer.pid,
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
    return {peer.name: yard.load("hang-up", "--url", peer.url, "--body", body_file(yard, peer, case), "--mock", yard.mock_address, "--count", options.hang_ups)
            for peer in [direct, *order]}


def measure(yard, options):
    direct = yard.mock()
    peers = yard.floor() + yard.lip() + yard.nginx()
    cases = [case for case in CASES if not options.only or case.name in options.only]
    rounds = []
    for number in range(options.rounds):
        # Another peer goes first every round: none always meets the quiet, or the busy, moment.
        order = peers[number % len(peers):] + peers[:number % len(peers)]
        one = {"load_before": os.getloadavg()[0], "cases": {}}
        for case in cases:
            one["cases"][case.name] = measure_case(yard, direct, peers, case, order, options)
        if not options.only or "hang-up" in options.only:
            one["hang_up"] = measure_hang_up(yard, direct, order, options)
        one["load_after"] = os.getloadavg()[0]
        rounds.append(one)
        print(f"round {number + 1} of {options.rounds} done, load {one['load_after']:.1f}", file=sys.stderr, flush=True)
    return {"peers": [peer.name for peer in peers], "cases": [case.name for case in cases], "rounds": rounds}


# ------------------------------------------------------------------ the table
def median(values):
    return statistics.median(values) if values else None


def number(value, digits=3):
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{max(0, digits - len(str(int(abs(value)))))}f}"


def summary(result):
    """Medians over the rounds. Ratios and differences are taken within each round first."""
    cases = {}
    for name in result["cases"]:
        rounds = [one["cases"][name] for one in result["rounds"]]
        latency = next(case.latency for case in CASES if case.name == name)
        cases[name] = {peer: peer_summary(rounds, peer, latency) for peer in result["peers"]}
    hang_up = {}
    if result["rounds"] and "hang_up" in result["rounds"][0]:
        for peer in ["direct", *result["peers"]]:
            rows = [one["hang_up"][peer] for one in result["rounds"]]
            hang_up[peer] = {"p50": median([row["p50"] for row in rows]), "p99": median([row["p99"] for row in rows]),
                             "max": max(row["max"] for row in rows), "n": sum(row["n"] for row in rows), "missed": sum(row["missed"] for row in rows)}
    return {"cases": cases, "hang_up": hang_up}


def peer_summary(rounds, peer, latency):
    cpu = [one["peers"][peer]["closed"]["cpu_us_per_stamp"] for one in rounds]
    floor = [one["peers"][FLOOR]["closed"]["cpu_us_per_stamp"] for one in rounds]
    user = [one["peers"][peer]["closed"]["user_us_per_stamp"] for one in rounds]
    user_floor = [one["peers"][FLOOR]["closed"]["user_us_per_stamp"] for one in rounds]

    def added(what, quantile):
        return median([one["peers"][peer]["in_turn"][what][quantile] - one["direct"][what][quantile] for one in rounds])

    return {
        "cpu_us": median(cpu),
        "cpu_ratio": median([own / base for own, base in zip(cpu, floor) if base]),
        "user_us": median(user),
        "user_ratio": median([own / base for own, base in zip(user, user_floor) if base]),
        "cpu_ratio_all": [round(own / base, 2) for own, base in zip(cpu, floor) if base],
        "added": {quantile: added(latency, quantile) for quantile in ("p50", "p95", "p99")},
        "added_first": {quantile: added("first", quantile) for quantile in ("p50", "p99")},
        "per_second": median([one["peers"][peer]["closed"]["stamps_per_second"] for one in rounds]),
        "errors": sum(one["peers"][peer][part]["errors"] for one in rounds for part in ("closed", "in_turn")),
    }


def table(result, short):
    kinds = {case.name: case for case in CASES}
    lines = []
    for name, peers in short["cases"].items():
        unit, stream = kinds[name].unit, kinds[name].stream
        added = "added to a delta" if kinds[name].latency == "one_way" else "added to an answer"
        lines += ["", f"### {TITLES[name]}", "",
                  f"| proxy | CPU µs per {unit} | × hyper | in the rounds | own code alone: µs | × hyper | {added}, p50 µs | p95 | p99 |{' to the first, p50 | p99 |' if stream else ''} {unit}s/s | errors |",
                  "|---" * (11 + 2 * stream) + "|"]
        for peer, row in peers.items():
            cells = [peer, number(row["cpu_us"]), f"**{row['cpu_ratio']:.2f}**", f"{min(row['cpu_ratio_all']):.2f}–{max(row['cpu_ratio_all']):.2f}",
                     number(row["user_us"]), f"{row['user_ratio']:.2f}",
                     *(number(row["added"][q]) for q in ("p50", "p95", "p99"))]
            if stream:
                cells += [number(row["added_first"]["p50"]), number(row["added_first"]["p99"])]
            cells += [number(row["per_second"]), str(row["errors"])]
            lines.append("| " + " | ".join(cells) + " |")
    if short["hang_up"]:
        lines += ["", "### The client hangs up: time until the upstream sees it", "", "| proxy | p50 µs | p99 | worst | tries | not seen |", "|---|---|---|---|---|---|"]
        for peer, row in short["hang_up"].items():
            lines.append(f"| {peer} | {number(row['p50'])} | {number(row['p99'])} | {number(row['max'])} | {row['n']} | {row['missed']} |")
    loads = [value for one in result["rounds"] for value in (one["load_before"], one["load_after"])]
    lines += ["", f"{len(result['rounds'])} rounds, {os.cpu_count()} cores, load average {min(loads):.1f} to {max(loads):.1f}, the bench's own load included."]
    return "\n".join(lines).strip()


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
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--only", action="append", choices=[*TITLES, "hang-up"], help="this case alone; may be repeated")
    parser.add_argument("--quick", action="store_true", help="two short rounds: a smoke test, not a measurement")
    parser.add_argument("--stage", help="an installation of LIP to measure (with --programs: builds nothing)")
    parser.add_argument("--programs", help="folder with the built programs of the bench")
    parser.add_argument("--out", default=str(ROOT / "target/bench/result.json"), help="where the JSON goes (default target/bench/result.json)")
    options = parser.parse_args()
    options.slices, options.seconds, options.pairs, options.hang_ups = 3, 0.8, 200, 50
    if options.quick:
        options.rounds, options.slices, options.seconds, options.pairs, options.hang_ups = 2, 1, 0.6, 40, 20
    return options


def main():
    options = command_line()
    programs, stage = build(options)
    with contextlib.suppress(OSError):
        os.nice(-5)  # only the superuser may; it keeps the neighbours' noise down
    with tempfile.TemporaryDirectory(prefix="lip-bench-") as scratch, Yard(programs, stage, Path(scratch)) as yard:
        result = measure(yard, options)
    short = summary(result)
    out = Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**result, "summary": short}, indent=1) + "\n")
    print(table(result, short))
    errors = sum(row["errors"] for case in short["cases"].values() for row in case.values()) + sum(row["missed"] for row in short["hang_up"].values())
    if errors:
        raise SystemExit(f"bench: {errors} exchanges failed: see last_error in the JSON")


if __name__ == "__main__":
    main()
