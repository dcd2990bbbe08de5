"""Backends in front of servers that others wrote: every one of OpenAI's Chat API, and Ollama by both of its APIs.

    python3 tests/peers/backends.py --lip PATH/TO/lip                  in front of aimock and llmock
    python3 tests/peers/backends.py --lip PATH/TO/lip --llama ORIGIN   in front of llama.cpp's server

A client asks for text and for a tool, streamed and whole, and is refused once; what it sees must be the same by every backend.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
import tempfile
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sdk"))

import servers  # noqa: E402

KEY = servers.UPSTREAM_KEY
# Backend → a model of it.
CHAT = {
    "openai": "gpt-5",
    "openrouter": "z-ai/glm-5.3",
    "nvidia": "openai/gpt-oss-120b",
    "zenmux": "z-ai/glm-5.3",
    "zai": "glm-5.3",
    "zai-coding-plan": "glm-5.3",
    "kimi-code": "k3",
    "opencode-go": "glm-5.1",
    "minimax": "MiniMax-M3",
    "internlm": "intern-s1",
    "custom": "own-model",
}
# They are not asked for the usage of a stream: it is refused, or comes by itself.
UNASKED = {"nvidia", "zai", "zai-coding-plan"}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string"}, "note": {"type": "string"}}},
    },
}


@dataclasses.dataclass
class Seen:
    """What a client saw of an answer."""

    status: int
    text: str = ""
    calls: list = dataclasses.field(default_factory=list)
    finish: str = ""
    tokens: int = 0
    ended: bool = True
    wait: str = ""


def table(name, origin, kind=None, more=""):
    kind = kind or name
    url = origin if kind == "ollama" else f"{origin}/v1"
    place = "base_url" if kind == "custom" else "api_url"
    return f'[backends."{name}"]\ntype = "{kind}"\n{place} = "{url}"\napi_key = "{KEY}"\n{more}'


def configuration(origin):
    """LIP with each backend at the same server; `ollama.native` speaks Ollama's own API."""
    tables = [table(name, origin) for name in CHAT]
    tables += [table("ollama", origin), table("ollama.native", origin, "ollama", "native = true\n")]
    return "".join(tables)


