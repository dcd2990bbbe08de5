"""Many streams at a time: what is added to the first token, what an open stream weighs, and what is left of those that have ended."""
import contextlib
import time

import report
from report import Row, median, number
from traffic import Case, profile

# Fifty tokens a second, as fast models give them.
CROWD = Case("crowd", 300, profile(deltas=50, gap_us=20_000, text_bytes=12), 200, unit="delta")
# Long enough that all are open for a while before the first one ends.
HELD = Case("held", 300, profile(deltas=16, gap_us=500_000, text_bytes=12), 1)
MANY = Case("many", 300, profile(deltas=10, text_bytes=12), 16, unit="delta")
# How long a program is left alone before it is weighed: allocators give back late.
SETTLE_S = 1.0


class Streams:
    """200 streams at a time, 1,000 open ones, and 100,000 one after another."""
    title = "Many streams"

    @staticmethod
    def measure(bench):
        with bench.yard() as yard:
            direct = yard.mock()
            peers = [direct, *(yard.peer(program) for program in programs(yard))]
            first = [first_token(yard, peers, number, bench.options) for number in range(bench.options.rounds)]
        held, left = {}, {}
        for name in [peer.name for peer in peers[1:]]:
            held[name] = [hold(bench, name) for _ in range(min(3, bench.options.rounds))]
            left[name] = leave(bench, name)
        return {"first": first, "held": held, "left": left}

    @staticmethod
    def errors(result):
        counted = [row["errors"] for one in result["first"] for row in one.values()]
        counted += [one["errors"] for rounds in result["held"].values() for one in rounds]
        return sum(counted) + sum(one["errors"] for one in result["left"].values())

    @staticmethod
    def markdown(result):
        lines = [f"### {CROWD.connections} streams at a time, a delta every {CROWD.profile['gap_us'] // 1000} ms: the first token", "",
                 "| proxy | p50 µs | p99 | **added p50** | **added p99** | CPU µs per delta | × hyper | errors |", "|---" * 8 + "|"]
        for name in result["first"][0]:
            rows = [one[name] for one in result["first"]]
            p50, p99 = (median([row["first"][quantile] for row in rows]) for quantile in ("p50", "p99"))
            cells = [number(p50), number(p99)]
            cells += ["–"] * 4 if name == "direct" else [f"**{number(added(result, name, 'p50'))}**", f"**{number(added(result, name, 'p99'))}**",
                                                         number(median([cpu(row) for row in rows])), f"{median([cpu(one[name]) / cpu(one[report.FLOOR]) for one in result['first']]):.2f}"]
            lines.append(f"| {name} | " + " | ".join([*cells, str(sum(row["errors"] for row in rows))]) + " |")
        n = next(iter(result["held"].values()))[0]["streams"]
        lines += ["", f"### {n:,} open streams", "", "| proxy | served | open when weighed | RSS before, MB | with them | **KB per stream** | first token p50, ms | p99 |", "|---" * 8 + "|"]
        for name, rounds in result["held"].items():
            worst = min(rounds, key=lambda one: one["n"])
            cells = [f"{worst['n']:,} of {worst['streams']:,}", f"{min(one['open'] for one in rounds):,}",
                     *(number(median([one[when]["rss_kb"] / 1024 for one in rounds])) for when in ("before", "during")), f"**{number(kb_per_stream(rounds))}**",
                     *(number(median([one["first"][quantile] / 1000 for one in rounds])) for quantile in ("p50", "p99"))]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        few, many = (f"{next(iter(result['left'].values()))[key]:,}" for key in ("few", "many"))
        lines += ["", f"### What is left of {many} streams", "", f"| proxy | RSS after {few}, MB | after {many} | **difference, MB** | errors |", "|---" * 5 + "|"]
        for name, one in result["left"].items():
            lines.append(f"| {name} | {number(one['rss_few_kb'] / 1024)} | {number(one['rss_many_kb'] / 1024)} | **{number(grown_mb(one))}** | {one['errors']} |")
        return "\n".join(lines)

    @staticmethod
    def rows(result):
        held, left = result["held"]["lip"], result["left"]["lip"]
        yield Row(f"added to the first token, p99, {CROWD.connections} streams at a time", added(result, "lip", "p99"), 1000, "µs")
        yield Row("open streams that are served", min(one["n"] for one in held), held[0]["streams"], "streams", least=True)
        yield Row("RSS per open stream", kb_per_stream(held), 40, "KB")
        yield Row(f"RSS after {left['many']:,} streams more than after {left['few']:,}", grown_mb(left), 2, "MB")


def programs(yard):
    return [yard.floor_program(), yard.lip_program(), *yard.nginx_programs()]


def first_token(yard, peers, number, options):
    """One round of all peers, direct among them, in slices one after the other."""
    yard.set_profile(CROWD.profile)
    begin = number % len(peers)
    order = peers[begin:] + peers[:begin]
    # Over the length of one stream, so that they do not begin together.
    found = {peer.name: yard.closed(peer, CROWD, "--spread", 1.0, seconds=options.crowd_s) for peer in order}
    return {peer.name: found[peer.name] for peer in peers}


@contextlib.contextmanager
def fresh(bench, name):
    """A yard with one program that has carried nothing yet but a few streams."""
    with bench.yard() as yard:
        yard.mock()
        peer = next(yard.peer(program) for program in programs(yard) if program.name == name)
        yard.set_profile(MANY.profile)
        yard.closed(peer, MANY, "--exchanges", 64)
        yield yard, peer


def hold(bench, name):
    with fresh(bench, name) as (yard, peer):
        yard.set_profile(HELD.profile)
        return yard.on("hold", peer, HELD, "--streams", bench.options.held)


def leave(bench, name):
    few, many = bench.options.few, bench.options.few * 10
    with fresh(bench, name) as (yard, peer):
        first = yard.closed(peer, MANY, "--exchanges", few)
        time.sleep(SETTLE_S)
        rss_few = yard.weight(peer)["rss_kb"]
        rest = yard.closed(peer, MANY, "--exchanges", many - few)
        time.sleep(SETTLE_S)
        return {"few": few, "many": many, "rss_few_kb": rss_few, "rss_many_kb": yard.weight(peer)["rss_kb"], "errors": first["errors"] + rest["errors"]}


def added(result, name, quantile):
    return median([one[name]["first"][quantile] - one["direct"]["first"][quantile] for one in result["first"]])


def cpu(row):
    return (row["user_us"] + row["system_us"]) / max(1, row["stamps"])


def kb_per_stream(rounds):
    return median([(one["during"]["rss_kb"] - one["before"]["rss_kb"]) / max(1, one["open"]) for one in rounds])


def grown_mb(one):
    return (one["rss_many_kb"] - one["rss_few_kb"]) / 1024
