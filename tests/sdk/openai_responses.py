"""The official OpenAI SDK for Python on Responses.

python openai_responses.py --base http://127.0.0.1:8000 --mode echo
"""

import asyncio
import json
import time

import openai

from harness import Book, THREE_MB, STATUSES, WEATHER, Script, ends_badly, ends_soon, green_pixel, joined, raises, same

script = Script("OpenAI SDK (Python): responses", {"echo": "echo", "upstream": "gpt-5"})
check, case = script.check, script.case

TOOLS = [{"type": "function", "name": "get_weather", "description": "weather now", "parameters": WEATHER, "strict": False}]
KINDS = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    413: openai.APIStatusError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
    529: openai.InternalServerError,
}


def client(key=script.args.key, kind=openai.OpenAI):
    return kind(base_url=f"{script.base}/v1", api_key=key, max_retries=0, timeout=60)


api = client()


def ask(prompt, **more):
    return api.responses.create(model=script.model, input=prompt, **more)


def stream(prompt, **more):
    events = list(ask(prompt, stream=True, **more))
    same(events[0].type, "response.created", "first event")
    return events


def deltas(events, kind):
    return [event.delta for event in events if event.type == f"response.{kind}.delta"]


def streamed_text(events):
    return joined("".join(deltas(events, "output_text")))


def calls_of(items):
    return [item for item in items if item.type == "function_call"]


def done_calls(events):
    return calls_of([event.item for event in events if event.type == "response.output_item.done"])


def counted(usage, want):
    same([usage.input_tokens, usage.output_tokens, usage.total_tokens], [*want, sum(want)], "usage")


def given_back(prompt, calls, results):
    turns = [{"role": "user", "content": prompt}]
    turns += [{"type": "function_call", "call_id": c.call_id, "name": c.name, "arguments": c.arguments} for c in calls]
    return turns + [{"type": "function_call_output", "call_id": c.call_id, "output": text} for c, text in zip(calls, results)]


@check
def response():
    answer = ask(case("plain").prompt)
    same((answer.object, answer.status, answer.output_text), ("response", "completed", case("plain").text))
    same([item.type for item in answer.output], ["message"])
    same((answer.output[0].role, answer.output[0].content[0].type), ("assistant", "output_text"))
    counted(answer.usage, case("plain").usage)


@check
def response_stream():
    events = stream(case("plain").prompt)
    kinds = [event.type for event in events]
    same((streamed_text(events), kinds[-1]), (case("plain").text, "response.completed"))
    assert kinds.count("response.output_text.delta") >= 3, "not in pieces"
    for once in ("output_item.added", "content_part.added", "output_text.done", "content_part.done", "output_item.done"):
        same(kinds.count(f"response.{once}"), 1, once)
    same((events[0].response.id, events[-1].response.output_text), (events[-1].response.id, case("plain").text))
    counted(events[-1].response.usage, case("plain").usage)


@check
@script.proxy_only
def stream_is_numbered():
    events = stream(case("plain").prompt)
    same([event.sequence_number for event in events], list(range(len(events))), "sequence numbers")


@check
def stream_on_the_wire():
    with api.responses.with_streaming_response.create(model=script.model, input=case("plain").prompt, stream=True) as answer:
        same(answer.headers["content-type"].split(";")[0], "text/event-stream")
        lines = "".join(answer.iter_text()).splitlines()
    assert not any("[DONE]" in line for line in lines), "a DONE line is not part of this protocol"
    names = [line[7:] for line in lines if line.startswith("event: ")]
    same(names, [json.loads(line[6:])["type"] for line in lines if line.startswith("data: ")], "event name = type")


@check
def instructions():
    system = case("system")
    same(ask(system.prompt, instructions=f"a {system.canary} b").output_text, system.text)


@check
def history():
    said = [turn for n in "12" for turn in ({"role": "user", "content": f"question {n}"}, {"role": "assistant", "content": f"answer {n}"})]
    last = {"role": "user", "content": [{"type": "input_text", "text": case("history").prompt}]}
    same(ask([*said, last]).output_text, case("history").text)


@check
def image():
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + green_pixel(), "detail": "low"}
    same(ask([{"role": "user", "content": [{"type": "input_text", "text": case("image").prompt}, picture]}]).output_text, case("image").text)


@check
def json_schema():
    same(api.responses.parse(model=script.model, input=case("json").prompt, text_format=Book).output_parsed.model_dump(), case("json").value)


@check
def reasoning():
    want, effort = case("reasoning"), {"effort": "low", "summary": "auto"}
    answer = ask(want.prompt, reasoning=effort)
    same([item.type for item in answer.output], ["reasoning", "message"])
    same(("".join(part.text for part in answer.output[0].summary), answer.output_text), (want.reasoning, want.text))
    events = stream(want.prompt, reasoning=effort)
    same(("".join(deltas(events, "reasoning_summary_text")), streamed_text(events)), (want.reasoning, want.text), "streamed")


