#!/usr/bin/env python3
"""Runs commands.py and commands.mjs against a real LIP: in-chat commands through the official SDKs.

    python3 tests/sdk/run_commands.py --lip target/stage/dev/lip [--only gemini]

Needs `scripts/tools`. Uses the standard library only.
"""

import argparse
import concurrent.futures
import pathlib
import sys
import tempfile

import servers
from servers import AIMOCK, CLIENT_KEY, HERE, NODE, PYTHON, UPSTREAM_KEY

SCRIPTS = (("Python", PYTHON, HERE / "commands.py"), ("Node", NODE, HERE / "commands.mjs"))
SCRIPT_S = 60


def run_script(runner, path, origin, witness, only):
    command = [runner, path, "--base", origin, "--seen", witness, "--key", CLIENT_KEY, "--mode", "upstream", "--only", only]
    done = servers.run_quietly(command, SCRIPT_S)
    return done.stdout, done.returncode


def run_all(options, folder):
    running = []
    try:
        running.append(servers.start_aimock(folder, UPSTREAM_KEY))
        running.append(witness := servers.start_witness(folder, running[0]))
        running.append(lip := servers.start_lip(options.lip, folder, witness))
        with concurrent.futures.ThreadPoolExecutor(len(SCRIPTS)) as pool:
            runs = [(name, pool.submit(run_script, runner, path, lip.origin, witness.origin, options.only)) for name, runner, path in SCRIPTS]
            failed = []
            for name, run in runs:
                output, code = run.result()
                print(f"== {name}\n{output}", flush=True)
                failed += [name] if code else []
        if failed:
            print(lip.shown())
        return failed
    finally:
        for server in reversed(running):
            server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lip", type=pathlib.Path, required=True, help="the staged binary; its plugins lie next to it")
    parser.add_argument("--only", default="", help="only checks whose name begins so, separated by commas")
    options = parser.parse_args()
    servers.end_when_told()
    if not (PYTHON.exists() and NODE.exists() and AIMOCK.exists()):
        print("the SDKs are not installed: run scripts/tools")
        return 77
    with tempfile.TemporaryDirectory(prefix="lip-sdk-") as temporary:
        failed = run_all(options, pathlib.Path(temporary))
    print(f"failed: {', '.join(failed)}" if failed else f"commands work through the SDKs of {' and '.join(name for name, *_ in SCRIPTS)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
