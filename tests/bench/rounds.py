"""Requests and streams through LIP and what is next to it: interleaved rounds, all compared with the same minute of the floor."""
import os
import sys
from dataclasses import replace

import report
from report import Row
from traffic import CASES, DIALECTS, TITLES, Case, profile

# What `--pairs` measures unless `--only` says otherwise.
PAIR_CASES = ["large", "burst", "paced"]


def measure_case(yard, direct, case, order, options):
    """One round of one case: latencies with all peers in turn, then the CPU of each under load, in short turns as well."""
    yard.set_profile(case.profile)
    count = options.streams if case.latency == "one_way" else options.exchanges
    latencies = yard.in_turn([direct, *order], case, count)
    slices = {peer.name: [] for peer in order}
    for _ in range(options.slices):
        for peer in order:
            slices[peer.name].append(yard.closed(peer, case, seconds=options.seconds))
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
    return {peer.name: yard.load("hang-up", "--url", peer.url(case), "--body", yard.body(peer, case), "--mock", yard.mock_address, "--count", options.hang_ups)
            for peer in [direct, *order]}


def next_to_others(yard):
    """Who is compared with whom: the client's dialect, the mock itself, and the proxies."""
    direct, floor, lip = yard.mock(), yard.peer(yard.floor_program()), yard.peer(yard.lip_program())
    unrecorded = replace(yard.peer(yard.lip_program("[usage]\nenabled = false\n")), name=report.UNRECORDED)
    asked = replace(lip, name=report.RENAMED, model="openai:gpt-bench")
    return [("openai-chat", direct, [floor, lip, unrecorded, asked, *map(yard.peer, yard.nginx_programs())])]


def every_pair(yard):
    direct, floor, lip = yard.mock(), yard.peer(yard.floor_program()), yard.peer(yard.lip_program())
    found = []
    for dialect in DIALECTS:
        asked = [replace(lip, name=report.PASSES if upstream == dialect else upstream, model=f"{backend}:gpt-bench") for upstream, backend in DIALECTS.items()]
        found.append((dialect, replace(direct, dialect=dialect), [replace(peer, dialect=dialect) for peer in [floor, *asked]]))
    return found


def in_rounds(yard, groups, wanted, options):
    """All that is measured of `groups`. Another peer goes first every round: none always meets the quiet, or the busy, moment."""
    rounds = []
    for number in range(options.rounds):
        one = {"load_before": os.getloadavg()[0], "cases": {}}
        for dialect, direct, peers in groups:
            order = peers[number % len(peers):] + peers[:number % len(peers)]
            for case in CASES:
                if case.name in wanted:
                    one["cases"][f"{case.name} {dialect}"] = measure_case(yard, direct, case, order, options)
            if "hang-up" in wanted:
                one["hang_up"] = measure_hang_up(yard, direct, order, options)
        one["load_after"] = os.getloadavg()[0]
        rounds.append(one)
        print(f"round {number + 1} of {options.rounds} done, load {one['load_after']:.1f}", file=sys.stderr, flush=True)
    result = {"peers": {dialect: [peer.name for peer in peers] for dialect, _, peers in groups}, "cases": list(rounds[0]["cases"]), "rounds": rounds}
    return {**result, "summary": report.summary(result)}


class Table:
    """Small and large requests, streams, and clients that hang up: LIP next to hyper and nginx."""
    title = "Next to a bare proxy"

    @staticmethod
    def measure(bench):
        options = bench.options
        with bench.yard() as yard:
            return in_rounds(yard, next_to_others(yard), options.cases or [*TITLES, "hang-up"], options)

    @staticmethod
    def markdown(result):
        return report.table(result)

    @staticmethod
    def errors(result):
        return report.errors(result["summary"])

    @staticmethod
    def rows(result):
        bounds = {"small": 1.6, "large": 1.5, "burst": 1.15, "paced": 1.15}
        for name, peers in result["summary"]["cases"].items():
            kind = name.split()[0]
            yield Row(f"{TITLES[kind]}, CPU", peers["lip"]["cpu_ratio"], bounds[kind], "× hyper")
            if kind == "small":
                more = peers["lip"]["added"]["p50"] - peers[report.FLOOR]["added"]["p50"]
                yield Row(f"{TITLES[kind]}, added p50 more than hyper's", more, 80, "µs")


class Pairs:
    """What translation costs: every client's dialect over every upstream's, next to pass-through."""
    title = "Translation"

    @staticmethod
    def measure(bench):
        options = bench.options
        with bench.yard() as yard:
            return in_rounds(yard, every_pair(yard), options.cases or PAIR_CASES, options)

    @staticmethod
    def markdown(result):
        return report.pairs_table(result)

    @staticmethod
    def errors(result):
        return report.errors(result["summary"])

    @staticmethod
    def rows(result):
        cases = result["summary"]["cases"]
        if "large anthropic-messages" in cases:
            translated = cases["large anthropic-messages"]["openai-chat"]
            yield Row("Anthropic Messages over OpenAI Chat, 200 KB, CPU", translated["cpu_ratio"], 6.0, "× hyper")
        for kind in ("burst", "paced"):
            pairs = {f"{name.split()[1]} over {peer}": row["cpu_ratio"] for name, peers in cases.items() if name.startswith(f"{kind} ") for peer, row in peers.items() if peer in DIALECTS}
            if pairs:
                dearest = max(pairs, key=pairs.get)
                yield Row(f"{TITLES[kind]}, translated, CPU, the dearest of {len(pairs)} pairs ({dearest})", pairs[dearest], 1.6, "× hyper")
