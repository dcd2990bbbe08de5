"""What a foreign judge of clients says of LIP's failover: llmock breaks, LIP copes, llmock's verdict must be PASS.

llmock keeps a journal of every attempt and judges it: an ignored Retry-After, a retry storm, a retry of what cannot succeed, a
truncated stream that was taken for a whole answer. Two of its servers stand behind LIP; the first one is told to misbehave.

    python3 tests/peers/llmock_verdict.py --lip PATH/TO/lip
"""

import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from llmock.scenarios import Delay, Fail, Reply, SlowFirstToken, StreamFault, ToolFault
from llmock.testing import LLMockServer
from llmock.verdict import judge

READY = "lip listening on "
CONFIG = """\
default_backend = "openai"
[timeouts]
first_output = 2.0
idle = 2.0
[backends.openai]
type = "openai"
api_url = "{first}"
api_key = "sk-first"
[backends.openrouter]
type = "openrouter"
api_url = "{second}"
api_key = "sk-second"
"""

BOTH, ALONE, RACE = "openai:gpt-4o|openrouter:gpt-4o", "openai:gpt-4o", "[handicap=10]openai:gpt-4o!openrouter:gpt-4o"


class Case:
    """Faults of the first server, the route, and what the client must see: an answer, or an error that it can tell."""

    def __init__(self, name, faults, route=BOTH, asks=1, ok=True, streams=(False, True), first_asked=None, tools=False):
        self.name, self.faults, self.route, self.asks, self.ok = name, faults, route, asks, ok
        self.streams, self.first_asked, self.tools = streams, first_asked, tools


CASES = [
    Case("well", []),
    Case("429 with a long wait", [Fail(429, retry_after=30, times=None)], asks=5, first_asked=1),
    Case("429 with a short wait", [Fail(429, retry_after=1, times=1)], asks=2),
    Case("429 without a wait", [Fail(429, times=3)], asks=4),
    Case("503 with a wait", [Fail(503, retry_after=1, times=1)], asks=2),
    Case("burst of 500", [Fail(500, times=None)], asks=6),
    Case("one 503", [Fail(503, times=1)]),
    Case("529", [Fail(529, times=None)], asks=3),
    Case("400 is the client's own", [Fail(400, times=None)], ok=False, first_asked=1),
    Case("422 is the client's own", [Fail(422, times=None)], ok=False, first_asked=1),
    Case("401 is not tried again", [Fail(401, times=None)], first_asked=1),
    Case("404 moves on", [Fail(404, times=None)], first_asked=1),
    Case("stream cut before output", [StreamFault("truncate", after_chunks=0, times=1)], streams=(True,)),
    Case("stream dropped before output", [StreamFault("disconnect", after_chunks=0, times=2)], streams=(True,)),
    Case("stall before output", [StreamFault("stall", after_chunks=0, stall_seconds=8, times=1)], streams=(True,)),
    Case("one 408", [Fail(408, times=1)]),
    Case("one 502", [Fail(502, times=1)]),
    Case("one 504", [Fail(504, times=1)]),
    Case("403 is not tried again", [Fail(403, times=None)], first_asked=1),
    Case("slow answer", [Delay(0.5)]),
    Case("slow first token", [SlowFirstToken(0.5)], streams=(True,)),
    Case("first token too late", [SlowFirstToken(8)], streams=(True,)),
    Case("call with broken arguments", [ToolFault("malformed_arguments")], tools=True),
    Case("call of an unknown tool", [ToolFault("unknown_tool")], tools=True),
    Case("race: the first one is broken", [Fail(500, times=None)], route=RACE, asks=3),
    # Nothing can be tried again behind the client's back; the client sees it and asks again, as SDKs do.
    Case("stream cut in its output", [StreamFault("truncate", after_chunks=3, times=1)], route=ALONE, streams=(True,)),
    Case("stream dropped in its output", [StreamFault("disconnect", after_chunks=3, times=1)], route=ALONE, streams=(True,)),
    Case("stall in its output", [StreamFault("stall", after_chunks=3, stall_seconds=8, times=1)], route=ALONE, streams=(True,)),
    Case("rubbish in its output", [StreamFault("malformed", after_chunks=3, times=1)], route=BOTH, streams=(True,)),
]


TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]


def ask(origin, case, stream, words):
    """One chat turn: ("answer", text or calls), or ("error", what)."""
    body = {"model": case.route, "stream": stream, "messages": [{"role": "user", "content": words}]}
    body |= {"tools": TOOLS} if case.tools else {}
    request = urllib.request.Request(
        origin + "/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as refused:
        return "error", f"{refused.code} {refused.read().decode()}"
    if not stream:
        message = json.loads(text)["choices"][0]["message"]
        return "answer", message.get("content") or message["tool_calls"]
    data = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    finished = bool(data) and data[-1] == "[DONE]"
    try:
        events = [json.loads(line) for line in data if line != "[DONE]"]
    except json.JSONDecodeError:
        return "error", "an event that is no JSON"
    if any("error" in event for event in events) or not finished:
        return "error", f"inside the stream: {data[-1:]}"
    deltas = [event["choices"][0]["delta"] for event in events if event["choices"]]
    calls = [call for delta in deltas for call in delta.get("tool_calls") or []]
    return "answer", "".join(delta.get("content") or "" for delta in deltas) or calls


@contextlib.contextmanager
def lip(program, first, second):
    with tempfile.TemporaryDirectory() as home:
        config = pathlib.Path(home, "lip.toml")
        config.write_text(CONFIG.format(first=first, second=second))
        child = subprocess.Popen(
            [program, "--config", config, "--port", "0"],
            env={"HOME": home, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            line = child.stdout.readline().strip()
            if not line.startswith(READY):
                raise SystemExit(f"lip does not listen: {line!r}")
            yield line[len(READY) :]
        finally:
            child.terminate()
            child.wait(10)


def run(case, stream, program, servers):
    for server in servers:
        server.state.reset()
        # An answer of several chunks, so that there is an output to cut.
        if not case.tools:
            server.state.scenarios.add(Reply(text="one two three four five six seven eight", times=None))
    servers[0].state.scenarios.add(*case.faults)
    wrong = []
    with lip(program, *(server.base_url("openai") for server in servers)) as origin:
        for n in range(case.asks):
            kind, said = ask(origin, case, stream, f"question {n}")
            if kind == "error" and case.route == ALONE:
                kind, said = ask(origin, case, stream, f"question {n}")
            if kind == "error" and case.ok and "malformed" not in str(case.faults):
                wrong.append(f"turn {n} failed: {said}")
            if kind == "answer" and not case.ok:
                wrong.append(f"turn {n} was answered: {said}")
            if kind == "answer" and case.tools and not isinstance(said, list):
                wrong.append(f"turn {n} has lost its call: {said}")
    n_first = len(servers[0].state.journal.records(wait=2.0))
    if case.first_asked is not None and n_first != case.first_asked:
        wrong.append(f"the first server was asked {n_first} times, not {case.first_asked}")
    for server in servers:
        verdict = judge(server.state.journal.records(wait=2.0))
        wrong += [f"llmock: {finding.code}: {finding.title}" for finding in verdict.errors]
    return n_first, wrong


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--lip", required=True, help="the program")
    program = options.parse_args().lip
    failed, n_runs = 0, 0
    with LLMockServer() as first, LLMockServer() as second:
        for case in CASES:
            for stream in case.streams:
                n_first, wrong = run(case, stream, program, (first, second))
                n_runs += 1
                failed += bool(wrong)
                verdict = "PASS" if not wrong else "FAIL"
                print(f"{verdict}  {case.name}{', streamed' if stream else ''}  (first server asked {n_first} times)", *wrong, sep="\n      ")
    print(f"{n_runs - failed} of {n_runs} scenarios: PASS")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
