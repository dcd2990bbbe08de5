"""The official Anthropic SDK for Python on Messages, models and token counts.

python anthropic_messages.py --base http://127.0.0.1:8000 --mode echo
"""

import asyncio
import json
import time

import anthropic

from harness import BOOK_SCHEMA, THREE_MB, STATUSES, WEATHER, Script, ends_badly, ends_soon, green_pixel, joined, raises, same

script = Script("Anthropic SDK (Python): messages", {"echo": "echo", "upstream": "claude-sonnet-5-5"})
check, case = script.check, script.case

TOOLS = [{"name": "get_weather", "description": "weather now", "input_schema": WEATHER}]
THINK = {"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 1024}}
# status → exception class, error.type of the envelope (docs: API errors)
KINDS = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    401: (anthropic.AuthenticationError, "authentication_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    413: (anthropic.RequestTooLargeError, "request_too_large"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    503: (anthropic.APIStatusError, None),
    529: (anthropic.APIStatusError, "overloaded_error"),
}


def client(key=script.args.key, kind=anthropic.Anthropic, **more):
    return kind(base_url=script.base, api_key=key, max_retries=0, timeout=60, **more)


api = client()


def user(content):
    return {"role": "user", "content": content}


def ask(prompt, max_tokens=512, **more):
    messages = prompt if isinstance(prompt, list) else [user(prompt)]
    return api.messages.create(model=script.model, max_tokens=max_tokens, messages=messages, **more)


def stream(prompt, **more):
    """All events but pings, after a check of their order."""
    events = [event for event in ask(prompt, stream=True, **more) if event.type != "ping"]
    well_ordered(events)
    return events


def well_ordered(events):
    kinds = [event.type for event in events]
    same((kinds[0], kinds[-2:]), ("message_start", ["message_delta", "message_stop"]), "frame of the stream")
    same((kinds.count("message_start"), kinds.count("message_stop")), (1, 1))
    current, starts = None, []
    for event in events:
        if event.type == "content_block_start":
            assert current is None, "a block began inside a block"
            current = event.index
            starts.append(event.index)
        elif event.type == "content_block_delta":
            same(event.index, current, "block of a delta")
        elif event.type == "content_block_stop":
            same(event.index, current, "block of a stop")
            current = None
    assert current is None, "a block never stopped"
    same(starts, list(range(len(starts))), "block indexes")


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def deltas(events, kind, field):
    return [getattr(e.delta, field) for e in events if e.type == "content_block_delta" and e.delta.type == kind]


def streamed_text(events):
    return joined("".join(deltas(events, "text_delta", "text")))


def stop_of(events):
    return events[-2].delta.stop_reason


def tools_of(message):
    return [block for block in message.content if block.type == "tool_use"]


def inputs_of(events):
    """Tool inputs by block, in order."""
    pieces = {}
    for event in events:
        if event.type == "content_block_delta" and event.delta.type == "input_json_delta":
            pieces.setdefault(event.index, []).append(event.delta.partial_json)
    return [json.loads("".join(pieces[index])) for index in sorted(pieces)], [len(part) for part in pieces.values()]


def result_of(tool, content):
    return {"type": "tool_result", "tool_use_id": tool.id, "content": content}


# --- models, keys, counting


@check
def models_list():
    page = api.models.list()
    assert page.data and all(model.id for model in page.data), page.data
    same({model.type for model in page.data}, {"model"}, "type")


@check
@script.proxy_only
def models_get():
    first = api.models.list().data[0].id
    same(api.models.retrieve(first).id, first)


@check
def count_tokens():
    short = api.messages.count_tokens(model=script.model, messages=[user("hi")]).input_tokens
    long = api.messages.count_tokens(model=script.model, messages=[user("hi there " * 100)], system="be brief", tools=TOOLS).input_tokens
    assert 0 < short < long, (short, long)


@check
def key_refused():
    stranger = client(script.bad_key())
    fault = raises(anthropic.AuthenticationError, lambda: stranger.messages.create(model=script.model, max_tokens=9, messages=[user("x")]))
    assert isinstance(fault.body, dict), fault.body
    if not script.args.direct:
        same((fault.body["type"], fault.body["error"]["type"]), ("error", "authentication_error"), "envelope")


@check
@script.proxy_only
def key_refused_big_body():
    stranger = client(script.bad_key())
    raises(anthropic.AuthenticationError, lambda: stranger.messages.create(model=script.model, max_tokens=9, messages=[user("x" * THREE_MB)]))


@check
@script.proxy_only
def key_by_either_header():
    for headers in ({"x-api-key": script.args.key, "authorization": ""}, {"authorization": f"Bearer {script.args.key}"}):
        headers = {name: value or anthropic.Omit() for name, value in headers.items()}
        same(text_of(ask(case("plain").prompt, extra_headers=headers)), case("plain").text)


# --- text


@check
def message():
    plain = case("plain")
    answer = ask(plain.prompt)
    same((answer.type, answer.role, text_of(answer)), ("message", "assistant", plain.text))
    same((answer.stop_reason, answer.stop_sequence), ("end_turn", None))
    same([block.type for block in answer.content], ["text"])
    same([answer.usage.input_tokens, answer.usage.output_tokens], plain.usage, "usage")
    assert answer.id and answer.model, answer


@check
def message_stream():
    events = stream(case("plain").prompt)
    same((streamed_text(events), stop_of(events)), (case("plain").text, "end_turn"))
    start = events[0].message
    same((start.content, start.role, start.stop_reason), ([], "assistant", None), "message_start")
    assert len(deltas(events, "text_delta", "text")) >= 3, "not in pieces"
    same(events[-2].usage.output_tokens, case("plain").usage[1], "output tokens")


@check
def stream_helper():
    with api.messages.stream(model=script.model, max_tokens=99, messages=[user(case("plain").prompt)]) as running:
        final = running.get_final_message()
    same((text_of(final), final.stop_reason), (case("plain").text, "end_turn"))
    same([final.usage.input_tokens, final.usage.output_tokens], case("plain").usage, "usage")


@check
def stream_on_the_wire():
    wire = api.messages.with_streaming_response
    with wire.create(model=script.model, max_tokens=99, messages=[user(case("plain").prompt)], stream=True) as answer:
        same(answer.headers["content-type"].split(";")[0], "text/event-stream")
        lines = "".join(answer.iter_text()).splitlines()
    names = [line[7:] for line in lines if line.startswith("event: ")]
    same(names, [json.loads(line[6:])["type"] for line in lines if line.startswith("data: ")], "event name = type")


@check
def system_prompt():
    system = case("system")
    blocks = [{"type": "text", "text": "a "}, {"type": "text", "text": system.canary, "cache_control": {"type": "ephemeral"}}]
    for spelling in (f"a {system.canary} b", blocks):
        same(text_of(ask(system.prompt, system=spelling)), system.text)


@check
def history():
    said = [turn for n in "12" for turn in (user(f"question {n}"), {"role": "assistant", "content": [{"type": "text", "text": f"answer {n}"}]})]
    same(text_of(ask([*said, user(case("history").prompt)])), case("history").text)


@check
def image():
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": green_pixel()}}
    same(text_of(ask([user([picture, {"type": "text", "text": case("image").prompt}])])), case("image").text)


@check
def json_schema():
    answer = ask(case("json").prompt, output_config={"format": {"type": "json_schema", "schema": BOOK_SCHEMA}})
    same(json.loads(text_of(answer)), case("json").value)


@check
def unicode():
    same(text_of(ask(case("unicode").prompt)), case("unicode").text)
    same(streamed_text(stream(case("unicode").prompt)), case("unicode").text)


@check
def lone_surrogates():
    same(streamed_text(stream(case("surrogates").prompt)), case("surrogates").text)


@check
def stopped_by_length():
    same(ask(case("length").prompt, max_tokens=4).stop_reason, "max_tokens")
    same(stop_of(stream(case("length").prompt, max_tokens=4)), "max_tokens")


@check
def beta_header_passes():
    answer = api.beta.messages.create(model=script.model, max_tokens=99, messages=[user(case("plain").prompt)], betas=["interleaved-thinking-2025-05-14"])
    same(text_of(answer), case("plain").text)


@check
def big_body():
    filler = [user("x" * THREE_MB), {"role": "assistant", "content": "read"}]
    same(text_of(ask([*filler, user(case("plain").prompt)])), case("plain").text)


# --- thinking


@check
def thinking():
    want = case("reasoning")
    answer = ask(want.prompt, **THINK)
    same([block.type for block in answer.content], ["thinking", "text"])
    same((answer.content[0].thinking, text_of(answer)), (want.reasoning, want.text))
    events = stream(want.prompt, **THINK)
    same(("".join(deltas(events, "thinking_delta", "thinking")), streamed_text(events)), (want.reasoning, want.text), "streamed")


@check
def thinking_signature_exact():
    same(ask(case("reasoning").prompt, **THINK).content[0].signature, case("reasoning").signature)
    events = stream(case("reasoning").prompt, **THINK)
    same("".join(deltas(events, "signature_delta", "signature")), case("reasoning").signature)


@check
def thinking_three_turns():
    want = case("reasoning")
    prompt, mark = script.marked(want.prompt)
    turns = [user(prompt)]
    for streamed in (False, True):
        if streamed:
            with api.messages.stream(model=script.model, messages=turns, **THINK) as running:
                answer = running.get_final_message()
        else:
            answer = ask(turns, **THINK)
        same((answer.content[0].thinking, text_of(answer)), (want.reasoning, want.text), f"streamed {streamed}")
        turns += [{"role": "assistant", "content": answer.content}, user(prompt)]
    same(text_of(ask(turns, **THINK)), want.text)
    script.check_thoughts(mark, want, 2)


@check
def usage():
    plain, tool = ask(case("plain").prompt).usage, stream(case("tool").prompt, tools=TOOLS)
    same([plain.input_tokens, plain.output_tokens], case("plain").usage)
    same(tool[-2].usage.output_tokens, case("tool").usage[1], "streamed")


@check
def thinking_before_tool_returns():
    tool = case("tool")
    thought = {"type": "thinking", "thinking": "I ask for the weather.", "signature": case("reasoning").signature}
    call = {"type": "tool_use", "id": "toolu_case_1", "name": "get_weather", "input": {"city": "Lyon", "unit": "c"}}
    turns = [user(tool.prompt), {"role": "assistant", "content": [thought, call]}]
    turns.append(user([{"type": "tool_result", "tool_use_id": "toolu_case_1", "content": tool.result}]))
    # In strict mode the stand-in refuses a thinking block that did not come back as it was.
    strict = {"X-AIMock-Strict": "true"} if not script.echo else {}
    same(text_of(ask(turns, tools=TOOLS, extra_headers=strict, **THINK)), tool.after)


# --- tools


@check
def tool_round():
    tool = case("tool")
    answer = ask(tool.prompt, tools=TOOLS, tool_choice={"type": "auto"})
    calls = tools_of(answer)
    same((answer.stop_reason, len(calls)), ("tool_use", 1))
    same((calls[0].name, calls[0].input), ("get_weather", tool.arguments))
    same([answer.usage.input_tokens, answer.usage.output_tokens], tool.usage, "usage")
    for content in (tool.result, [{"type": "text", "text": tool.result}]):
        turns = [user(tool.prompt), {"role": "assistant", "content": answer.content}, user([result_of(calls[0], content)])]
        same(text_of(ask(turns, tools=TOOLS)), tool.after)


@check
def tool_stream():
    events = stream(case("tool").prompt, tools=TOOLS)
    starts = [e.content_block for e in events if e.type == "content_block_start" and e.content_block.type == "tool_use"]
    same([(block.name, block.input) for block in starts], [("get_weather", {})])
    inputs, pieces = inputs_of(events)
    same(inputs, [case("tool").arguments])
    if script.in_pieces:
        assert pieces[0] >= 2, "the input came in one piece"
    same(stop_of(events), "tool_use")


@check
def tools_parallel():
    parallel = case("parallel")
    answer = ask(parallel.prompt, tools=TOOLS)
    calls = tools_of(answer)
    same(([call.input["city"] for call in calls], len({call.id for call in calls})), (parallel.cities, 2))
    results = user([result_of(call, text) for call, text in zip(calls, parallel.results)])
    same(text_of(ask([user(parallel.prompt), {"role": "assistant", "content": answer.content}, results], tools=TOOLS)), parallel.after)


@check
def tools_parallel_stream():
    inputs, _ = inputs_of(stream(case("parallel").prompt, tools=TOOLS))
    same([part["city"] for part in inputs], case("parallel").cities)


@check
def text_and_tool():
    events = stream(case("mixed").prompt, tools=TOOLS)
    same((streamed_text(events), inputs_of(events)[0][0]["city"]), (case("mixed").text, case("mixed").city))
    same([block.type for block in ask(case("mixed").prompt, tools=TOOLS).content], ["text", "tool_use"])


# --- errors


def errors(call):
    for status in STATUSES:
        failing, (kind, name) = case("error", status=status), KINDS[status]
        fault = raises(kind, lambda: call(failing.prompt))
        same(fault.status_code, status)
        same(fault.body["type"], "error", "envelope")
        assert failing.text in fault.body["error"]["message"], fault.body
        if name:
            same(fault.body["error"]["type"], name)
        if status == 429:
            same(fault.response.headers.get("retry-after"), "7", "retry-after")


@check
def error_classes():
    errors(ask)
    errors(stream)


@check
@script.proxy_only
def malformed_requests():
    for body in ({"model": script.model, "max_tokens": 9}, {"model": script.model, "max_tokens": 9, "messages": "x"}):
        fault = raises(anthropic.BadRequestError, lambda: api.post("/v1/messages", body=body, cast_to=object))
        same((fault.body["type"], fault.body["error"]["type"]), ("error", "invalid_request_error"), "envelope")


# --- life of a stream


@check
def cancel_mid_stream():
    began = time.monotonic()
    with api.messages.stream(model=script.model, max_tokens=99, messages=[user(case("slow").prompt)]) as running:
        for _, _piece in zip(range(4), running.text_stream):
            pass
    ends_soon(began, "four pieces of a slow answer")
    same(text_of(ask(case("plain").prompt)), case("plain").text, "the next turn")


@check
def cut_stream():
    ends_badly(lambda: ask(case("cut").prompt, stream=True), lambda events: any(e.type == "message_stop" for e in events))


@check
def concurrent_streams():
    cases = [case(name) for name in ("plain", "unicode")]

    async def one(shared, number):
        mine = cases[number % len(cases)]
        async with shared.messages.stream(model=script.model, max_tokens=99, messages=[user(mine.prompt)]) as running:
            same(text_of(await running.get_final_message()), mine.text, f"stream {number}")

    async def all_at_once():
        async with client(kind=anthropic.AsyncAnthropic) as shared:
            await asyncio.gather(*(one(shared, number) for number in range(script.args.concurrency)))

    asyncio.run(all_at_once())


script.run()
