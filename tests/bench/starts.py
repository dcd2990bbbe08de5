"""How long from the start of the process to its first answer, and what it weighs then."""
import contextlib
import http.client
import re
import time

from report import Row, median, number
from traffic import CASES
from yard import free_port

# Answers are asked for so often; a refused connection costs next to nothing.
LOOK_S = 0.0002
PATIENCE_S = 20
# How long it is left alone before it is weighed.
SETTLE_S = 0.3


class Starts:
    """Start to first answer with all connectors, RSS and threads when idle."""
    title = "Start"

    @staticmethod
    def measure(bench):
        with bench.yard() as yard:
            direct = yard.mock()
            body = yard.body(direct, CASES[0]).read_bytes()
            found = {"hyper": [], "lip": []}
            # The first start of LIP has no verdict on its libraries yet; it is told apart.
            for _ in range(bench.options.starts + 1):
                for name in found:
                    port = free_port()
                    program = yard.lip_program(port=port) if name == "lip" else yard.floor_program(port)
                    found[name].append(start(yard, program, body, direct.url(CASES[0]).split(yard.mock_address)[1]))
        n_libraries = len([file for file in (bench.stage / "plugins").iterdir() if file.suffix in (".so", ".dylib", ".dll")])
        for one in found["lip"]:
            if one["plugins"] != [str(n_libraries), "0"]:
                raise SystemExit(f"bench: {n_libraries} libraries are there, LIP says {one['plugins']} are loaded and refused")
        return {"libraries": n_libraries, **found}

    @staticmethod
    def errors(_):
        return 0

    @staticmethod
    def markdown(result):
        lines = [f"{result['libraries']} libraries, all loaded and verified; {len(result['lip']) - 1} starts with what the first one has found out.", "",
                 "| program | first start, ms | **first answer, ms: median** | fastest | slowest | RSS idle, MB | threads |", "|---" * 7 + "|"]
        for name in ("hyper", "lip"):
            cold, warm = result[name][0], [one["answer_ms"] for one in result[name][1:]]
            cells = [number(cold["answer_ms"]), f"**{number(median(warm))}**", number(min(warm)), number(max(warm)),
                     number(idle_mb(result[name])), number(median([one["threads"] for one in result[name]]))]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    @staticmethod
    def rows(result):
        yield Row("start to first answer, warm, all connectors", median([one["answer_ms"] for one in result["lip"][1:]]), 60, "ms")
        yield Row("RSS idle, all connectors", idle_mb(result["lip"]), 30, "MB")


def start(yard, program, body, path):
    began = time.monotonic()
    process, log = yard.spawn(program)
    while not answers(program.port, body, path):
        if process.poll() is not None or time.monotonic() > began + PATIENCE_S:
            raise SystemExit(f"bench: {program.name} did not answer:\n{log.read_text(errors='replace')[-1500:]}")
        time.sleep(LOOK_S)
    answer_ms = (time.monotonic() - began) * 1000
    time.sleep(SETTLE_S)
    weight = yard.load("weight", "--pid", process.pid)
    yard.stop(process.pid)
    plugins = re.search(r"(\d+) loaded, (\d+) refused", log.read_text(errors="replace"))
    return {"answer_ms": answer_ms, **weight, "plugins": list(plugins.groups()) if plugins else None}


def answers(port, body, path):
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("POST", path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status == 200 and b"~" in answer.read()
    return False


def idle_mb(starts):
    return median([one["rss_kb"] / 1024 for one in starts])
