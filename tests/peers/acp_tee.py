#!/usr/bin/env python3
"""Runs an ACP agent and writes down what it and its client say: a file for each run, a JSON object for each line.

    python3 tests/peers/acp_tee.py FOLDER COMMAND [ARGUMENT...]

`{"from": "client" | "agent", "line": TEXT}`, in the order of passing. Bytes go on as they come, ends and the exit code as well. `acp_schema.py` reads
the files. Uses the standard library only.
"""

import json
import os
import subprocess
import sys
import threading

PIECE_BYTES = 1 << 16


def pass_on(source, target, tell):
    """Copies until there is no more, and tells each whole line."""
    rest = b""
    while piece := os.read(source, PIECE_BYTES):
        *lines, rest = (rest + piece).split(b"\n")
        # Told first: an answer must not stand before its question.
        for line in lines:
            tell(line.decode("utf-8", "replace"))
        while piece:
            piece = piece[os.write(target, piece) :]
    if rest:
        tell(rest.decode("utf-8", "replace"))


def copy(source, target, tell):
    """As `pass_on`, and the end with it; a side that went away is no fault of ours."""
    try:
        pass_on(source, target, tell)
    except OSError:
        pass
    finally:
        os.close(target)


def main():
    folder, *command = sys.argv[1:]
    agent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with open(os.path.join(folder, f"{os.getpid()}.jsonl"), "ab", buffering=0) as log:

        def teller(side):
            return lambda line: log.write(json.dumps({"from": side, "line": line}).encode() + b"\n")

        # The client's side may stay open when the agent is gone.
        there = (0, os.dup(agent.stdin.fileno()), teller("client"))
        agent.stdin.close()
        threading.Thread(target=copy, args=there, daemon=True).start()
        copy(agent.stdout.fileno(), os.dup(1), teller("agent"))
        os.close(1)
        code = agent.wait()
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
