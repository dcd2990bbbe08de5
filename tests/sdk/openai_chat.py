"""The official OpenAI SDK for Python on Chat Completions and models.

python openai_chat.py --base http://127.0.0.1:8000 --mode echo
"""

import asyncio
import json
import time

import openai

from harness import Book, THREE_MB, STATUSES, WEATHER, Script, ends_badly, ends_soon, green_pixel, joined, raises, same

script = Script("OpenAI SDK (Python): chat completions", {"echo": "echo", "upstream": "gpt-4o"})
check, case = script.check, script.case

TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "weather now", "parameters": WEATHER}}]
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


def user(content):
    return {"role": "user", "content": content}


def ask(prompt, **more):
    messages = prompt if isinstance(prompt, list) else [user(prompt)]
    return api.chat.completions.create(model=script.model, messages=messages, **more)


def stream(prompt, **more):
    chunks = list(ask(prompt, stream=True, **more))
    assert chunks, "the stream was empty"
    return chunks


def text_of(chunks):
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def finishes(chunks):
    return [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]


def calls_of(chunks):
    """index → (ids, names, argument pieces), in order of arrival."""
    calls = {}
    for part in (part for c in chunks if c.choices for part in c.choices[0].delta.tool_calls or ()):
        ids, names, pieces = calls.setdefault(part.index, ([], [], []))
        ids += [part.id] if part.id else []
        names += [part.function.name] if part.function and part.function.name else []
        pieces += [part.function.arguments] if part.function and part.function.arguments else []
    return calls


def thinking_of(message):
    extra = message.model_extra or {}
    return extra.get("reasoning_content") or extra.get("reasoning") or ""


def counted(usage, want):
    same([usage.prompt_tokens, usage.completion_tokens, usage.total_tokens], [*want, sum(want)], "usage")


# --- models and keys


@check
def models_list():
    page = api.models.list()
    ids = [model.id for model in page.data]
    assert ids and all(ids), ids
    same(len(set(ids)), len(ids), "distinct ids")
    same({model.object for model in page.data}, {"model"}, "object")


@check
@script.proxy_only
def models_get():
    for model in api.models.list().data[:3]:
        same(api.models.retrieve(model.id).id, model.id, "id")


@check
@script.proxy_only
def models_get_unknown():
    same(raises(openai.NotFoundError, lambda: api.models.retrieve("no-such-model")).status_code, 404)


@check
def key_refused():
    stranger = client(script.bad_key())
    fault = raises(openai.AuthenticationError, lambda: stranger.chat.completions.create(model=script.model, messages=[user("x")]))
    assert isinstance(fault.body, dict) and fault.body.get("message"), fault.body
    raises(openai.AuthenticationError, stranger.models.list)


@check
@script.proxy_only
def key_refused_big_body():
    # A server that answers and closes before it has read the body shows up as a connection error.
    stranger = client(script.bad_key())
    raises(openai.AuthenticationError, lambda: stranger.chat.completions.create(model=script.model, messages=[user("x" * THREE_MB)]))


# --- text


@check
def chat():
    plain = case("plain")
    answer = ask(plain.prompt)
    same(answer.object, "chat.completion")
    same(answer.choices[0].message.content, plain.text)
    same(answer.choices[0].message.role, "assistant")
    same(answer.choices[0].finish_reason, "stop")
    assert answer.id and answer.model and answer.created, answer
    counted(answer.usage, plain.usage)


@check
def chat_stream():
    chunks = stream(case("plain").prompt)
    same(text_of(chunks), case("plain").text)
    same(chunks[0].choices[0].delta.role, "assistant", "first role")
    same(finishes(chunks), ["stop"])
    same(len({c.id for c in chunks}), 1, "ids in one stream")
    assert sum(1 for c in chunks if c.choices and c.choices[0].delta.content) >= 3, "not in pieces"


@check
def stream_usage_when_asked():
    chunks = stream(case("plain").prompt, stream_options={"include_usage": True})
    same([bool(c.usage) for c in chunks], [False] * (len(chunks) - 1) + [True], "usage in the last chunk alone")
    same(chunks[-1].choices, [])
    counted(chunks[-1].usage, case("plain").usage)


@check
def stream_usage_not_asked():
    chunks = stream(case("plain").prompt)
    assert not any(c.usage for c in chunks), "usage nobody asked for"
    assert all(c.choices for c in chunks), "a chunk without choices"


@check
def stream_on_the_wire():
    with api.chat.completions.with_streaming_response.create(model=script.model, messages=[user(case("plain").prompt)], stream=True) as answer:
        same(answer.headers["content-type"].split(";")[0], "text/event-stream")
        body = "".join(answer.iter_text())
    assert body.endswith("data: [DONE]\n\n"), body[-60:]


