"""What the Python SDK scripts share: options, cases, a list of named checks, a closing count.

A check is a function; it passes when it returns, is skipped when it raises `Skipped`, and fails otherwise.
The last line a script prints is `N passed, M failed, K skipped`; its exit code is 1 after a failure.
"""

import argparse
import base64
import json
import pathlib
import struct
import sys
import time
import traceback
import urllib.parse
import urllib.request
import uuid
import zlib

from pydantic import BaseModel

CASES = json.loads((pathlib.Path(__file__).parent / "cases.json").read_text("utf-8"))

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": {"type": "string", "enum": ["c", "f"]},
        "note": {"type": "string"},
    },
    "required": ["city", "unit"],
    "additionalProperties": False,
}
BOOK_SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "year": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["title", "year", "tags"],
    "additionalProperties": False,
}
THREE_MB = 3_000_000
STATUSES = (400, 401, 403, 404, 413, 429, 500, 503, 529)


class Book(BaseModel):
    """What BOOK_SCHEMA describes."""

    title: str
    year: int
    tags: list[str]


def anthropic_thoughts(body):
    blocks = [block for message in body["messages"] if isinstance(message["content"], list) for block in message["content"]]
    return [(block["thinking"], block.get("signature")) for block in blocks if block["type"] == "thinking"]


def responses_thoughts(body):
    items = [item for item in body["input"] if item.get("type") == "reasoning"]
    return [("".join(part["text"] for part in item["summary"]), item.get("encrypted_content")) for item in items]


def chat_thoughts(body):
    return [(m.get("reasoning_content") or m.get("reasoning"), json.dumps(m.get("reasoning_details") or "")[1:-1]) for m in body["messages"]]


def gemini_thoughts(body):
    parts = [part for content in body["contents"] for part in content["parts"]]
    return [(part.get("text"), part.get("thoughtSignature")) for part in parts if part.get("thought") or "thoughtSignature" in part]


THOUGHTS = {
    "anthropic-messages": anthropic_thoughts,
    "openai-responses": responses_thoughts,
    "openai-chat": chat_thoughts,
    "gemini": gemini_thoughts,
}


class Skipped(Exception):
    """The check does not apply here; its text says why."""


class Case:
    """One entry of cases.json as the chosen mode sees it."""

    def __init__(self, name, mode, fill):
        self._entry, self._name, self._mode, self._fill = CASES[name], name, mode, fill

    @property
    def prompt(self):
        if self._mode not in self._entry:
            raise Skipped(f"case {self._name} has no {self._mode} prompt")
        return self._filled(self._entry[self._mode])

    @property
    def after(self):
        """The answer once the tool result has been given."""
        return self._entry["after"][self._mode]

    def __getattr__(self, field):
        return self._filled(self._entry[field])

    def _filled(self, value):
        for key, text in self._fill.items() if isinstance(value, str) else ():
            value = value.replace("{%s}" % key, str(text))
        return value


