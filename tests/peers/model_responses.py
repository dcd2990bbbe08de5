"""How the stand-in for a model answers in OpenAI's Responses API: streamed events with numbers, around complete Response objects.

Source: platform.openai.com/docs/api-reference/responses and /responses-streaming. A piece of a plan is a text, `("thought", text)`, which becomes
a summary of reasoning, or `("write", path)`, which becomes a call of the shell that a coding agent offers.
"""

import json

DEFAULTS = {
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
}
"""What a Response repeats of its request, and what it says where the request says nothing."""

ABSENT = {"completed_at": None, "error": None, "incomplete_details": None, "usage": None}
USAGE = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 18,
}


def newest(body):
    """The newest text of the user, and whether the result of a tool stands behind it."""
    items = body.get("input")
    items = [{"role": "user", "content": items}] if isinstance(items, str) else items or [{}]
    said = [item.get("content") for item in items if item.get("role") == "user"]
    return (said or [""])[-1], str(items[-1].get("type")).endswith("_output")


class Answer:
    """One Response, piece by piece; called with a piece, or `None` for the end, it tells the events."""

    def __init__(self, body):
        told = {key: body[key] for key in DEFAULTS if body.get(key) is not None}
        self.response = {"id": "resp_1", "object": "response", "created_at": 1, "status": "in_progress", "model": body.get("model"), "output": []}
        self.response |= ABSENT | DEFAULTS | told
        self.number, self.text = 0, None

    def __call__(self, piece):
        events = [] if self.number else [self.of("response.created"), self.of("response.in_progress")]
        if isinstance(piece, str):
            return events + self.say(piece)
        events += self.said()
        if piece is None:
            return events + [self.complete()]
        return events + (self.think(piece[1]) if piece[0] == "thought" else self.run(piece[1]))

    def event(self, kind, **fields):
        self.number += 1
        return {"type": kind, "sequence_number": self.number - 1, **fields}

    def of(self, kind):
        return self.event(kind, response=json.loads(json.dumps(self.response)))

    def inside(self, kind, item, **fields):
        """An event of an item that is not whole yet."""
        return self.event(kind, output_index=len(self.response["output"]), item_id=item["id"], **fields)

    def added(self, item, **before):
        at = len(self.response["output"])
        return self.event("response.output_item.added", output_index=at, item={**item, "status": "in_progress", **before})

    def done(self, item):
        at = len(self.response["output"])
        self.response["output"].append({**item, "status": "completed"})
        return self.event("response.output_item.done", output_index=at, item=self.response["output"][-1])

    def message(self, text):
        return {"type": "message", "id": "msg_1", "role": "assistant", "content": [self.part(text)]}

    @staticmethod
    def part(text):
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def say(self, text):
        item, events = self.message(""), []
        if self.text is None:
            self.text = ""
            events = [self.added(item, content=[]), self.inside("response.content_part.added", item, content_index=0, part=self.part(""))]
        self.text += text
        return events + [self.inside("response.output_text.delta", item, content_index=0, delta=text, logprobs=[])]

    def said(self):
        """The end of the message that was begun."""
        if self.text is None:
            return []
        item, text, self.text = self.message(self.text), self.text, None
        events = [self.inside("response.output_text.done", item, content_index=0, text=text, logprobs=[])]
        return events + [self.inside("response.content_part.done", item, content_index=0, part=self.part(text)), self.done(item)]

    def think(self, text):
        part = {"type": "summary_text", "text": text}
        item = {"type": "reasoning", "id": "rs_1", "summary": [part], "encrypted_content": "c2VhbGVk"}
        events = [self.added(item, summary=[])]
        for kind, fields in (
            ("part.added", {"part": {**part, "text": ""}}),
            ("text.delta", {"delta": text}),
            ("text.done", {"text": text}),
            ("part.done", {"part": part}),
        ):
            events.append(self.inside(f"response.reasoning_summary_{kind}", item, summary_index=0, **fields))
        return events + [self.done(item)]

    def run(self, path):
        asks = {"sandbox_permissions": "require_escalated", "justification": "May I write it?"}
        arguments = json.dumps({"cmd": f"echo by the model > '{path}'", **asks})
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "exec_command", "arguments": arguments}
        return [
            self.added(item, arguments=""),
            self.inside("response.function_call_arguments.delta", item, delta=arguments),
            self.inside("response.function_call_arguments.done", item, name=item["name"], arguments=arguments),
            self.done(item),
        ]

    def complete(self):
        self.response |= {"status": "completed", "completed_at": 2, "usage": USAGE}
        return self.of("response.completed")
