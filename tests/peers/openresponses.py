"""Responses answers against the published Open Responses types (PyPI openresponses-types), whole and streamed.

    python openresponses.py --base http://127.0.0.1:8000 --model openai:gpt-5 [--key K]

Prompts select answers of aimock-fixtures.json; only shapes and the order of events are judged, so any upstream will do.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request

import openresponses_types
from openresponses_types import ResponseResource
from pydantic import ValidationError

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNg+M8AAAICAQB7CYF4AAAAAElFTkSuQmCC"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "name": "get_weather", "description": "weather now", "parameters": CITY, "strict": False}


def message(role, content):
    return {"type": "message", "role": role, "content": content}


REQUESTS = {
    "text": {"input": [message("user", "CASE-PLAIN")]},
    "system": {"input": [message("system", "CASE-CANARY-IN-SYSTEM"), message("user", "CASE-SYSTEM")]},
    "turns": {"input": [message("user", "one"), message("assistant", "two"), message("user", "CASE-PLAIN")]},
    "tool": {"input": [message("user", "CASE-TOOL")], "tools": [TOOL]},
    "image": {
        "input": [
            message(
                "user",
                [
                    {"type": "input_text", "text": "CASE-IMAGE"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
                ],
            )
        ]
    },
    "reasoning": {"input": "CASE-REASONING", "reasoning": {"effort": "low", "summary": "auto"}},
}
# What must be among the output items of an answer.
ITEMS = {"tool": "function_call", "reasoning": "reasoning"}


def event_types():
    """`type` of a stream's event → its model."""
    models = [getattr(openresponses_types, name) for name in dir(openresponses_types) if name.endswith("StreamingEvent")]
    return {list(model.model_fields["type"].annotation)[0].value: model for model in models}


def violations(model, value):
    try:
        model.model_validate(value)
    except ValidationError as fault:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in fault.errors()]
    return []


class Server:
    def __init__(self, options):
        self._options = options

    def post(self, request):
        """(status, text) of an answer, whatever its status."""
        body = json.dumps({"model": self._options.model, **request}).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {self._options.key}"}
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{self._options.base}/v1/responses", body, headers), timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as fault:
            return fault.code, fault.read().decode()


def events_of(text):
    """(event name, data) of each event."""
    for block in text.split("\n\n"):
        fields = [line.partition(": ")[::2] for line in block.splitlines() if not line.startswith(":")]
        data = "\n".join(value for name, value in fields if name == "data")
        if data:
            yield next((value for name, value in fields if name == "event"), None), data


def whole(server, name):
    status, text = server.post(REQUESTS[name])
    assert status == 200, f"{status} {text[:300]}"
    answer = json.loads(text)
    judged(name, answer)


def judged(name, answer):
    found = violations(ResponseResource, answer)
    assert not found, f"{len(found)} violations: " + "; ".join(found[:30])
    assert answer["status"] == "completed" and answer["output"], answer["status"]
    kinds = [item["type"] for item in answer["output"]]
    assert ITEMS.get(name, kinds[-1]) in kinds, kinds


def streamed(server, name):
    status, text = server.post(REQUESTS[name] | {"stream": True})
    assert status == 200, f"{status} {text[:300]}"
    models, faults, events = event_types(), [], []
    for title, data in events_of(text):
        assert data != "[DONE]", "a DONE line is not part of this protocol"
        event = json.loads(data)
        events.append(event)
        kind = event.get("type")
        faults += [] if title == kind else [f"event {title} has type {kind}"]
        faults += [f"{kind}: {one}" for one in violations(models[kind], event)] if kind in models else [f"no such event: {kind}"]
    assert not faults, f"{len(faults)} violations: " + "; ".join(dict.fromkeys(faults))[:1500]
    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed"), kinds
    assert [event["sequence_number"] for event in events] == list(range(len(events))), "sequence numbers"
    judged(name, events[-1]["response"])


def types_are_strict(_server, _name):
    """The types notice a missing field: without that, the other checks prove nothing."""
    required = [name for name, field in ResponseResource.model_fields.items() if field.is_required()]
    assert len(required) > 20 and len(event_types()) > 20, (len(required), len(event_types()))
    missing = violations(ResponseResource, {})
    assert {one.partition(":")[0] for one in missing} >= set(required), missing


def refusal(server, _name):
    status, text = server.post({"input": 7})
    error = json.loads(text)["error"]
    assert 400 <= status < 500 and isinstance(error["message"], str) and isinstance(error["type"], str), text[:300]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--key", default="sk-any")
    server = Server(parser.parse_args())
    checks = [("types_are_strict", types_are_strict, ""), ("refusal", refusal, "")]
    checks += [(f"{judge.__name__}_{name}", judge, name) for judge in (whole, streamed) for name in REQUESTS]
    failed = 0
    for title, judge, name in checks:
        try:
            judge(server, name)
            print(f"ok    {title}")
        except Exception as fault:  # a failed check must not end the script
            failed += 1
            print(f"FAIL  {title}: {type(fault).__name__}: {str(fault)[:1200]}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
