"""Medians over the rounds, and the Markdown tables that show them."""
import statistics
from dataclasses import dataclass

from traffic import CASES, TITLES

FLOOR = "hyper"
# LIP asked for `backend:model`, so that one field of the body has to be spliced.
RENAMED = "lip, model renamed"
# LIP told to keep no record of turns, as what it is compared with keeps none.
UNRECORDED = "lip, no usage records"
# LIP over an upstream of the client's own dialect, its model renamed.
PASSES = "passes"
KINDS = {case.name: case for case in CASES}


@dataclass(frozen=True)
class Row:
    """One target and what was measured. `bound`: the most that is good; `least`: the bound is the least that is good."""
    what: str
    value: float
    bound: float
    unit: str
    least: bool = False

    @property
    def met(self):
        return self.value >= self.bound if self.least else self.value <= self.bound


def targets(rows):
    """All targets that were measured, as one table."""
    lines = ["| target | bound | measured | met |", "|---" * 4 + "|"]
    for row in rows:
        sign = "≥" if row.least else "≤"
        lines.append(f"| {row.what} | {sign} {number(row.bound)} {row.unit} | {number(row.value)} | {'yes' if row.met else '**no**'} |")
    return "\n".join(lines)


def median(values):
    return statistics.median(values) if values else None


def number(value, digits=3):
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{max(0, digits - len(str(int(abs(value)))))}f}"


def summary(result):
    """Medians over the rounds. Ratios and differences are taken within each round first."""
    cases = {}
    for name in result["cases"]:
        rounds = [one["cases"][name] for one in result["rounds"]]
        kind, dialect = name.split()
        cases[name] = {peer: peer_summary(rounds, peer, KINDS[kind].latency) for peer in result["peers"][dialect]}
    hang_up = {}
    if result["rounds"] and "hang_up" in result["rounds"][0]:
        for peer in result["rounds"][0]["hang_up"]:
            rows = [one["hang_up"][peer] for one in result["rounds"]]
            hang_up[peer] = {"p50": median([row["p50"] for row in rows]), "p99": median([row["p99"] for row in rows]),
                             "max": max(row["max"] for row in rows), "n": sum(row["n"] for row in rows), "missed": sum(row["missed"] for row in rows)}
    return {"cases": cases, "hang_up": hang_up}


def errors(short):
    """Exchanges that failed."""
    return sum(row["errors"] for case in short["cases"].values() for row in case.values()) + sum(row["missed"] for row in short["hang_up"].values())


def peer_summary(rounds, peer, latency):
    def closed(name, what):
        return [one["peers"][name]["closed"][what] for one in rounds if name in one["peers"]]

    cpu, floor, passes = (closed(name, "cpu_us_per_stamp") for name in (peer, FLOOR, PASSES))
    user, user_floor = (closed(name, "user_us_per_stamp") for name in (peer, FLOOR))

    def added(what, quantile):
        return median([one["peers"][peer]["in_turn"][what][quantile] - one["direct"][what][quantile] for one in rounds])

    return {
        "cpu_us": median(cpu),
        "cpu_ratio": median([own / base for own, base in zip(cpu, floor) if base]),
        "pass_ratio": median([own / base for own, base in zip(cpu, passes) if base]),
        "user_us": median(user),
        "user_ratio": median([own / base for own, base in zip(user, user_floor) if base]),
        "cpu_ratio_all": [round(own / base, 2) for own, base in zip(cpu, floor) if base],
        "added": {quantile: added(latency, quantile) for quantile in ("p50", "p95", "p99")},
        "added_first": {quantile: added("first", quantile) for quantile in ("p50", "p99")},
        "per_second": median([one["peers"][peer]["closed"]["stamps_per_second"] for one in rounds]),
        "errors": sum(one["peers"][peer][part]["errors"] for one in rounds for part in ("closed", "in_turn")),
    }


def table(result):
    lines, short = [], result["summary"]
    for name, peers in short["cases"].items():
        kind = KINDS[name.split()[0]]
        unit, stream = kind.unit, kind.stream
        added = "added to a delta" if kind.latency == "one_way" else "added to an answer"
        lines += ["", f"### {TITLES[kind.name]}", "",
                  f"| proxy | CPU µs per {unit} | × hyper | in the rounds | own code alone: µs | × hyper | {added}, p50 µs | p95 | p99 |{' to the first, p50 | p99 |' if stream else ''} {unit}s/s | errors |",
                  "|---" * (11 + 2 * stream) + "|"]
        for peer, row in peers.items():
            cells = [peer, number(row["cpu_us"]), f"**{row['cpu_ratio']:.2f}**", f"{min(row['cpu_ratio_all']):.2f}–{max(row['cpu_ratio_all']):.2f}",
                     number(row["user_us"]), f"{row['user_ratio']:.2f}",
                     *(number(row["added"][q]) for q in ("p50", "p95", "p99"))]
            if stream:
                cells += [number(row["added_first"]["p50"]), number(row["added_first"]["p99"])]
            cells += [number(row["per_second"]), str(row["errors"])]
            lines.append("| " + " | ".join(cells) + " |")
    if short["hang_up"]:
        lines += ["", "### The client hangs up: time until the upstream sees it", "", "| proxy | p50 µs | p99 | worst | tries | not seen |", "|---|---|---|---|---|---|"]
        for peer, row in short["hang_up"].items():
            lines.append(f"| {peer} | {number(row['p50'])} | {number(row['p99'])} | {number(row['max'])} | {row['n']} | {row['missed']} |")
    return "\n".join(lines).strip()


def pairs_table(result):
    """One row for each pair of dialects. CPU is per request of a JSON answer, and per delta of a stream."""
    lines, short = [], result["summary"]
    for kind in KINDS.values():
        found = [(name.split()[1], peers) for name, peers in short["cases"].items() if name.split()[0] == kind.name]
        if not found:
            continue
        lines += ["", f"### {TITLES[kind.name]}", "",
                  f"| client | upstream | CPU µs per {kind.unit} | × passes | × hyper | in the rounds | own code alone: µs | added, p50 µs | p99 | errors |",
                  "|---" * 10 + "|"]
        for client, peers in found:
            for peer, row in peers.items():
                cells = [client, peer, number(row["cpu_us"]), f"**{row['pass_ratio']:.2f}**", f"{row['cpu_ratio']:.2f}",
                         f"{min(row['cpu_ratio_all']):.2f}–{max(row['cpu_ratio_all']):.2f}", number(row["user_us"]),
                         number(row["added"]["p50"]), number(row["added"]["p99"]), str(row["errors"])]
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines).strip()