@check
def stream_helper():
    with api.chat.completions.stream(model=script.model, messages=[user(case("plain").prompt)]) as running:
        same(running.get_final_completion().choices[0].message.content, case("plain").text)


@check
def system_prompt():
    system = case("system")
    same(ask([{"role": "system", "content": f"a {system.canary} b"}, user(system.prompt)]).choices[0].message.content, system.text)


@check
def history():
    said = [message for n in "12" for message in (user(f"question {n}"), {"role": "assistant", "content": f"answer {n}"})]
    same(ask([*said, user(case("history").prompt)]).choices[0].message.content, case("history").text)


@check
def content_parts():
    prompt = case("plain").prompt
    parts = [{"type": "text", "text": prompt[:5]}, {"type": "text", "text": prompt[5:]}]
    if script.echo:  # a directive must not be split over two parts
        parts = [{"type": "text", "text": prompt}]
    same(ask([user(parts)]).choices[0].message.content, case("plain").text)


@check
def image():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + green_pixel(), "detail": "low"}}
    same(ask([user([{"type": "text", "text": case("image").prompt}, picture])]).choices[0].message.content, case("image").text)


@check
def json_schema():
    answer = api.chat.completions.parse(model=script.model, messages=[user(case("json").prompt)], response_format=Book)
    same(answer.choices[0].message.parsed.model_dump(), case("json").value)


@check
def reasoning():
    message = ask(case("reasoning").prompt).choices[0].message
    same(thinking_of(message), case("reasoning").reasoning)
    same(message.content, case("reasoning").text)


@check
def reasoning_stream():
    chunks = stream(case("reasoning").prompt)
    deltas = [c.choices[0].delta for c in chunks if c.choices]
    same("".join(map(thinking_of, deltas)), case("reasoning").reasoning)
    same(text_of(chunks), case("reasoning").text)
    order = "".join("t" if thinking_of(d) else "c" if d.content else "" for d in deltas)
    same(order, "".join(sorted(order, reverse=True)), "thinking before text")


@check
def thinking_three_turns():
    want = case("reasoning")
    prompt, mark = script.marked(want.prompt)
    turns = [user(prompt)]
    for streamed in (False, True):
        if streamed:
            with api.chat.completions.stream(model=script.model, messages=turns, reasoning_effort="low") as running:
                message = running.get_final_completion().choices[0].message
        else:
            message = ask(turns, reasoning_effort="low").choices[0].message
        same((joined(message.content), thinking_of(message)), (want.text, want.reasoning), f"streamed {streamed}")
        turns += [message, user(prompt)]
    same(ask(turns, reasoning_effort="low").choices[0].message.content, want.text)
    script.check_thoughts(mark, want, 2)


@check
def unicode():
    same(ask(case("unicode").prompt).choices[0].message.content, case("unicode").text)
    same(joined(text_of(stream(case("unicode").prompt))), case("unicode").text)


@check
def lone_surrogates():
    # The upstream cuts by UTF-16 unit: one chunk ends in an escape of half a letter, the next begins with the rest.
    same(joined(text_of(stream(case("surrogates").prompt))), case("surrogates").text)


@check
def stopped_by_length():
    same(ask(case("length").prompt, max_completion_tokens=4).choices[0].finish_reason, "length")
    same(finishes(stream(case("length").prompt)), ["length"])


@check
def unknown_fields_pass():
    same(ask(case("plain").prompt, extra_body={"x_not_in_any_spec": {"deep": [1, None]}}).choices[0].message.content, case("plain").text)


@check
def big_body():
    filler = [user("x" * THREE_MB), {"role": "assistant", "content": "read"}]
    same(ask([*filler, user(case("plain").prompt)]).choices[0].message.content, case("plain").text)


@check
def usage():
    counted(ask(case("plain").prompt).usage, case("plain").usage)
    counted(stream(case("tool").prompt, tools=TOOLS, stream_options={"include_usage": True})[-1].usage, case("tool").usage)


# --- tools


@check
def tool_round():
    tool = case("tool")
    choice = ask(tool.prompt, tools=TOOLS, tool_choice="auto")
    message = choice.choices[0].message
    same(choice.choices[0].finish_reason, "tool_calls")
    same(len(message.tool_calls), 1)
    call = message.tool_calls[0]
    same((call.type, call.function.name, json.loads(call.function.arguments)), ("function", "get_weather", tool.arguments))
    counted(choice.usage, tool.usage)
    result = {"role": "tool", "tool_call_id": call.id, "content": tool.result}
    same(ask([user(tool.prompt), message, result], tools=TOOLS).choices[0].message.content, tool.after)


