"""What capture costs: LIP that keeps its turns next to LIP that does not, in the same rounds."""
import os
import statistics
import sys
import urllib.request

from report import Row
from traffic import CASES

# Requests of one piece, and streams of many.
KINDS = {"small": "a small request", "large": "200 KB", "burst": "a stream's delta in a burst", "paced": "a paced delta"}


class Captured:
    """Capture on and off, side by side: CPU of a request and of a delta."""
    title = "Capture"

    @staticmethod
    def measure(bench):
        options = bench.options
        cases = [case for case in CASES if case.name in KINDS and (not options.cases or case.name in options.cases)]
        with bench.yard() as yard:
            yard.mock()
            folder = yard.scratch / "captures"
            peers = {"off": yard.peer(yard.lip_program()), "on": yard.peer(yard.lip_program(f'[capture]\ndir = "{folder}"\n'))}
            rounds = [one_round(yard, peers, cases, options, number) for number in range(options.rounds)]
            kept = counts(peers["on"])
        return {"rounds": rounds, "kept": kept}

    @staticmethod
    def errors(result):
        return sum(row["errors"] for one in result["rounds"] for case in one["cases"].values() for row in case.values())

    @staticmethod
    def markdown(result):
        lines = ["| CPU, µs | off | on | **more** |", "|---|---|---|---|"]
        for name, what in KINDS.items():
            if name in result["rounds"][0]["cases"]:
                off, on, more = costs(result, name)
                lines.append(f"| {what} | {off:.2f} | {on:.2f} | **{more:+.1f} %** |")
        kept = result["kept"]
        lines += ["", f"{kept['turns']:.0f} turns were kept, of which {kept['cut']:.0f} were cut: a turn that finds no room costs less than one that is kept."]
        return "\n".join(lines)

    @staticmethod
    def rows(result):
        for name, what in KINDS.items():
            if name in result["rounds"][0]["cases"]:
                yield Row(f"Capture, CPU of {what}", costs(result, name)[2], 5.0, "% more")


def one_round(yard, peers, cases, options, number):
    """Both in short turns; each goes first in every other round."""
    order = list(peers)[:: -1 if number % 2 else 1]
    found = {"load_before": os.getloadavg()[0], "cases": {}}
    for case in cases:
        yard.set_profile(case.profile)
        slices = {name: [] for name in order}
        for _ in range(options.slices):
            for name in order:
                slices[name].append(yard.closed(peers[name], case, seconds=options.seconds))
        found["cases"][case.name] = {name: joined(parts) for name, parts in slices.items()}
    found["load_after"] = os.getloadavg()[0]
    print(f"round {number + 1} of {options.rounds} done", file=sys.stderr, flush=True)
    return found


def counts(peer):
    """What its capture says of itself."""
    with urllib.request.urlopen(f"http://{peer.address}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    value = lambda name: next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"lip_capture_{name}"))
    return {name: value(name) for name in ("turns", "cut", "failures")}


def joined(parts):
    stamps = max(1, sum(part["stamps"] for part in parts))
    return {"cpu_us": sum(part["user_us"] + part["system_us"] for part in parts) / stamps, "errors": sum(part["errors"] for part in parts),
            "last_error": next((part["last_error"] for part in parts if part["last_error"]), None)}


def costs(result, name):
    """Medians, and the median of what each round says that it costs more, in per cent."""
    rounds = [one["cases"][name] for one in result["rounds"]]
    more = statistics.median((one["on"]["cpu_us"] / one["off"]["cpu_us"] - 1) * 100 for one in rounds)
    return statistics.median(one["off"]["cpu_us"] for one in rounds), statistics.median(one["on"]["cpu_us"] for one in rounds), more
