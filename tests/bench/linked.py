"""What the boundary costs: the same connector in a loaded library and as code of the program that calls it (src/bin/linked.rs)."""
from cages import library, only, program
from report import Row


class Linked:
    """A connector in a library next to the same code linked in."""
    title = "A library next to linked code"

    @staticmethod
    def measure(bench):
        caged = library(bench, "tests/bench/Cargo.toml", "caged")
        with bench.yard() as yard:
            rows = program(bench, "linked", only(yard.scratch / "caged", caged), bench.options.exchanges * 10)
        return {row["turn"]: row for row in rows}

    @staticmethod
    def errors(_):
        return 0

    @staticmethod
    def markdown(result):
        lines = ["| turn | in a library, µs: fastest | p50 | linked in: fastest | p50 | added, fastest | **added, p50** | per delta more than for none, ns |", "|---" * 8 + "|"]
        for name, row in result.items():
            cells = [f"{row[way][what]:.2f}" for way in ("loaded", "linked") for what in ("fastest", "p50")]
            cells += [f"{added(row, 'fastest'):+.2f}", f"**{added(row, 'p50'):+.2f}**", f"{per_delta_ns(result, name):+.2f}" if row["deltas"] else "–"]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    @staticmethod
    def rows(result):
        dearest = max((name for name, row in result.items() if not row["deltas"]), key=lambda name: added(result[name], "p50"))
        yield Row(f"a library next to linked code, p50 of a request ({dearest})", added(result[dearest], "p50"), 1.0, "µs")
        # Nothing of the library runs for a spliced piece: what is left is the noise of two loops, a nanosecond or two.
        yield Row("the same, per spliced delta", per_delta_ns(result, "1,000 deltas, spliced"), 2.0, "ns")


def added(row, what):
    return row["loaded"][what] - row["linked"][what]


def per_delta_ns(result, name):
    """What is added to a stream more than to a request that is treated alike, by delta."""
    request = result["300 bytes, parsed" if "parsed" in name else "300 bytes, spliced"]
    return (added(result[name], "fastest") - added(request, "fastest")) / result[name]["deltas"] * 1000
