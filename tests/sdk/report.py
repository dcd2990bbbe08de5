"""What the SDK suite found, as a table for the terminal and as docs/compatibility.md."""

import collections
import json
import re
from dataclasses import dataclass

from servers import HERE, ROOT

FEATURES = {name: checks for name, checks in json.loads((HERE / "features.json").read_text("utf-8")).items() if name != "about"}
NOT_APPLICABLE = json.loads((HERE / "not-applicable.json").read_text("utf-8"))["entries"]
LINE = re.compile(r"^(ok|FAIL|skip)\s+(\w+)\s+[\d.]+s ?(.*)$", re.MULTILINE)
KINDS = {".py": "Python", ".mjs": "Node"}
FRONTENDS = {
    "openai_chat": ("OpenAI Chat Completions", "openai", "openai"),
    "openai_responses": ("OpenAI Responses", "openai", "openai"),
    "anthropic_messages": ("Anthropic Messages", "anthropic", "@anthropic-ai/sdk"),
    "gemini": ("Gemini", "google-genai", "@google/genai"),
}


@dataclass
class Row:
    """What one script said in front of one upstream."""

    family: str
    kind: str
    upstream: str
    verdicts: dict[str, tuple[str, str]]
    """Check → (`ok`, `FAIL` or `skip`; note)."""
    seconds: float

    def count(self, verdict):
        return sum(1 for found, _ in self.verdicts.values() if found == verdict)


def verdicts_of(output, status):
    """Reads a script's lines. A script that did not end well without a failed check is a failure of its own."""
    verdicts = {name: (verdict, note) for verdict, name, note in LINE.findall(output)}
    if status != 0 and not any(verdict == "FAIL" for verdict, _ in verdicts.values()):
        verdicts["script"] = ("FAIL", f"exit code {status}")
    return verdicts


def skips_for(family, kind, upstream):
    """Check → why it does not apply in this row."""
    return {e["check"]: e["why"] for e in NOT_APPLICABLE if e["script"] in (family, family + kind) and e["upstream"] == upstream}


def stale(rows):
    """Entries of the table that no check of these rows has; only meaningful after a full run."""
    for entry in NOT_APPLICABLE:
        mine = [row for row in rows if entry["script"] in (row.family, row.family + row.kind) and entry["upstream"] == row.upstream]
        if mine and not any(entry["check"] in row.verdicts for row in mine):
            yield f"not-applicable.json names a check that does not exist: {entry}"


def feature_of(check):
    fits = [(len(start), feature) for feature, starts in FEATURES.items() for start in starts if check.startswith(start)]
    return max(fits)[1] if fits else None


def homeless(rows):
    return sorted({check for row in rows for check in row.verdicts if check != "script" and feature_of(check) is None})


def table(rows):
    lines = [f"{'script':<26} {'upstream':<18} passed failed    n/a seconds"]
    for row in rows:
        counts = [row.count(verdict) for verdict in ("ok", "FAIL", "skip")]
        lines.append("{:<26} {:<18} {:6} {:6} {:6} {:7.1f}".format(row.family + row.kind, row.upstream, *counts, row.seconds))
    return "\n".join(lines)


def versions():
    """The pinned version of each SDK."""
    lock = ROOT / "scripts/tools.lock"
    node = json.loads((lock / "package.json").read_text("utf-8"))["dependencies"]
    python = dict(re.findall(r"^([\w-]+)==(\S+)$", (lock / "requirements.in").read_text("utf-8"), re.MULTILINE))
    return python, node


class Notes:
    """Numbered reasons below a table."""

    def __init__(self):
        self._numbers = {}

    def number(self, text):
        return self._numbers.setdefault(text, len(self._numbers) + 1)

    def lines(self):
        return [f"{number}. {text}" for text, number in self._numbers.items()]


def markdown(rows):
    """The whole page."""
    upstreams = list(dict.fromkeys(row.upstream for row in rows))
    python, node = versions()
    out = [
        "# Compatibility",
        "",
        "Official SDKs through LIP, in front of every upstream dialect: each SDK runs its script on its own frontend, and a",
        "stand-in upstream that is not ours answers in the dialect named by the column. `echo` is LIP's own offline backend.",
        "`tests/sdk/run.py --write docs/compatibility.md` writes this page, and the suite `sdk` fails when it is out of date.",
        "",
        "## SDK by upstream",
        "",
        "Checks passed of checks that apply; the rest are listed below with the reason.",
        "",
        "| frontend | SDK | " + " | ".join(upstreams) + " |",
        "| --- | --- |" + " --- |" * len(upstreams),
    ]
    cells = {(row.family, row.kind, row.upstream): row for row in rows}
    for family, (title, in_python, in_node) in FRONTENDS.items():
        for kind, language in KINDS.items():
            package, pins = (in_python, python) if kind == ".py" else (in_node, node)
            found = [cells.get((family, kind, upstream)) for upstream in upstreams]
            if any(found):
                out.append(f"| {title} | {language} `{package}` {pins[package]} | " + " | ".join(map(score, found)) + " |")
    out += ["", "## Features by upstream", "", "Each cell holds the checks of both languages."]
    notes = Notes()
    for family, (title, *_) in FRONTENDS.items():
        mine = [row for row in rows if row.family == family]
        if mine:
            out += ["", f"### {title}", "", "| feature | " + " | ".join(upstreams) + " |", "| --- |" + " --- |" * len(upstreams)]
            out += [line for feature in FEATURES if (line := feature_line(feature, mine, upstreams, notes))]
    out += ["", "## What does not apply, and why", "", *notes.lines(), ""]
    return "\n".join(out)


def score(row):
    if row is None:
        return ""
    passed, failed = row.count("ok"), row.count("FAIL")
    return f"{passed} of {passed + failed}" + ("" if not failed else " **✗**")


def feature_line(feature, rows, upstreams, notes):
    by_upstream = collections.defaultdict(list)
    for row in rows:
        for check, (verdict, note) in row.verdicts.items():
            if feature_of(check) == feature:
                by_upstream[row.upstream].append((check, verdict, note))
    if not by_upstream:
        return None
    return f"| {feature} | " + " | ".join(cell(by_upstream[upstream], notes) for upstream in upstreams) + " |"


def cell(found, notes):
    failed = sorted({check for check, verdict, _ in found if verdict == "FAIL"})
    if failed:
        return "**✗** " + ", ".join(failed)
    reasons = sorted({notes.number(f"`{check}`: {note}") for check, verdict, note in found if verdict == "skip"})
    marks = f" ({', '.join(map(str, reasons))})" if reasons else ""
    return ("✓" if any(verdict == "ok" for _, verdict, _ in found) else "n/a") + marks
