"""Measures LIP next to a bare hyper proxy, nginx and other gateways, all in one run, and prints a Markdown report.

Every number of a proxy is compared with the same number of the hyper floor in the same round: the machine may be busy,
the ratio is not. See docs/performance.md. Standard library only; called by scripts/bench.
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import report
from cages import Cages
from captured import Captured
from growth import Growth
from linked import Linked
from rivals import Rivals
from rounds import Pairs, Table
from shared import Shared
from starts import Starts
from streams import Streams
from traffic import TITLES
from yard import Yard

ROOT = Path(__file__).resolve().parents[2]
CASES = [*TITLES, "hang-up"]
SECTIONS = {"table": Table, "pairs": Pairs, "streams": Streams, "linked": Linked, "start": Starts, "growth": Growth, "cages": Cages, "capture": Captured, "state": Shared, "rivals": Rivals}
# What a run without a word measures: a few minutes.
USUAL = ["table", "linked", "start"]


@dataclass(frozen=True)
class Bench:
    """What a section needs: where the programs lie, and what is asked for."""
    programs: Path
    stage: Path
    options: argparse.Namespace
    root: Path = ROOT

    @contextlib.contextmanager
    def yard(self):
        with tempfile.TemporaryDirectory(prefix="lip-bench-") as scratch, Yard(self.programs, self.stage, scratch) as yard:
            yield yard


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
    parser = argparse.ArgumentParser(prog="scripts/bench", description="LIP next to a bare hyper proxy, nginx and other gateways.",
                                     epilog="sections: " + "; ".join(f"{name}: {section.__doc__.splitlines()[0]}" for name, section in SECTIONS.items()))
    parser.add_argument("--only", action="append", default=[], choices=[*SECTIONS, *CASES], help="this section, or of table, pairs and rivals this case; may be repeated")
    parser.add_argument("--all", action="store_true", help="every section")
    for name in ("pairs", "cages", "rivals"):
        parser.add_argument(f"--{name}", action="store_true", help=f"the same as --only {name}")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--quick", action="store_true", help="two short rounds: a smoke test, not a measurement")
    parser.add_argument("--rivals-dir", default=os.environ.get("LIP_BENCH_RIVALS"), help="where tests/bench/install-rivals.sh put them (default: LIP_BENCH_RIVALS)")
    parser.add_argument("--stage", help="an installation of LIP to measure (with --programs: builds nothing)")
    parser.add_argument("--programs", help="folder with the built programs of the bench")
    parser.add_argument("--out", default=str(ROOT / "target/bench/result.json"), help="where the JSON goes, and beside it the report as .md (default target/bench/result.json)")
    return sized(parser.parse_args())


def sized(options):
    """How much of everything is measured, and which sections."""
    options.slices, options.seconds, options.exchanges, options.streams, options.hang_ups = 3, 0.8, 200, 8, 50
    options.crowd_s, options.held, options.few, options.starts, options.conversations = 3.0, 1000, 10_000, 10, [1, 100, 10_000, 100_000]
    if options.quick:
        options.rounds, options.slices, options.seconds, options.exchanges, options.streams, options.hang_ups = 2, 1, 0.6, 40, 3, 20
        options.crowd_s, options.held, options.few, options.starts, options.conversations = 1.0, 200, 1000, 2, [1, 100, 1000]
    options.cases = [name for name in CASES if name in options.only]
    named = [name for name in SECTIONS if name in options.only or getattr(options, name, False) is True]
    if options.cases and not {"table", "pairs", "rivals", "capture"} & set(named):
        named.append("table")
    options.sections = list(SECTIONS) if options.all else named or USUAL
    return options


def written(out, results, options):
    """The report of what has been measured so far; writes it and the JSON."""
    parts = [f"## {SECTIONS[name].title}\n\n{SECTIONS[name].markdown(result['result'])}\n\n{conditions(result, options)}" for name, result in results.items()]
    rows = [row for name, result in results.items() for row in SECTIONS[name].rows(result["result"])]
    if rows:
        parts.append("## Targets\n\n" + report.targets(rows))
    text = "\n\n".join(parts)
    out.parent.mkdir(parents=True, exist_ok=True)
    targets = [{**vars(row), "met": row.met} for row in rows]
    out.write_text(json.dumps({"quick": options.quick, "sections": results, "targets": targets}, indent=1) + "\n")
    out.with_suffix(".md").write_text(text + "\n")
    return text


def conditions(result, options):
    rounds = result["result"].get("rounds") or result["result"].get("first") or []
    loads = result["load"] + [one[when] for one in result["result"].get("rounds", []) for when in ("load_before", "load_after")]
    low, high = min(loads), max(loads)
    kind = "A smoke test: these numbers mean nothing. " if options.quick else ""
    return f"{kind}{f'{len(rounds)} rounds, ' if rounds else ''}{os.cpu_count()} cores, load average {low:.1f} to {high:.1f}, the bench's own load included."


def main():
    options = command_line()
    programs, stage = build(options)
    bench, results, failures, text = Bench(programs, stage, options), {}, [], ""
    with contextlib.suppress(OSError):
        os.nice(-5)  # only the superuser may; it keeps the neighbours' noise down
    for name in options.sections:
        section, before = SECTIONS[name], os.getloadavg()[0]
        print(f"bench: {name}", file=sys.stderr, flush=True)
        try:
            result = section.measure(bench)
        except SystemExit as error:
            failures.append(str(error))
            continue
        results[name] = {"load": [before, os.getloadavg()[0]], "result": result}
        text = written(Path(options.out), results, options)
        if section.errors(result):
            failures.append(f"bench: {name}: {section.errors(result)} exchanges failed: see last_error in the JSON")
    print(text)
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