def post(origin, body):
    request = urllib.request.Request(origin + "/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read().decode()


def ask(origin, model, messages, stream, tools=False, more=None):
    """One turn by LIP's Chat frontend."""
    body = {"model": model, "stream": stream, "messages": messages, **(more or {})}
    if stream:
        body["stream_options"] = {"include_usage": True}
    if tools:
        body["tools"] = [TOOL]
    status, headers, text = post(origin, body)
    if status != 200:
        return Seen(status, json.loads(text)["error"]["message"], wait=headers.get("retry-after", ""))
    if not stream:
        answer = json.loads(text)
        choice = answer["choices"][0]
        message = choice["message"]
        calls = [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in message.get("tool_calls") or []]
        tokens = (answer.get("usage") or {}).get("completion_tokens", 0)
        return Seen(status, message.get("content") or "", calls, choice["finish_reason"], tokens)
    return streamed(text)


def streamed(text):
    data = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    seen, calls = Seen(200, ended=bool(data) and data[-1] == "[DONE]"), {}
    for event in map(json.loads, (line for line in data if line != "[DONE]")):
        seen.tokens = (event.get("usage") or {}).get("completion_tokens", seen.tokens)
        for choice in event["choices"]:
            seen.text += choice["delta"].get("content") or ""
            seen.finish = choice.get("finish_reason") or seen.finish
            for part in choice["delta"].get("tool_calls") or []:
                call = calls.setdefault(part["index"], ["", ""])
                call[0] += part["function"].get("name") or ""
                call[1] += part["function"].get("arguments") or ""
    seen.calls = [(name, json.loads(arguments)) for name, arguments in calls.values()]
    return seen


class Book:
    """Counts what holds."""

    def __init__(self):
        self.passed, self.failed = 0, []

    def hold(self, what, got, wanted):
        if got == wanted:
            self.passed += 1
        else:
            self.failed.append(f"{what}: {got!r} is not {wanted!r}")


def user(text):
    return [{"role": "user", "content": text}]


def against_aimock(book, lip, backend, name):
    arguments = {"city": "Lyon", "unit": "c", "note": 'quote " slash \\ line \n snow ☃ crab 🦀'}
    for stream in (False, True):
        what, model = f"aimock, {backend}{', streamed' if stream else ''}", f"{backend}:{name}"
        plain = ask(lip, model, user("CASE-PLAIN"), stream)
        book.hold(f"{what}, text", (plain.text, plain.finish, plain.ended), ("A plain answer, twice: a plain answer.", "stop", True))
        # The stand-in counts nothing on Ollama's own API.
        if backend != "ollama.native" and not (stream and backend in UNASKED):
            book.hold(f"{what}, tokens", plain.tokens, 9)
        tool = ask(lip, model, user("CASE-TOOL"), stream, tools=True)
        book.hold(f"{what}, tool", (tool.calls, tool.finish), ([("get_weather", arguments)], "tool_calls"))
        call = {"id": "call_case_1", "type": "function", "function": {"name": "get_weather", "arguments": json.dumps(arguments)}}
        back = [{"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_case_1", "content": "21"}]
        done = ask(lip, model, user("CASE-TOOL") + back, stream, tools=True)
        book.hold(f"{what}, tool's result", done.text, "It is 21 degrees in Lyon.")
        late = ask(lip, model, user("CASE-ERROR-429"), stream)
        book.hold(f"{what}, refused", (late.status, late.wait, "case 429 failed" in late.text), (429, "7", True))


def aimock(book, binary, folder):
    upstream = servers.start_aimock(folder, KEY)
    try:
        lip = servers.start_alone(binary, folder, configuration(upstream.origin))
        try:
            for backend, model in (CHAT | {"ollama": "qwen3", "ollama.native": "qwen3"}).items():
                against_aimock(book, lip.origin, backend, model)
            with urllib.request.urlopen(lip.origin + "/v1/models", timeout=60) as answer:
                listed = {model["id"] for model in json.load(answer)["data"]}
            with urllib.request.urlopen(urllib.request.Request(upstream.origin + "/api/tags", headers={"authorization": f"Bearer {KEY}"})) as answer:
                tags = {model["name"] for model in json.load(answer)["models"]}
            for backend in ("ollama", "ollama.native"):
                book.hold(f"aimock, models of {backend}", {f"{backend}:{tag}" for tag in tags} - listed, set())
        finally:
            lip.stop()
    finally:
        upstream.stop()


def llmock(book, binary, folder):
    from llmock.scenarios import Fail, Reply, ToolCall
    from llmock.testing import LLMockServer
    from llmock.verdict import judge

    with LLMockServer() as upstream:
        lip = servers.start_alone(binary, folder, configuration(upstream.url))
        try:
            for backend, model in (CHAT | {"ollama": "qwen3"}).items():
                for stream in (False, True):
                    upstream.state.reset()
                    what, name = f"llmock, {backend}{', streamed' if stream else ''}", f"{backend}:{model}"
                    call = ToolCall("get_weather", {"city": "Lyon"})
                    upstream.state.scenarios.add(Reply(text="one two three four"), Reply(tool_calls=(call,)), Fail(400, times=1))
                    refused = ask(lip.origin, name, user("What is refused?"), stream)
                    book.hold(f"{what}, refused", refused.status, 400)
                    plain = ask(lip.origin, name, user("What is said?"), stream)
                    book.hold(f"{what}, text", (plain.text, plain.finish, plain.ended), ("one two three four", "stop", True))
                    tool = ask(lip.origin, name, user("What is called?"), stream, tools=True)
                    book.hold(f"{what}, tool", (tool.calls, tool.finish), ([("get_weather", {"city": "Lyon"})], "tool_calls"))
                    findings = judge(upstream.state.journal.records(wait=2.0)).errors
                    book.hold(f"{what}, verdict", [finding.code for finding in findings], [])
        finally:
            lip.stop()


def llama(book, binary, folder, upstream):
    """The model may say anything, as one of random weights does: the form of its answers is what counts."""
    properties = {"ok": {"type": "boolean"}}
    schema = {"type": "object", "properties": properties, "required": ["ok"], "additionalProperties": False}
    in_json = {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}, "max_tokens": 64}
    # A server may be built without grammars: then it says so to everybody.
    by_itself = ask(upstream, "any", user("Answer in JSON."), False, more=in_json).status
    lip = servers.start_alone(binary, folder, configuration(upstream))
    try:
        for backend in ("custom", "ollama", "nvidia", "zenmux", "opencode-go"):
            for stream in (False, True):
                what, model = f"llama.cpp, {backend}{', streamed' if stream else ''}", f"{backend}:{CHAT.get(backend, 'any')}"
                said = ask(lip.origin, model, user("Say something."), stream, more={"max_tokens": 16})
                book.hold(f"{what}, text", (said.status, said.finish in ("stop", "length"), said.ended), (200, True, True))
                if not (stream and backend in UNASKED):
                    book.hold(f"{what}, tokens", 0 < said.tokens <= 16, True)
                formed = ask(lip.origin, model, user("Answer in JSON."), stream, more=in_json)
                book.hold(f"{what}, status of JSON", formed.status, by_itself)
                if formed.status == 200:
                    book.hold(f"{what}, JSON", type(json.loads(formed.text).get("ok")), bool)
            nobody = [{"role": "user", "content": [{"type": "nothing"}]}]
            refused, alone = ask(lip.origin, f"{backend}:any", nobody, False), ask(upstream, "any", nobody, False)
            book.hold(f"llama.cpp, {backend}, refused", (refused.status, alone.text in refused.text), (alone.status, True))
    finally:
        lip.stop()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--lip", type=pathlib.Path, required=True, help="the staged binary; its plugins lie next to it")
    options.add_argument("--llama", help="the origin of a llama.cpp server")
    options = options.parse_args()
    servers.end_when_told()
    book = Book()
    with tempfile.TemporaryDirectory(prefix="lip-backends-", ignore_cleanup_errors=True) as temporary:
        folder = pathlib.Path(temporary)
        if options.llama:
            llama(book, options.lip, folder, options.llama)
        else:
            aimock(book, options.lip, folder)
            llmock(book, options.lip, folder)
    print(*book.failed, sep="\n")
    print(f"{book.passed} passed, {len(book.failed)} failed")
    return 1 if book.failed or not book.passed else 0


if __name__ == "__main__":
    sys.exit(main())
