#!/usr/bin/env python3
"""Runs the SDK scripts of this folder against a real LIP, and prints one table.

    python3 tests/sdk/run.py --lip target/stage/dev/lip            every row
    python3 tests/sdk/run.py --lip … --pair echo --script openai   rows whose names begin so
    python3 tests/sdk/run.py --self-test                           the scripts against the stand-in upstream alone

Starts the upstream and LIP on ports the system chooses, waits for their ready lines and ends both by pid.
Needs `scripts/tools`. Uses the standard library only.
"""

import argparse
import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLS = pathlib.Path(os.environ.get("LIP_TOOLS", ROOT / ".tools"))
PYTHON, NODE = TOOLS / "py/bin/python", TOOLS / "bin/node"
AIMOCK = TOOLS / "npm/node_modules/@copilotkit/aimock/dist/cli.js"
CLIENT_KEY, BAD_KEY, UPSTREAM_KEY = "sk-client-of-lip", "sk-unknown-to-lip", "sk-lip-at-upstream"
FAMILIES = ("openai_chat", "openai_responses", "anthropic_messages", "gemini")
READY_S, SCRIPT_S = 30, 180


@dataclass
class Pair:
    """What stands behind LIP, and which scripts run against it."""

    name: str
    mode: str
    scripts: tuple[str, ...]
    config: str = ""
    """TOML for LIP; `{upstream}` becomes the origin of the stand-in upstream."""
    env: dict[str, str] = field(default_factory=dict)
    skip: dict[str, dict[str, str]] = field(default_factory=dict)
    """Script family → check → why it cannot pass here."""


PAIRS = (
    Pair("echo", "echo", ("openai_chat",), 'default_backend = "echo"\n[backends.echo]\ntype = "echo"\n'),
    Pair(
        "openai",
        "upstream",
        ("openai_chat",),
        'default_backend = "openai"\n[backends.openai]\ntype = "openai"\napi_url = "{upstream}/v1"\n',
        {"OPENAI_API_KEY": UPSTREAM_KEY},
    ),
)

NO_COUNT = "the stand-in has no count endpoint"
NO_LIST = "the stand-in has no such list"
DIRECT_SKIPS = {
    "anthropic_messages": {"count_tokens": NO_COUNT, "models_list": NO_LIST},
    "gemini": {"count_tokens": NO_COUNT, "models_list": NO_LIST},
}


def quiet_env():
    """The environment without keys, proxies and settings of whoever runs this."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "LIP_TOOLS", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "NO_PROXY": "127.0.0.1", "HOME": tempfile.gettempdir()}


class Server:
    """A child process that prints a ready line with its origin."""

    def __init__(self, name, command, env, ready, log):
        self.name, self.log = name, log
        self._lines = queue.Queue()
        self._process = subprocess.Popen(
            [str(part) for part in command],
            env=quiet_env() | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._copy, args=(ready,), daemon=True).start()
        try:
            found = self._lines.get(timeout=READY_S)
        except queue.Empty:
            found = None
        if found is None:
            self.stop()
            raise SystemExit(f"{name} did not say that it is ready\n{self.shown()}")
        self.origin = found

    def _copy(self, ready):
        with self.log.open("wb") as out:
            for line in self._process.stdout:
                out.write(line)
                out.flush()
                if match := re.search(ready, line.decode("utf-8", "replace")):
                    self._lines.put(match.group(1))
        self._lines.put(None)

    def shown(self):
        """The log's beginning, where a start-up summary stands, and its end."""
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        if len(lines) > 36:
            lines[12:-24] = ["…"]
        return "\n".join(f"  {self.name} | {line[:300]}" for line in lines)

    def alive(self):
        return self._process.poll() is None

    def stop(self):
        """Asks first; a process that is still there after 5 s is killed, with its children."""
        if self.alive():
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


def start_aimock(folder, keys):
    fixtures = ROOT / "tests/peers/aimock-fixtures.json"
    command = [NODE, AIMOCK, "-p", "0", "-h", "127.0.0.1", "-f", fixtures, "--log-level", "info"]
    return Server("upstream", command, {"AIMOCK_API_KEYS": keys}, r"listening on (http://\S+)", folder / "upstream.log")


