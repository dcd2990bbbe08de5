"""What sharing the state costs: LIP that shares it over a Redis of its own next to LIP that keeps it in memory, in the same rounds."""
import contextlib
import http.client
import json
import os
import shutil
import sys
from dataclasses import replace

from report import Row, median, number
from traffic import Case, path, profile
from yard import Program, free_port

CPU_BOUND, P50_BOUND_US = 40.0, 500.0
N_KNOWN = 500
N_ANSWERS = 32
# A host remembers 4,096 answers itself, and would not know any more what is continued.
N_CONTINUED = 3000
CASES = {
    "a conversation begins": Case("begins", 300, profile(), 32),
    "a conversation goes on": Case("conversation", 300, profile(), 32, numbered=True),
    # Each connection continues an answer of its own: those of one answer would wait for each other's writes.
    "a Response goes on by its id": Case("continues", 300, profile(), N_ANSWERS),
}


class Shared:
    """State in Redis and in memory, side by side: CPU and p50 of a request, and what Redis itself uses."""
    title = "Shared state"

    @staticmethod
    def measure(bench):
        if not shutil.which("redis-server"):
            raise SystemExit("bench: state: redis-server is not installed (scripts/tools scaleout): nothing was measured")
        options = bench.options
        with bench.yard() as yard:
            yard.mock()
            redis = yard.peer(server(yard))
            programs = {"memory": yard.lip_program(), "redis": yard.lip_program()}
            programs["redis"] = replace(programs["redis"], env=programs["redis"].env | {"LIP_STATE": f"redis://{redis.address}"})
            peers = {name: replace(yard.peer(program), name=name) for name, program in programs.items()}
            cases = {what: asked(yard, what, case, peers) for what, case in CASES.items()}
            rounds = [one_round(yard, cases, redis, options, number) for number in range(options.rounds)]
        return {"rounds": rounds}

    @staticmethod
    def errors(result):
        return sum(part["errors"] for one in result["rounds"] for case in one["cases"].values() for part in case["parts"])

    @staticmethod
    def markdown(result):
        lines = ["| a request by which | CPU, µs: in memory | in Redis | **more** | Redis itself | p50, µs: in memory | in Redis | **longer** |", "|---" * 8 + "|"]
        for what in CASES:
            cpu, p50 = costs(result, what, "cpu_us"), costs(result, what, "p50_us")
            own = median([one["cases"][what]["server_us"] for one in result["rounds"]])
            lines.append(f"| {what} | {number(cpu[0])} | {number(cpu[1])} | **{more(result, what):+.0f} %** | {number(own)} | {number(p50[0])} | {number(p50[1])} | **{longer(result, what):+.0f}** |")
        lines += ["", "A host without `state` asks nothing and connects to nothing: its turn is the one that `scripts/instructions` counts."]
        return "\n".join(lines)

    @staticmethod
    def rows(result):
        for what in CASES:
            yield Row(f"Shared state, CPU of a request by which {what}", more(result, what), CPU_BOUND, "% more")
            yield Row(f"Shared state, p50 of a request by which {what}", longer(result, what), P50_BOUND_US, "µs more")


def server(yard):
    port = free_port()
    command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", yard.scratch]
    return Program("redis", [str(part) for part in command], port=port)


def asked(yard, what, case, peers):
    """The case, each host once or more with what it is asked; conversations that go on are known to it."""
    own = {name: [peer] for name, peer in peers.items()}
    yard.set_profile(case.profile)
    for name, peer in peers.items():
        if case.numbered:
            yard.closed(peer, case, "--exchanges", N_KNOWN, "--conversations", N_KNOWN)
        elif what.startswith("a Response"):
            # A body has a file of the name of its model.
            own[name] = [replace(peer, dialect="openai-responses", model=f"openai-responses:{name}{nth}") for nth in range(N_ANSWERS)]
    return case, own


def answered_anew(yard, case, peers):
    """Whoever continues answers gets new ones; each continues its own."""
    for peer in peers:
        file = yard.body(peer, case)
        body = json.loads(file.read_bytes()) | {"store": True}
        body.pop("previous_response_id", None)
        body["previous_response_id"] = respond(peer, case, body)
        file.write_text(json.dumps(body))


def respond(peer, case, body):
    with contextlib.closing(http.client.HTTPConnection(peer.address, timeout=5)) as connection:
        connection.request("POST", path(peer.dialect, peer.model, case.stream), json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != 200:
            raise SystemExit(f"bench: state: {answer.status}: {told.decode()[:300]}")
        return json.loads(told)["id"]


def one_round(yard, cases, redis, options, number):
    """Both in short turns; each goes first in every other round."""
    found = {"load_before": os.getloadavg()[0], "cases": {}}
    for what, (case, peers) in cases.items():
        yard.set_profile(case.profile)
        order = list(peers)[:: -1 if number % 2 else 1]
        continues = what.startswith("a Response")
        more, seconds, slices = ("--conversations", N_KNOWN) if case.numbered else (), options.seconds, options.slices
        if continues:
            # These are shorter.
            more, seconds, slices = ("--exchanges", N_CONTINUED), None, slices * 3
        sums, parts = {name: {"n": 0, "own_us": 0, "server_us": 0} for name in order}, []
        for _ in range(slices):
            for name in order:
                own = peers[name]
                if continues:
                    answered_anew(yard, case, own)
                told = yard.closed(own[0], case, *more, "--beside", redis.pid, seconds=seconds, others=own[1:])
                sums[name]["n"] += told["stamps"]
                sums[name]["own_us"] += told["user_us"] + told["system_us"]
                sums[name]["server_us"] += told["beside_us"]
                parts.append({"errors": told["errors"], "last_error": told["last_error"]})
        if continues:
            for name in order:
                answered_anew(yard, case, peers[name][:1])
        times = yard.in_turn([peers[name][0] for name in order], case, options.exchanges)
        found["cases"][what] = {
            "cpu_us": {name: own["own_us"] / max(1, own["n"]) for name, own in sums.items()},
            "p50_us": {name: times[name]["total"]["p50"] for name in order},
            "server_us": sums["redis"]["server_us"] / max(1, sums["redis"]["n"]),
            "parts": parts,
        }
    found["load_after"] = os.getloadavg()[0]
    print(f"round {number + 1} of {options.rounds} done", file=sys.stderr, flush=True)
    return found


def costs(result, what, unit):
    """Medians in memory and in Redis."""
    return [median([one["cases"][what][unit][name] for one in result["rounds"]]) for name in ("memory", "redis")]


def more(result, what):
    """The median of what each round says, in per cent."""
    return median([(one["redis"] / one["memory"] - 1) * 100 for one in (turn["cases"][what]["cpu_us"] for turn in result["rounds"])])


def longer(result, what):
    return median([one["redis"] - one["memory"] for one in (turn["cases"][what]["p50_us"] for turn in result["rounds"])])
