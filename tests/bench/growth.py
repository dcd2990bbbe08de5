"""What a request costs as its body grows, and as more conversations are known."""
import contextlib
import http.client
import json
import time
from dataclasses import replace

from report import FLOOR, Row, median, number
from rounds import measure_case
from traffic import Case, path, profile

BODIES = {"1 KB": (1_000, 32), "10 KB": (10_000, 32), "100 KB": (100_000, 8), "1 MB": (1_000_000, 4), "10 MB": (10_000_000, 2)}
CONVERSATIONS = [1, 100, 10_000, 100_000]
CASE = Case("conversation", 300, profile(), 32, numbered=True)
# LIP remembers at most a thousand conversations of one key: each of these has 800 (src/client.rs).
KEYS = [f"user-#{nth:08}#" for nth in range(100_000 // 800 + 1)]
USER = "authorization: Bearer user-#00000000#"
# Of a user of its own, before all others.
FIRST = "user-first"
# More than are sent, so that none is forgotten.
KNOWN = f"[session]\ncount_max = 200000\n[auth]\nredact_api_keys_in_prompts = false\napi_keys = {json.dumps([*KEYS, FIRST])}\n"
SETTLE_S = 1.0
# Linear, or a request of one conversation among many, with what caches that are too small for it cost.
SLACK = 1.5


class Growth:
    """Bodies from 1 KB to 10 MB, and 1 to 100,000 conversations."""
    title = "As work grows"

    @staticmethod
    def measure(bench):
        options = bench.options
        with bench.yard() as yard:
            direct, peers = yard.mock(), [yard.peer(yard.floor_program()), yard.peer(yard.lip_program())]
            bodies = {}
            for name, (size, connections) in BODIES.items():
                case = Case(f"body-{size}", size, profile(request_bytes_min=size * 95 // 100), connections)
                n_bytes = yard.body(direct, case).stat().st_size
                rounds = [measure_case(yard, direct, case, peers[:: 1 if number % 2 else -1], options) for number in range(options.rounds)]
                bodies[name] = {"bytes": n_bytes, "rounds": rounds}
        return {"bodies": bodies, "conversations": conversations(bench)}

    @staticmethod
    def errors(result):
        parts = [row[part]["errors"] for one in result["bodies"].values() for turn in one["rounds"] for row in turn["peers"].values() for part in ("closed", "in_turn")]
        return sum(parts) + sum(step["errors"] for step in result["conversations"])

    @staticmethod
    def markdown(result):
        n_rounds = len(next(iter(result["bodies"].values()))["rounds"])
        lines = [f"### Bodies, {n_rounds} rounds", "", "| body, bytes | CPU µs per request: hyper | lip | **lip × hyper** | lip, µs per KB | added p50, µs: hyper | lip |", "|---" * 7 + "|"]
        for one in result["bodies"].values():
            floor, lip = (cpus(one, peer) for peer in (FLOOR, "lip"))
            cells = [f"{one['bytes']:,}", number(median(floor)), number(median(lip)), f"**{median([own / base for own, base in zip(lip, floor)]):.2f}**",
                     f"{per_kb(one):.3f}", *(number(added(one, peer)) for peer in (FLOOR, "lip"))]
            lines.append("| " + " | ".join(cells) + " |")
        lines += ["", "### Conversations", "", "| known | CPU µs per request of one of them: hyper | lip | **lip × hyper** | p50, µs: hyper | lip | lip's RSS, MB |", "|---" * 7 + "|"]
        for step in result["conversations"]:
            floor, lip = ([cpu(part) for part in step[peer]] for peer in (FLOOR, "lip"))
            cells = [f"{step['known']:,}", number(median(floor)), number(median(lip)), f"**{median([own / base for own, base in zip(lip, floor)]):.2f}**",
                     *(number(median([part["total"]["p50"] for part in step[peer]])) for peer in (FLOOR, "lip")), number(step["rss_kb"] / 1024)]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines)

    @staticmethod
    def rows(result):
        bodies, steps = result["bodies"], result["conversations"]
        yield Row("CPU per KB of a 10 MB body next to that of a 100 KB one", per_kb(bodies["10 MB"]) / per_kb(bodies["100 KB"]), SLACK, "×")
        costs = [median([cpu(part) for part in step["lip"]]) for step in steps]
        yield Row(f"CPU with {steps[-1]['known']:,} conversations known next to that with {steps[0]['known']}", costs[-1] / costs[0], SLACK, "×")


def conversations(bench):
    """One host that learns more and more conversations; requests go to all of them in turn."""
    options, steps = bench.options, []
    with bench.yard() as yard:
        yard.mock()
        peers = [replace(yard.peer(program), headers=(USER,)) for program in (yard.floor_program(), yard.lip_program(KNOWN))]
        yard.set_profile(CASE.profile)
        # One chooses another model before all others begin: it would be the first that is forgotten.
        route(yard, peers[1])
        route(yard, peers[1], {"role": "assistant", "content": "Brown."}, {"role": "user", "content": "!/model(openai:chosen)"})
        for known in options.conversations:
            told = yard.closed(peers[1], CASE, "--exchanges", known, "--conversations", known)
            step = {"known": known, "errors": told["errors"], **{peer.name: [] for peer in peers}}
            for number in range(max(options.slices, options.rounds)):
                for peer in peers[:: 1 if number % 2 else -1]:
                    part = yard.closed(peer, CASE, "--conversations", known, seconds=options.seconds)
                    step[peer.name].append(part)
                    step["errors"] += part["errors"]
            if route(yard, peers[1]) != "openai:chosen":
                raise SystemExit(f"bench: LIP has forgotten its first conversation, with {known} known")
            time.sleep(SETTLE_S)
            steps.append({**step, "rss_kb": yard.weight(peers[1])["rss_kb"]})
    return steps


def route(yard, peer, *more):
    """Where LIP sends a request of the first conversation that has `more` messages."""
    body = json.loads(yard.body(peer, CASE).read_bytes())
    body["messages"] += more
    with contextlib.closing(http.client.HTTPConnection(peer.address, timeout=5)) as connection:
        connection.request("POST", path(peer.dialect, peer.model, CASE.stream), json.dumps(body), {"content-type": "application/json", "authorization": f"Bearer {FIRST}"})
        return connection.getresponse().getheader("x-lip-route")


def cpu(part):
    return (part["user_us"] + part["system_us"]) / max(1, part["stamps"])


def cpus(one, peer):
    return [turn["peers"][peer]["closed"]["cpu_us_per_stamp"] for turn in one["rounds"]]


def per_kb(one):
    return median(cpus(one, "lip")) / (one["bytes"] / 1000)


def added(one, peer):
    return median([turn["peers"][peer]["in_turn"]["total"]["p50"] - turn["direct"]["total"]["p50"] for turn in one["rounds"]])