def start_lip(binary, folder, pair, upstream):
    config = folder / f"{pair.name}.toml"
    config.write_text(pair.config.replace("{upstream}", upstream.origin if upstream else ""), "utf-8")
    home = folder / "home"
    home.mkdir(exist_ok=True)
    env = {"API_KEYS": CLIENT_KEY, "HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home), **pair.env}
    command = [binary, "--config", config, "--host", "127.0.0.1", "--port", "0"]
    return Server(f"lip[{pair.name}]", command, env, r"lip listening on (http://\S+)", folder / f"lip-{pair.name}.log")


def run_script(path, origin, mode, more, skips):
    """Runs one script, shows its lines, and returns (passed, failed, skipped, seconds)."""
    runner = PYTHON if path.suffix == ".py" else NODE
    skip = ",".join(f"{name}={why}" for name, why in skips.items())
    command = [runner, path, "--base", origin, "--mode", mode, "--skip", skip, *more]
    began = time.monotonic()
    try:
        done = subprocess.run(
            [str(part) for part in command],
            env=quiet_env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SCRIPT_S,
        )
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        raw = late.stdout or ""
        output, status = raw if isinstance(raw, str) else raw.decode("utf-8", "replace"), None
        output += f"\nended after {SCRIPT_S} s"
    print("\n".join(f"    {line}" for line in output.splitlines()))
    counts = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", output, re.MULTILINE)
    passed, failed, skipped = map(int, counts.groups()) if counts else (0, 1, 0)
    if status != 0 and failed == 0:
        failed = 1
    return passed, failed, skipped, time.monotonic() - began


def scripts_of(families, wanted):
    paths = [HERE / (family + kind) for family in families for kind in (".py", ".mjs")]
    return [path for path in paths if path.exists() and path.name.startswith(tuple(wanted))]


def run_pair(options, folder, pair, rows):
    upstream = start_aimock(folder, UPSTREAM_KEY) if pair.mode == "upstream" else None
    lip = None
    try:
        lip = start_lip(options.lip, folder, pair, upstream)
        for path in scripts_of(pair.scripts, options.script):
            print(f"== {path.name} → lip → {pair.name}")
            more = ["--key", CLIENT_KEY, "--bad-key", BAD_KEY]
            row = run_script(path, lip.origin, pair.mode, more, pair.skip.get(path.stem, {}))
            if not lip.alive():
                print("lip ended while it was serving")
                row = (row[0], row[1] + 1, *row[2:])
            rows.append((path.name, f"lip → {pair.name}", *row))
            if row[1]:
                print(lip.shown())
    finally:
        for server in (lip, upstream):
            if server:
                server.stop()


def self_test(options, folder, rows):
    upstream = start_aimock(folder, CLIENT_KEY)
    try:
        for path in scripts_of(FAMILIES, options.script):
            print(f"== {path.name} → upstream")
            more = ["--direct", "--key", CLIENT_KEY, "--bad-key", BAD_KEY]
            rows.append((path.name, "upstream alone", *run_script(path, upstream.origin, "upstream", more, DIRECT_SKIPS.get(path.stem, {}))))
    finally:
        upstream.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lip", type=pathlib.Path, help="the staged binary; its plugins lie next to it")
    parser.add_argument("--pair", action="append", default=[], help="only pairs whose name begins so")
    parser.add_argument("--script", action="append", default=[], help="only scripts whose name begins so")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    options.script = options.script or [""]
    if not (PYTHON.exists() and NODE.exists() and AIMOCK.exists()):
        print("the SDKs are not installed: run scripts/tools")
        return 77
    if not options.self_test and not (options.lip and options.lip.exists()):
        print("no such binary: build one with `cargo xtask stage` and name it by --lip")
        return 2
    rows = []
    with tempfile.TemporaryDirectory(prefix="lip-sdk-") as temporary:
        folder = pathlib.Path(temporary)
        if options.self_test:
            self_test(options, folder, rows)
        else:
            for pair in PAIRS:
                if not options.pair or pair.name.startswith(tuple(options.pair)):
                    run_pair(options, folder, pair, rows)
    print(f"\n{'script':<26} {'through':<18} passed failed skipped seconds")
    for name, through, passed, failed, skipped, seconds in rows:
        print(f"{name:<26} {through:<18} {passed:6} {failed:6} {skipped:7} {seconds:7.1f}")
    totals = [sum(row[i] for row in rows) for i in (2, 3, 4)]
    print("{} passed, {} failed, {} skipped".format(*totals))
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main())