class Script:
    """One SDK script: its options and its checks, run in the order they were written."""

    def __init__(self, about, models):
        parser = argparse.ArgumentParser(description=about)
        parser.add_argument("--base", required=True, help="origin of the server, as http://127.0.0.1:8000")
        parser.add_argument("--key", default="sk-any")
        parser.add_argument("--bad-key", default="", help="a key that the server refuses; without it auth checks are skipped")
        parser.add_argument("--mode", choices=("echo", "upstream"), required=True, help="who answers: the echo connector, or the fixtures")
        parser.add_argument("--direct", action="store_true", help="no proxy in between: skip what only the proxy offers")
        parser.add_argument("--model", default="")
        parser.add_argument("--only", default="", help="comma-separated beginnings of check names")
        parser.add_argument("--skip", default="{}", help="JSON object: name of a check → why it does not apply")
        parser.add_argument("--upstream", default="", help="the dialect that is spoken to the upstream, where a witness stands before it")
        parser.add_argument("--seen", default="", help="origin of that witness")
        parser.add_argument("--concurrency", type=int, default=16)
        self.args = parser.parse_args()
        self.base = self.args.base.rstrip("/")
        self.model = self.args.model or models[self.args.mode]
        self.echo = self.args.mode == "echo"
        self.in_pieces = self.args.upstream != "gemini"  # that protocol streams a call's arguments whole
        self._checks = []
        self._skips = json.loads(self.args.skip)

    def case(self, name, **fill):
        return Case(name, self.args.mode, fill)

    def check(self, function):
        self._checks.append((function.__name__, function))
        return function

    def proxy_only(self, function):
        """Marks a check of something that the stand-in upstream itself does not offer."""

        def guarded():
            if self.args.direct:
                raise Skipped("only through the proxy")
            function()

        guarded.__name__ = function.__name__
        return guarded

    def bad_key(self):
        if not self.args.bad_key:
            raise Skipped("no --bad-key")
        return self.args.bad_key

    def marked(self, prompt):
        """A prompt that only one conversation has, and its mark."""
        mark = f"mark-{uuid.uuid4().hex}"
        return (prompt if self.echo else f"{prompt} {mark}"), mark

    def thoughts_seen(self, mark):
        """What the last request with this mark took back to the upstream: (thinking, seal) in order. `None` without a witness."""
        if not self.args.seen:
            return None
        query = urllib.parse.urlencode({"holding": mark})
        with urllib.request.urlopen(f"{self.args.seen}/__seen?{query}", timeout=20) as answer:
            bodies = json.load(answer)
        assert bodies, "nothing of this conversation reached the upstream"
        return THOUGHTS[self.args.upstream](json.loads(bodies[-1]))

    def check_thoughts(self, mark, want, turns):
        """The thinking of `turns` turns went back as the upstream had given it, or not at all where its protocol takes none."""
        seen = self.thoughts_seen(mark)
        if self.args.upstream == "anthropic-messages":
            same(seen, [(want.reasoning, want.signature)] * turns, "thinking taken back")
        elif self.args.upstream == "openai-responses":
            same([text for text, _ in seen], [want.reasoning] * turns, "reasoning taken back")
            same([base64.b64decode(seal or "").startswith(b"aimock-encrypted-reasoning:") for _, seal in seen], [True] * turns, "seals taken back")
        elif seen is not None:
            same([seal for _, seal in seen if seal], [], "seals that nobody made")

    def run(self):
        counts = {"ok": 0, "FAIL": 0, "skip": 0}
        wanted = tuple(part for part in self.args.only.split(",") if part)
        for name, function in self._checks:
            if wanted and not name.startswith(wanted):
                continue
            began = time.monotonic()
            verdict, note = self._verdict(name, function)
            counts[verdict] += 1
            print(f"{verdict:<5} {name:<34} {time.monotonic() - began:6.2f}s {note}".rstrip(), flush=True)
        print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
        sys.exit(1 if counts["FAIL"] or not counts["ok"] else 0)

    def _verdict(self, name, function):
        if name in self._skips:
            return "skip", self._skips[name]
        try:
            function()
            return "ok", ""
        except Skipped as reason:
            return "skip", str(reason)
        except Exception as fault:  # a failed check must not end the script
            script = pathlib.Path(sys.argv[0]).name
            frames = [f for f in traceback.extract_tb(fault.__traceback__) if f.filename.endswith(script)]
            where = f" [line {frames[-1].lineno}: {frames[-1].line}]" if frames else ""
            return "FAIL", f"{type(fault).__name__}: {str(fault)[:400]}{where}"


def same(got, want, what="value"):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def raises(kind, function):
    try:
        function()
    except kind as fault:
        return fault
    except Exception as fault:
        raise AssertionError(f"want {kind.__name__}, got {type(fault).__name__}: {str(fault)[:200]}") from fault
    raise AssertionError(f"want {kind.__name__}, nothing was raised")


def joined(text):
    """Puts UTF-16 halves that arrived in two pieces together again; a lone half becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def ends_soon(began, what):
    took = time.monotonic() - began
    assert took < 4, f"{what} took {took:.1f} s: the stream was buffered"


def ends_badly(stream, finished):
    """Reads a stream that the upstream cuts. It must fail, or end without a sign of success."""
    seen = []
    try:
        for event in stream():
            seen.append(event)
    except Exception:
        return
    assert not finished(seen), "a cut stream was reported as complete"


def green_pixel():
    """A 1×1 PNG as base64."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0\xff\0")) + chunk(b"IEND", b"")
    return base64.b64encode(png).decode()
