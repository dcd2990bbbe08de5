"""The official Google Gen AI SDK for Python on generateContent, streams, models and token counts.

python gemini.py --base http://127.0.0.1:8000 --mode echo

The SDK's own default path is /v1; agents use /v1beta. Both must answer, so each turn is asked by `--model` on
/v1beta and the plain turn also on the default path.
"""

import asyncio
import base64
import json
import time

from google import genai
from google.genai import errors as faults
from google.genai import types as t

from harness import Book, THREE_MB, STATUSES, WEATHER, Script, ends_badly, ends_soon, green_pixel, joined, raises, same

script = Script("Google Gen AI SDK (Python)", {"echo": "echo", "upstream": "gemini-2.5-flash"})
check, case = script.check, script.case

TOOLS = t.GenerateContentConfig(
    tools=[t.Tool(function_declarations=[t.FunctionDeclaration(name="get_weather", description="weather now", parameters_json_schema=WEATHER)])],
    automatic_function_calling=t.AutomaticFunctionCallingConfig(disable=True),
)
# status → the name that google.rpc.Code gives it
NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    529: "UNAVAILABLE",
}


def client(key=script.args.key, **version):
    retry = t.HttpRetryOptions(attempts=1)
    return genai.Client(api_key=key, http_options=t.HttpOptions(base_url=script.base, timeout=60_000, retry_options=retry, **version))


api = client(api_version="v1beta")


def ask(contents, config=None):
    return api.models.generate_content(model=script.model, contents=contents, config=config)


def stream(contents, config=None):
    return list(api.models.generate_content_stream(model=script.model, contents=contents, config=config))


def parts(answer):
    content = answer.candidates[0].content if answer.candidates else None
    return (content and content.parts) or []


def text_of(*answers):
    return joined("".join(part.text for answer in answers for part in parts(answer) if part.text and not part.thought))


def thoughts_of(*answers):
    return "".join(part.text for answer in answers for part in parts(answer) if part.text and part.thought)


def calls_of(*answers):
    return [part.function_call for answer in answers for part in parts(answer) if part.function_call]


def finishes(answers):
    return [a.candidates[0].finish_reason.name for a in answers if a.candidates and a.candidates[0].finish_reason]


def counted(usage, want):
    same([usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count], [*want, sum(want)], "usage")


def says(role, text):
    return t.Content(role=role, parts=[t.Part(text=text)])


def given_back(prompt, answer, results):
    calls = calls_of(answer)
    responses = [t.FunctionResponse(id=c.id, name=c.name, response=r) for c, r in zip(calls, results)]
    return [says("user", prompt), answer.candidates[0].content, t.Content(role="user", parts=[t.Part(function_response=r) for r in responses])]


# --- models, keys, counting


@check
def models_list():
    models = list(api.models.list())
    assert models and all(model.name.startswith("models/") for model in models), models[:3]


@check
@script.proxy_only
def models_get():
    first = next(iter(api.models.list())).name
    same(api.models.get(model=first).name, first)


@check
def count_tokens():
    short = api.models.count_tokens(model=script.model, contents="hi").total_tokens
    long = api.models.count_tokens(model=script.model, contents="hi there " * 100).total_tokens
    assert 0 < short < long, (short, long)


