"""A stand-in for the models behind real agents: Gemini's v1beta, OpenAI's chat completions and Responses, told by markers in the newest text.

Sources: ai.google.dev/api/generate-content; platform.openai.com/docs/api-reference/chat/streaming; those of `model_responses.py`. Markers:
`[[THINK]]` a thought first, `[[SLOW n]]` n pieces with a pause each, `[[WRITE path]]` a call of the agent's tool that writes files. Everything
else is answered with a greeting.
"""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import model_responses

PAUSE_S = 0.2
END = "[DONE]"
GREETING = ["Hello ", "from the ", "model."]
DONE = ["The tool ", "is done."]
THOUGHT = "**Pondering**\nI should greet."


def texts(value):
    """Every text anywhere inside of a message."""
    if isinstance(value, dict):
        return [value["text"]] if isinstance(value.get("text"), str) else [t for v in value.values() for t in texts(v)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


def plan(newest, has_result):
    """What is said: pairs of a pause and a piece; a piece is text, `("thought", text)` or `("write", path)`."""
    if has_result:
        return [(0, piece) for piece in DONE]
    # An agent may put the conversation so far in front of it.
    marks = re.findall(r"\[\[([A-Z]+) ?([^\]]*)\]\]", newest.rsplit("message of the user:\n", 1)[-1])
    for name, value in marks:
        if name == "WRITE":
            return [(0, ("write", value))]
        if name == "SLOW":
            return [(PAUSE_S, f"tick {n} ") for n in range(int(value))]
    thought = [(0, ("thought", THOUGHT))] if ("THINK", "") in marks else []
    return thought + [(0, piece) for piece in GREETING]


class Model(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Says nothing."""

    def do_GET(self):
        self.whole({"models": [], "data": []})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        if named := re.search(r"models/([^/:]+):", self.path):
            body.setdefault("model", named[1])
        self.server.asked.append(body)
        if "generateContent" in self.path or "GenerateContent" in self.path:
            last = (body.get("contents") or [{}])[-1]
            self.stream(self.gemini, plan("\n".join(texts(last)), '"functionResponse"' in json.dumps(last)), "stream" in self.path)
        elif self.path.endswith("/chat/completions"):
            last = (body.get("messages") or [{}])[-1]
            self.stream(self.chat, plan("\n".join(texts(last.get("content"))), last.get("role") == "tool"), body.get("stream"))
        elif self.path.endswith("/responses"):
            said, has_result = model_responses.newest(body)
            self.stream(model_responses.Answer(body), plan("\n".join(texts(said)), has_result), body.get("stream"))
        else:
            self.whole({"totalTokens": 11})

    def whole(self, answer):
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, spell, pieces, is_streamed):
        events = [(pause * (at == 0), event) for pause, piece in [*pieces, (0, None)] for at, event in enumerate(spell(piece))]
        if not is_streamed:
            return self.whole(events[-1][1]["response"] if isinstance(spell, model_responses.Answer) else events[0][1])
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for pause, event in events:
                time.sleep(pause)
                name = f"event: {event['type']}\n" if "type" in event else ""
                self.wfile.write(f"{name}data: {event if event == END else json.dumps(event)}\n\n".encode())
                self.wfile.flush()
        except OSError:
            self.server.left += 1

    @staticmethod
    def gemini(piece):
        usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
        if piece is None:
            return [{"candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}]
        part = {"text": piece}
        if isinstance(piece, tuple):
            call = {"functionCall": {"name": "write_file", "args": {"file_path": piece[1], "content": "by the model\n"}}}
            part = {"text": piece[1], "thought": True} if piece[0] == "thought" else call
        return [{"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}]}]

    @staticmethod
    def chat(piece):
        def chunk(delta, finish=None):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

        if piece is None:
            last = chunk({}, "stop")
            last["usage"] = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
            return [last, END]
        if isinstance(piece, tuple) and piece[0] == "thought":
            return [chunk({"reasoning_content": piece[1]})]
        if isinstance(piece, tuple):
            args = json.dumps({"filePath": piece[1], "content": "by the model\n"})
            call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "write", "arguments": args}}
            return [chunk({"role": "assistant", "tool_calls": [call]})]
        return [chunk({"role": "assistant", "content": piece})]


def start():
    """A model on a port of the system's choice. `asked` are the bodies that it got, `left` how many clients went away."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    server.asked, server.left = [], 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
