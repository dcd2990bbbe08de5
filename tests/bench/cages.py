"""What the child cage costs, and what a bad library in one costs everybody else. Called by scripts/bench --cages.

The first table compares the same library in process and in a worker, request by request in one process (src/bin/cages.rs). The second
one sends small requests to another backend of a host, while turns on a rogue in a child are at work and while none are, in turn.
"""
import contextlib
import http.client
import json
import os
import shutil
import statistics
import subprocess
import threading

from traffic import CASES, profile

# What it does, and the model that asks for it: see tests/rogues/torture.
ROGUES = {"ends its process": "aborts", "loops": "loops", "floods events": "floods-events", "leaks": "leaks", "has threads spin": "threads"}
PLUGIN = "[plugins.library.torture]\nisolation = \"child\"\nstep = 1\ncpu = 1\nmemory = 268435456\n"


class Cages:
    """The child cage: what it costs, and what a bad library in one costs other turns."""
    title = "Two cages"

    @staticmethod
    def measure(bench):
        options = bench.options
        caged, torture = library(bench, "tests/bench/Cargo.toml", "caged"), library(bench, "tests/rogues/torture/Cargo.toml", "torture")
        with bench.yard() as yard:
            costs = program(bench, "cages", only(yard.scratch / "caged", caged), options.exchanges * 10)
            direct = yard.mock()
            folder = only(yard.scratch / "torture", torture, bench.stage / "plugins/liblip_openai.so")
            lip = yard.peer(yard.lip_program(PLUGIN + '[backends.torture]\ntype = "torture"\n', folder))
            yard.set_profile(profile())
            others = disturbance(yard, lip, yard.body(direct, CASES[0]), options.exchanges, options.rounds)
        return {"costs": costs, "others": others}

    @staticmethod
    def errors(result):
        return sum(row["errors"] for row in result["others"].values())

    @staticmethod
    def markdown(result):
        return table(result["costs"], result["others"])

    @staticmethod
    def rows(_):
        return []


def library(bench, manifest, name):
    """Builds one library."""
    command = ["nice", "-n", "10", "cargo", "build", "--release", "--locked", "--manifest-path", bench.root / manifest, "--package", name]
    target = bench.programs.parent
    subprocess.run(command, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    return target / "release" / f"lib{name}.so"


def only(folder, *files):
    folder.mkdir()
    for file in files:
        shutil.copy(file, folder)
    return folder


def program(bench, name, folder, count):
    """Runs a program of the bench that drives the library in `folder`."""
    run = subprocess.run([bench.programs / name, "--plugins", folder, "--count", str(count)], capture_output=True, text=True, timeout=900)
    if run.returncode:
        raise SystemExit(f"bench: {name} failed: {run.stderr.strip()[-800:]}")
    return json.loads(run.stdout)


def turn(address, model):
    """One turn on a rogue, to its end, whatever that is."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        with contextlib.closing(http.client.HTTPConnection(address, timeout=5)) as connection:
            body = json.dumps({"model": f"torture:{model}", "messages": [{"role": "user", "content": "now"}]})
            connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
            connection.getresponse().read()


@contextlib.contextmanager
def at_work(address, model):
    over = threading.Event()

    def go_on():
        while not over.is_set():
            turn(address, model)
            over.wait(0.01)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def disturbance(yard, lip, body, count, rounds):
    """Medians of other turns with and without each rogue, in turn."""
    case = next(case for case in CASES if case.name == "small")
    target = f"lip={lip.url(case)}={body}"
    found = {}
    for what, model in ROGUES.items():
        pairs = []
        for _ in range(rounds):
            quiet = yard.load("in-turn", "--count", count, "--stamps", 1, "--target", target)["lip"]
            with at_work(lip.address, model):
                busy = yard.load("in-turn", "--count", count, "--stamps", 1, "--target", target)["lip"]
            pairs.append((quiet, busy))
        found[what] = {
            "quiet_p50": statistics.median(quiet["total"]["p50"] for quiet, _ in pairs),
            "busy_p50": statistics.median(busy["total"]["p50"] for _, busy in pairs),
            "ratio": statistics.median(busy["total"]["p50"] / quiet["total"]["p50"] for quiet, busy in pairs),
            "errors": sum(one["errors"] for pair in pairs for one in pair),
        }
    return found


def table(costs, others):
    lines = ["### The same library in process and in a child", "", "| turn | in process, µs: p50 | p95 | p99 | child: p50 | p95 | p99 | **added p50** | p95 | p99 |", "|---" * 10 + "|"]
    for name, row in costs.items():
        cells = [f"{row[cage][q]:.1f}" for cage in ("inproc", "child") for q in ("p50", "p95", "p99")]
        cells += [f"**{row['child'][q] - row['inproc'][q]:.1f}**" if q == "p50" else f"{row['child'][q] - row['inproc'][q]:.1f}" for q in ("p50", "p95", "p99")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "### Turns on another backend while a library in a child …", "", "| … | without it, p50 µs | with it | **ratio** | errors |", "|---|---|---|---|---|"]
    for what, row in others.items():
        lines.append(f"| {what} | {row['quiet_p50']:.0f} | {row['busy_p50']:.0f} | **{row['ratio']:.2f}** | {row['errors']} |")
    return "\n".join(lines)