@check
def key_refused():
    stranger = client(script.bad_key(), api_version="v1beta")
    fault = raises(faults.ClientError, lambda: stranger.models.generate_content(model=script.model, contents="x"))
    if not script.args.direct:
        assert (fault.code, fault.status) in ((401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"), (400, "INVALID_ARGUMENT")), fault


@check
@script.proxy_only
def key_refused_big_body():
    stranger = client(script.bad_key(), api_version="v1beta")
    raises(faults.ClientError, lambda: stranger.models.generate_content(model=script.model, contents="x" * THREE_MB))


# --- text


@check
def generate():
    answer = ask(case("plain").prompt)
    same((answer.text, answer.candidates[0].finish_reason.name), (case("plain").text, "STOP"))
    same(answer.candidates[0].content.role, "model")
    counted(answer.usage_metadata, case("plain").usage)


@check
@script.proxy_only
def default_api_version():
    fresh = client()  # a client that nobody holds closes itself
    same(fresh.models.generate_content(model=script.model, contents=case("plain").prompt).text, case("plain").text)


@check
def generate_stream():
    answers = stream(case("plain").prompt)
    same((text_of(*answers), finishes(answers)), (case("plain").text, ["STOP"]))
    assert len(answers) >= 3, "not in pieces"
    counted([a.usage_metadata for a in answers if a.usage_metadata][-1], case("plain").usage)


@check
def system_instruction():
    system = case("system")
    same(ask(system.prompt, t.GenerateContentConfig(system_instruction=f"a {system.canary} b")).text, system.text)


@check
def history():
    said = [turn for n in "12" for turn in (says("user", f"question {n}"), says("model", f"answer {n}"))]
    same(ask([*said, says("user", case("history").prompt)]).text, case("history").text)


@check
def image():
    picture = t.Part.from_bytes(data=base64.b64decode(green_pixel()), mime_type="image/png")
    same(ask([t.Part(text=case("image").prompt), picture]).text, case("image").text)


@check
def json_schema():
    config = t.GenerateContentConfig(response_mime_type="application/json", response_schema=Book)
    same(ask(case("json").prompt, config).parsed.model_dump(), case("json").value)
    config = t.GenerateContentConfig(response_mime_type="application/json", response_json_schema=Book.model_json_schema())
    same(json.loads(ask(case("json").prompt, config).text), case("json").value)


@check
def thinking():
    want = case("reasoning")
    config = t.GenerateContentConfig(thinking_config=t.ThinkingConfig(include_thoughts=True, thinking_budget=512))
    answer = ask(want.prompt, config)
    same((thoughts_of(answer), text_of(answer)), (want.reasoning, want.text))
    answers = stream(want.prompt, config)
    same((thoughts_of(*answers), text_of(*answers)), (want.reasoning, want.text), "streamed")


@check
def thinking_three_turns():
    want = case("reasoning")
    prompt, mark = script.marked(want.prompt)
    config = t.GenerateContentConfig(thinking_config=t.ThinkingConfig(include_thoughts=True, thinking_budget=512))
    turns = [says("user", prompt)]
    for streamed in (False, True):
        answers = stream(turns, config) if streamed else [ask(turns, config)]
        same((thoughts_of(*answers), text_of(*answers)), (want.reasoning, want.text), f"streamed {streamed}")
        turns += [t.Content(role="model", parts=[part for answer in answers for part in parts(answer)]), says("user", prompt)]
    same(text_of(ask(turns, config)), want.text)
    script.check_thoughts(mark, want, 2)


@check
def usage():
    counted(ask(case("plain").prompt).usage_metadata, case("plain").usage)
    answers = stream(case("tool").prompt, TOOLS)
    counted([a.usage_metadata for a in answers if a.usage_metadata][-1], case("tool").usage)


@check
def unicode():
    same(text_of(ask(case("unicode").prompt)), case("unicode").text)
    same(text_of(*stream(case("unicode").prompt)), case("unicode").text)


@check
def lone_surrogates():
    same(text_of(*stream(case("surrogates").prompt)), case("surrogates").text)


@check
def stopped_by_length():
    same(finishes([ask(case("length").prompt, t.GenerateContentConfig(max_output_tokens=4))]), ["MAX_TOKENS"])
    same(finishes(stream(case("length").prompt)), ["MAX_TOKENS"])


@check
def big_body():
    same(ask([says("user", "x" * THREE_MB), says("model", "read"), says("user", case("plain").prompt)]).text, case("plain").text)


# --- tools


@check
def tool_round():
    tool = case("tool")
    answer = ask(tool.prompt, TOOLS)
    same([(call.name, dict(call.args)) for call in calls_of(answer)], [("get_weather", tool.arguments)])
    counted(answer.usage_metadata, tool.usage)
    turns = given_back(tool.prompt, answer, [json.loads(tool.result)])
    if script.echo:
        assert "21" in ask(turns, TOOLS).text
    else:
        same(ask(turns, TOOLS).text, tool.after)


@check
def tool_stream():
    answers = stream(case("tool").prompt, TOOLS)
    same([dict(call.args) for call in calls_of(*answers)], [case("tool").arguments])
    if not script.args.direct and script.args.upstream != "gemini":  # the vendor ends a tool turn with STOP
        same(finishes(answers), ["STOP"])


@check
def tools_parallel():
    parallel = case("parallel")
    answer = ask(parallel.prompt, TOOLS)
    same([call.args["city"] for call in calls_of(answer)], parallel.cities)
    same([call.args["city"] for call in calls_of(*stream(parallel.prompt, TOOLS))], parallel.cities, "streamed")
    if not script.echo:
        turns = given_back(parallel.prompt, answer, [{"degrees": int(r)} for r in parallel.results])
        same(ask(turns, TOOLS).text, parallel.after)


@check
def text_and_tool():
    answer = ask(case("mixed").prompt, TOOLS)
    same((text_of(answer), calls_of(answer)[0].args["city"]), (case("mixed").text, case("mixed").city))


@check
def automatic_function_calling():
    asked = []

    def get_weather(city: str, unit: str, note: str = "") -> dict:
        """The weather of a city now."""
        asked.append({"city": city, "unit": unit, "note": note})
        return {"degrees": 21}

    answer = ask(case("tool").prompt, t.GenerateContentConfig(tools=[get_weather]))
    same(asked, [case("tool").arguments])
    assert "21" in answer.text, answer.text


# --- errors


def errors(call):
    for status in STATUSES:
        failing = case("error", status=status)
        fault = raises(faults.ClientError if status < 500 else faults.ServerError, lambda: call(failing.prompt))
        same(fault.code, status)
        assert failing.text in str(fault.message), fault.message
        if not script.args.direct and script.args.upstream != "gemini":  # the stand-in names its own
            same(fault.status, NAMES[status], "error.status")


@check
def error_classes():
    errors(ask)


@check
def error_classes_stream():
    errors(stream)


# --- life of a stream


@check
def cancel_mid_stream():
    began = time.monotonic()
    running = api.models.generate_content_stream(model=script.model, contents=case("slow").prompt)
    for _, _answer in zip(range(4), running):
        pass
    running.close()
    ends_soon(began, "four pieces of a slow answer")
    same(ask(case("plain").prompt).text, case("plain").text, "the next turn")


@check
def cut_stream():
    def reading():
        return api.models.generate_content_stream(model=script.model, contents=case("cut").prompt)

    ends_badly(reading, lambda answers: "STOP" in finishes(answers))


@check
def concurrent_streams():
    cases = [case(name) for name in ("plain", "unicode")]

    async def one(number):
        mine = cases[number % len(cases)]
        running = await api.aio.models.generate_content_stream(model=script.model, contents=mine.prompt)
        same(text_of(*[answer async for answer in running]), mine.text, f"stream {number}")

    async def all_at_once():
        await asyncio.gather(*(one(number) for number in range(script.args.concurrency)))

    asyncio.run(all_at_once())


script.run()
