"""The kinds of traffic: what clients send in each dialect, where it goes, and how the mock answers."""
import json
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One kind of traffic. `stamps`: time stamps in one answer, one for a JSON answer and one for each delta."""
    name: str
    request_bytes: int
    profile: dict
    connections: int
    unit: str = "request"
    # Which time is compared with direct: of the whole answer, or of each delta on its way.
    latency: str = "total"
    # Is each request one of many conversations, whose number the load generator puts into it?
    numbered: bool = False

    @property
    def stamps(self):
        return max(1, self.profile["deltas"])

    @property
    def stream(self):
        return self.profile["deltas"] > 0


def profile(deltas=0, gap_us=0, text_bytes=300, request_bytes_min=1):
    return {"deltas": deltas, "gap_us": gap_us, "text_bytes": text_bytes, "request_bytes_min": request_bytes_min}


CASES = [
    Case("small", 300, profile(), 32),
    Case("large", 200_000, profile(request_bytes_min=195_000), 8),
    Case("burst", 300, profile(deltas=100, text_bytes=12), 16, unit="delta"),
    Case("paced", 300, profile(deltas=100, gap_us=5000, text_bytes=12), 64, unit="delta", latency="one_way"),
]
TITLES = {
    "small": "chat, small JSON",
    "large": "chat, 200 KB body",
    "burst": "stream, 100 deltas at once",
    "paced": "stream, a delta every 5 ms",
}


# ------------------------------------------------------------------ requests
# Dialect: the connector that speaks it to an upstream.
DIALECTS = {"openai-chat": "openai", "openai-responses": "openai-responses", "anthropic-messages": "anthropic", "gemini": "gemini"}


def path(dialect, model, stream):
    """Where a request of `dialect` is sent. Gemini alone names model and streaming there."""
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return {"openai-chat": "/v1/chat/completions", "openai-responses": "/v1/responses", "anthropic-messages": "/v1/messages",
            "gemini": f"/v1beta/models/{model}:{verb}"}[dialect]


def code_like(size):
    """Text of a coding session: many quotes, newlines and backslashes, as JSON has to escape them."""
    dice = random.Random(size)
    words = ["fn", "let", "mut", "self", "->", "{", "}", "(", ")", ";", "==", '"text"', "\\n", "# note", "await", "token"]
    lines, length = [], 0
    while length < size:
        line = "    " * dice.randint(0, 4) + " ".join(dice.choices(words, k=dice.randint(4, 12)))
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines)


# Long enough to be known again by its words alone, and each with a number of its own: see src/client.rs.
NUMBERED = [("user", "#00000000# Name the three primary colours, please."), ("assistant", "Red, yellow and blue."), ("user", "And what do they mix to?")]


def conversation(case):
    """The roles and texts of a conversation of about `request_bytes`."""
    if case.numbered:
        return NUMBERED
    if case.request_bytes < 500:
        return [("user", "Say hello and name the three primary colours, please.")]
    turns, length, text_bytes = [], 0, min(4001, case.request_bytes // 3)
    while length < case.request_bytes or len(turns) % 2 == 0:
        text = code_like(text_bytes + len(turns))
        turns.append(("assistant" if len(turns) % 2 else "user", text))
        length += len(json.dumps(text)) + 40
    return turns


def request_body(dialect, case, model):
    """A request of `case` as a client of `dialect` writes it."""
    turns, system, stream = conversation(case), "Be terse.", case.stream
    messages = [{"role": role, "content": text} for role, text in turns]
    body = {
        "openai-chat": {"model": model, "messages": [{"role": "system", "content": system}, *messages], "stream": stream, "max_tokens": 1024},
        "openai-responses": {"model": model, "instructions": system, "input": messages, "stream": stream, "max_output_tokens": 1024, "store": False},
        "anthropic-messages": {"model": model, "system": system, "messages": messages, "stream": stream, "max_tokens": 1024},
        "gemini": {"systemInstruction": {"parts": [{"text": system}]}, "generationConfig": {"maxOutputTokens": 1024},
                   "contents": [{"role": "model" if role == "assistant" else role, "parts": [{"text": text}]} for role, text in turns]},
    }[dialect]
    return json.dumps(body).encode()