@check
def tool_stream():
    chunks = stream(case("tool").prompt, tools=TOOLS)
    calls = calls_of(chunks)
    same(list(calls), [0], "indexes")
    ids, names, pieces = calls[0]
    same((len(ids), names), (1, ["get_weather"]), "id and name sent once")
    if script.in_pieces:
        assert len(pieces) >= 2, "arguments came in one piece"
    same(json.loads(joined("".join(pieces))), case("tool").arguments)
    same(finishes(chunks), ["tool_calls"])


@check
def tools_parallel():
    parallel = case("parallel")
    message = ask(parallel.prompt, tools=TOOLS).choices[0].message
    same([json.loads(call.function.arguments)["city"] for call in message.tool_calls], parallel.cities)
    same(len({call.id for call in message.tool_calls}), 2, "distinct ids")
    results = [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in zip(message.tool_calls, parallel.results)]
    same(ask([user(parallel.prompt), message, *results], tools=TOOLS).choices[0].message.content, parallel.after)


@check
def tools_parallel_stream():
    calls = calls_of(stream(case("parallel").prompt, tools=TOOLS))
    same(sorted(calls), [0, 1], "indexes")
    same([json.loads("".join(calls[i][2]))["city"] for i in (0, 1)], case("parallel").cities)
    same([len(calls[i][0]) for i in (0, 1)], [1, 1], "ids of each call")
    assert calls[0][0] != calls[1][0], "one id for two calls"


@check
def text_and_tool():
    mixed = case("mixed")
    choice = ask(mixed.prompt, tools=TOOLS).choices[0]
    same((choice.message.content, choice.finish_reason), (mixed.text, "tool_calls"))
    same(json.loads(choice.message.tool_calls[0].function.arguments)["city"], mixed.city)
    chunks = stream(mixed.prompt, tools=TOOLS)
    same(text_of(chunks), mixed.text)
    same(json.loads("".join(calls_of(chunks)[0][2]))["city"], mixed.city)


# --- errors


def errors(call):
    for status in STATUSES:
        failing = case("error", status=status)
        fault = raises(KINDS[status], lambda: call(failing.prompt))
        same(fault.status_code, status)
        assert isinstance(fault.body, dict) and failing.text in fault.body["message"], fault.body
        assert isinstance(fault.body.get("type"), str), fault.body
        if status == 429:
            same(fault.response.headers.get("retry-after"), "7", "retry-after")


@check
def error_classes():
    errors(ask)
    errors(stream)


@check
@script.proxy_only
def malformed_requests():
    def post(body):
        return api.post("/chat/completions", body=body, cast_to=object)

    for body in ({"model": script.model}, {"messages": [user("x")]}, {"model": script.model, "messages": "x"}, {"model": 7, "messages": []}):
        fault = raises(openai.BadRequestError, lambda: post(body))
        assert fault.body["message"] and fault.body["type"] == "invalid_request_error", fault.body


@check
@script.proxy_only
def unknown_path():
    fault = raises(openai.NotFoundError, lambda: api.post("/no/such/path", body={}, cast_to=object))
    assert isinstance(fault.body, dict) and fault.body.get("message"), fault.body


# --- life of a stream


@check
def cancel_mid_stream():
    began = time.monotonic()
    running = ask(case("slow").prompt, stream=True)
    for _, _chunk in zip(range(4), running):
        pass
    running.close()
    ends_soon(began, "four chunks of a slow answer")
    same(ask(case("plain").prompt).choices[0].message.content, case("plain").text, "the next turn")


@check
def first_text_is_early():
    began = time.monotonic()
    with ask(case("slow").prompt, stream=True) as running:
        next(c for c in running if c.choices and c.choices[0].delta.content)
        ends_soon(began, "the first text of a slow answer")


@check
def cut_stream():
    got = []

    def reading():
        for chunk in ask(case("cut").prompt, stream=True):
            got.append(chunk)
            yield chunk

    ends_badly(reading, lambda chunks: finishes(chunks))
    assert text_of(got) and len(text_of(got)) < len(case("cut").text), f"not cut: {text_of(got)!r}"


@check
def concurrent_streams():
    cases = [case(name) for name in ("plain", "unicode", "reasoning")]

    async def one(shared, number):
        mine = cases[number % len(cases)]
        running = await shared.chat.completions.create(model=script.model, messages=[user(mine.prompt)], stream=True)
        same(joined(text_of([chunk async for chunk in running])), mine.text, f"stream {number}")

    async def all_at_once():
        async with client(kind=openai.AsyncOpenAI) as shared:
            await asyncio.gather(*(one(shared, number) for number in range(script.args.concurrency)))

    asyncio.run(all_at_once())


script.run()