@check
def thinking_three_turns():
    want, effort = case("reasoning"), {"effort": "low", "summary": "auto"}
    prompt, mark = script.marked(want.prompt)
    turns = [{"role": "user", "content": prompt}]
    keeping = {"reasoning": effort, "store": False, "include": ["reasoning.encrypted_content"]}
    for streamed in (False, True):
        if streamed:
            with api.responses.stream(model=script.model, input=turns, **keeping) as running:
                answer = running.get_final_response()
        else:
            answer = ask(turns, **keeping)
        same((answer.output[0].summary[0].text, answer.output_text), (want.reasoning, want.text), f"streamed {streamed}")
        turns += [*answer.output, {"role": "user", "content": prompt}]
    same(ask(turns, **keeping).output_text, want.text)
    script.check_thoughts(mark, want, 2)


@check
def usage():
    counted(ask(case("plain").prompt).usage, case("plain").usage)
    counted(stream(case("tool").prompt, tools=TOOLS)[-1].response.usage, case("tool").usage)


@check
def unicode():
    same(ask(case("unicode").prompt).output_text, case("unicode").text)
    same(streamed_text(stream(case("unicode").prompt)), case("unicode").text)


@check
def lone_surrogates():
    same(streamed_text(stream(case("surrogates").prompt)), case("surrogates").text)


@check
def stopped_by_length():
    answer = ask(case("length").prompt, max_output_tokens=16)
    same(answer.status, "incomplete")
    if not script.args.direct and script.args.upstream != "openai-responses":  # the stand-in gives no reason
        same(answer.incomplete_details.reason, "max_output_tokens")


@check
def big_body():
    turns = [{"role": "user", "content": "x" * THREE_MB}, {"role": "assistant", "content": "read"}]
    same(ask([*turns, {"role": "user", "content": case("plain").prompt}]).output_text, case("plain").text)


@check
@script.proxy_only
def key_refused_big_body():
    stranger = client(script.bad_key())
    raises(openai.AuthenticationError, lambda: stranger.responses.create(model=script.model, input="x" * THREE_MB, stream=True))


@check
def key_refused():
    stranger = client(script.bad_key())
    raises(openai.AuthenticationError, lambda: stranger.responses.create(model=script.model, input="x"))


@check
@script.proxy_only
def count_tokens():
    assert api.responses.input_tokens.count(model=script.model, input="hello there").input_tokens > 0


@check
def tool_round():
    tool = case("tool")
    answer = ask(tool.prompt, tools=TOOLS)
    calls = calls_of(answer.output)
    same([(call.name, json.loads(call.arguments)) for call in calls], [("get_weather", tool.arguments)])
    counted(answer.usage, tool.usage)
    same(ask(given_back(tool.prompt, calls, [tool.result]), tools=TOOLS).output_text, tool.after)


@check
def tool_stream():
    events = stream(case("tool").prompt, tools=TOOLS)
    pieces = deltas(events, "function_call_arguments")
    if script.in_pieces:
        assert len(pieces) >= 2, "arguments came in one piece"
    same(json.loads(joined("".join(pieces))), case("tool").arguments)
    done = [event.arguments for event in events if event.type == "response.function_call_arguments.done"]
    same(([json.loads(text) for text in done], [call.name for call in done_calls(events)]), ([case("tool").arguments], ["get_weather"]))


@check
def tools_parallel():
    parallel = case("parallel")
    calls = calls_of(ask(parallel.prompt, tools=TOOLS).output)
    same(([json.loads(c.arguments)["city"] for c in calls], len({c.call_id for c in calls})), (parallel.cities, 2))
    same(ask(given_back(parallel.prompt, calls, parallel.results), tools=TOOLS).output_text, parallel.after)


@check
def tools_parallel_stream():
    events = stream(case("parallel").prompt, tools=TOOLS)
    same([json.loads(call.arguments)["city"] for call in done_calls(events)], case("parallel").cities)
    by_item = {}
    for event in events:
        if event.type == "response.function_call_arguments.delta":
            by_item[event.output_index] = by_item.get(event.output_index, "") + event.delta
    same([json.loads(by_item[index])["city"] for index in sorted(by_item)], case("parallel").cities)


def errors(call):
    for status in STATUSES:
        failing = case("error", status=status)
        fault = raises(KINDS[status], lambda: call(failing.prompt))
        same(fault.status_code, status)
        assert isinstance(fault.body, dict) and failing.text in fault.body["message"], fault.body
        if status == 429:
            same(fault.response.headers.get("retry-after"), "7", "retry-after")


@check
def error_classes():
    errors(ask)


@check
def error_classes_stream():
    errors(stream)


@check
def cancel_mid_stream():
    began = time.monotonic()
    running = ask(case("slow").prompt, stream=True)
    seen = 0
    for event in running:
        seen += event.type == "response.output_text.delta"
        if seen == 4:
            break
    running.close()
    ends_soon(began, "four pieces of a slow answer")
    same(ask(case("plain").prompt).output_text, case("plain").text, "the next turn")


@check
def cut_stream():
    ends_badly(lambda: ask(case("cut").prompt, stream=True), lambda events: any(e.type == "response.completed" for e in events))


@check
def concurrent_streams():
    cases = [case(name) for name in ("plain", "unicode")]

    async def one(shared, number):
        mine = cases[number % len(cases)]
        events = [e async for e in await shared.responses.create(model=script.model, input=mine.prompt, stream=True)]
        same(streamed_text(events), mine.text, f"stream {number}")

    async def all_at_once():
        async with client(kind=openai.AsyncOpenAI) as shared:
            await asyncio.gather(*(one(shared, number) for number in range(script.args.concurrency)))

    asyncio.run(all_at_once())


script.run()
