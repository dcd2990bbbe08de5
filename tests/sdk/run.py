#!/usr/bin/env python3
"""Runs the SDK scripts of this folder against a real LIP, and prints one table.

    python3 tests/sdk/run.py --lip target/stage/dev/lip              every script in front of every upstream
    python3 tests/sdk/run.py --lip … --upstream gemini --script openai_chat.py
    python3 tests/sdk/run.py --lip … --write docs/compatibility.md   and write the page
    python3 tests/sdk/run.py --lip … --check docs/compatibility.md   and fail unless the page says the same
    python3 tests/sdk/run.py --lip … --try-na                        also run what is said not to apply
    python3 tests/sdk/run.py --self-test                             the scripts against the stand-in upstream alone

One LIP has a backend for each dialect; all of them have the stand-in as their upstream, with a witness in between.
Needs `scripts/tools`. Uses the standard library only.
"""

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import report
import servers
from servers import AIMOCK, BAD_KEY, CLIENT_KEY, HERE, NODE, PYTHON, UPSTREAM_KEY

SCRIPT_S = 240


@dataclass(frozen=True)
class Upstream:
    """What answers behind LIP."""

    name: str
    model: str
    """As a client names it."""
    dialect: str = ""
    """What LIP speaks to it."""

    @property
    def mode(self):
        return "upstream" if self.dialect else "echo"


UPSTREAMS = (
    Upstream("echo", "echo"),
    Upstream("openai-chat", "openai:gpt-5", "openai-chat"),
    Upstream("openai-responses", "openai-responses:gpt-5", "openai-responses"),
    Upstream("anthropic-messages", "anthropic:claude-sonnet-5-5", "anthropic-messages"),
    Upstream("gemini", "gemini:gemini-2.5-flash", "gemini"),
)


def run_script(path, origin, options, arguments, skips):
    """Runs one script; returns its output, exit code and seconds."""
    runner = PYTHON if path.suffix == ".py" else NODE
    command = [runner, path, "--base", origin, "--skip", json.dumps(skips), *arguments]
    if options.only:
        command += ["--only", options.only]
    began = time.monotonic()
    try:
        done = servers.run_quietly(command, SCRIPT_S)
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        raw = late.stdout or ""
        output, status = raw if isinstance(raw, str) else raw.decode("utf-8", "replace"), f"none: ended after {SCRIPT_S} s"
    return output, status, time.monotonic() - began


def scripts(options):
    paths = [HERE / (family + kind) for family in report.FRONTENDS for kind in report.KINDS]
    return [path for path in paths if path.name.startswith(tuple(options.script))]


def run_all(options, tasks):
    """Runs (path, upstream's name, origin, arguments) with a few at a time, and shows each when it is done."""

    def one(task):
        path, upstream, origin, arguments = task
        skips = {} if options.try_na else report.skips_for(path.stem, path.suffix, upstream)
        output, status, seconds = run_script(path, origin, options, arguments, skips)
        text = [f"== {path.name} · {upstream}", *(f"    {line}" for line in output.splitlines())]
        print("\n".join(text), flush=True)
        return report.Row(path.stem, path.suffix, upstream, report.verdicts_of(output, status), seconds)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        return list(pool.map(one, tasks))


def through_lip(options, folder):
    running, keys = [], ["--key", CLIENT_KEY, "--bad-key", BAD_KEY]
    try:
        running.append(servers.start_aimock(folder, UPSTREAM_KEY))
        running.append(witness := servers.start_witness(folder, running[0]))
        running.append(lip := servers.start_lip(options.lip, folder, witness))
        tasks = []
        for path in scripts(options):
            for upstream in UPSTREAMS:
                if upstream.name.startswith(tuple(options.upstream)):
                    arguments = [*keys, "--mode", upstream.mode, "--model", upstream.model]
                    if upstream.dialect:
                        arguments += ["--upstream", upstream.dialect, "--seen", witness.origin]
                    tasks.append((path, upstream.name, lip.origin, arguments))
        rows = run_all(options, tasks)
        if not lip.alive():
            raise SystemExit(f"lip ended while it was serving\n{lip.shown()}")
        if any(row.count("FAIL") for row in rows):
            print(lip.shown())
        return rows
    finally:
        for server in reversed(running):
            server.stop()


def self_test(options, folder):
    upstream = servers.start_aimock(folder, CLIENT_KEY)
    arguments = ["--direct", "--mode", "upstream", "--key", CLIENT_KEY, "--bad-key", BAD_KEY]
    try:
        return run_all(options, [(path, "alone", upstream.origin, arguments) for path in scripts(options)])
    finally:
        upstream.stop()


def faults_of(options, rows):
    """What is wrong besides failed checks."""
    faults = [f"features.json has no place for {name}" for name in report.homeless(rows)]
    if not options.only:
        faults += report.stale(rows)
    if options.check and options.check.read_text("utf-8") != report.markdown(rows):
        faults.append(f"{options.check} is out of date: write it by --write")
    return faults


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lip", type=pathlib.Path, help="the staged binary; its plugins lie next to it")
    parser.add_argument("--upstream", action="append", default=[], help="only upstreams whose name begins so")
    parser.add_argument("--script", action="append", default=[], help="only scripts whose name begins so")
    parser.add_argument("--only", default="", help="only checks whose name begins so, separated by commas")
    parser.add_argument("--jobs", type=int, default=4, help="scripts that run at a time")
    parser.add_argument("--write", type=pathlib.Path, help="write the page there; needs a full run")
    parser.add_argument("--check", type=pathlib.Path, help="fail unless the page there is what this run finds; needs a full run")
    parser.add_argument("--try-na", action="store_true", help="also run what is said not to apply, and name what passes")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if (options.write or options.check) and (options.only or options.script or options.upstream or options.self_test or options.try_na):
        parser.error("the page needs a full run")
    options.script, options.upstream = options.script or [""], options.upstream or [""]
    return options


def main():
    options = arguments()
    servers.end_when_told()
    if not (PYTHON.exists() and NODE.exists() and AIMOCK.exists()):
        print("the SDKs are not installed: run scripts/tools")
        return 77
    if not options.self_test and not (options.lip and options.lip.exists()):
        print("no such binary: build one with `cargo xtask stage` and name it by --lip")
        return 2
    with tempfile.TemporaryDirectory(prefix="lip-sdk-") as temporary:
        run = self_test if options.self_test else through_lip
        rows = run(options, pathlib.Path(temporary))
    print("\n" + report.table(rows))
    if options.try_na:
        for row in rows:
            passing = [c for c in report.skips_for(row.family, row.kind, row.upstream) if row.verdicts.get(c, ("",))[0] == "ok"]
            for check in passing:
                print(f"applies after all: {row.family}{row.kind} · {row.upstream} · {check}")
    if options.write:
        options.write.write_text(report.markdown(rows), "utf-8")
    faults = faults_of(options, rows)
    for fault in faults:
        print(fault)
    passed, failed, skipped = (sum(row.count(verdict) for row in rows) for verdict in ("ok", "FAIL", "skip"))
    print(f"{passed} passed, {failed} failed, {skipped} not applicable")
    return 1 if failed or faults or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
