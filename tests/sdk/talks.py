"""The four frontends as agents use them through the official Python SDKs: a history that is repeated with every turn.

A `Talk` is a conversation on one frontend, streamed or not; `ask` sends its history and takes the answer into it. Streams are read by
the SDKs' own accumulators, which fail on events that are missing or out of order.
"""

import warnings

import anthropic
import openai
from google import genai
from google.genai import errors as gemini_faults
from google.genai import types as t

from harness import WEATHER, same

warnings.filterwarnings("ignore", message=".*is not a valid FinishReason")
QUIET = {"max_retries": 0, "timeout": 60}


class Talk:
    """One conversation; subclasses say it in their frontend's words."""

    def __init__(self, script, streamed):
        self.script, self.streamed, self.history = script, streamed, []
        self.client = self.connected(script.base, script.args.key)

    def say(self, text):
        """A turn with these words: its text."""
        self.history.append(self.user(text))
        return self.ask()[0]

    def try_to_say(self, text):
        """A turn that must fail; it leaves no trace in the history."""
        self.history.append(self.user(text))
        try:
            self.ask()
        except self.fault:
            self.history.pop()
            return
        raise AssertionError(f"{text} did not fail")

    def user(self, text):
        return {"role": "user", "content": text}

    def ask(self):
        """Sends the history: the answer's text and its tool calls, as (id, name)."""
        raise NotImplementedError


class Chat(Talk):
    home, path, fault = "openai:gpt-5", "/v1/chat/completions", openai.APIError
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]

    def connected(self, base, key):
        return openai.OpenAI(base_url=f"{base}/v1", api_key=key, **QUIET)

    def ask(self):
        wanted = {"model": self.home, "messages": self.history, "tools": self.tools}
        if self.streamed:
            with self.client.chat.completions.stream(**wanted) as stream:
                answer = stream.get_final_completion()
        else:
            answer = self.client.chat.completions.create(**wanted)
        choice = answer.choices[0]
        calls = choice.message.tool_calls or []
        same(choice.finish_reason, "tool_calls" if calls else "stop")
        self.history.append(choice.message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
        return choice.message.content or "", [(call.id, call.function.name) for call in calls]

    def result(self, call, text):
        return {"role": "tool", "tool_call_id": call[0], "content": text}


class Responses(Talk):
    home, path, fault = "openai-responses:gpt-5", "/v1/responses", openai.APIError
    tools = [{"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": False}]

    connected = Chat.connected

    def ask(self):
        wanted = {"model": self.home, "input": self.history, "tools": self.tools, "store": False}
        if self.streamed:
            with self.client.responses.stream(**wanted) as stream:
                answer = stream.get_final_response()
        else:
            answer = self.client.responses.create(**wanted)
        same(answer.status, "completed")
        self.history += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in answer.output]
        return answer.output_text, [(item.call_id, item.name) for item in answer.output if item.type == "function_call"]

    def result(self, call, text):
        return {"type": "function_call_output", "call_id": call[0], "output": text}


class Messages(Talk):
    home, path, fault = "anthropic:claude-sonnet-5-5", "/v1/messages", anthropic.APIError
    tools = [{"name": "get_weather", "input_schema": WEATHER}]

    def connected(self, base, key):
        return anthropic.Anthropic(base_url=base, api_key=key, **QUIET)

    def ask(self):
        wanted = {"model": self.home, "messages": self.history, "tools": self.tools, "max_tokens": 4096}
        if self.streamed:
            with self.client.messages.stream(**wanted) as stream:
                answer = stream.get_final_message()
        else:
            answer = self.client.messages.create(**wanted)
        calls = [(block.id, block.name) for block in answer.content if block.type == "tool_use"]
        same(answer.stop_reason, "tool_use" if calls else "end_turn")
        self.history.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]})
        return "".join(block.text for block in answer.content if block.type == "text"), calls

    def result(self, call, text):
        return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call[0], "content": text}]}


class Gemini(Talk):
    home, path, fault = "gemini:gemini-2.5-flash", "/v1beta/models", gemini_faults.APIError
    config = t.GenerateContentConfig(
        tools=[t.Tool(function_declarations=[t.FunctionDeclaration(name="get_weather", parameters_json_schema=WEATHER)])],
        automatic_function_calling=t.AutomaticFunctionCallingConfig(disable=True),
    )

    def connected(self, base, key):
        retry = t.HttpRetryOptions(attempts=1)
        return genai.Client(api_key=key, http_options=t.HttpOptions(base_url=base, timeout=60_000, retry_options=retry))

    def user(self, text):
        return t.Content(role="user", parts=[t.Part(text=text)])

    def ask(self):
        wanted = {"model": self.home, "contents": self.history, "config": self.config}
        models = self.client.models
        answers = list(models.generate_content_stream(**wanted)) if self.streamed else [models.generate_content(**wanted)]
        parts = [part for answer in answers for part in answer.candidates[0].content.parts or []]
        calls = [(part.function_call.id, part.function_call.name) for part in parts if part.function_call]
        # The stand-in upstream ends calls with a reason of its own making, which is handed on.
        reasons = [a.candidates[0].finish_reason.name for a in answers if a.candidates[0].finish_reason]
        assert reasons == ["STOP"] or (calls and reasons == ["FUNCTION_CALL"]), reasons
        self.history.append(t.Content(role="model", parts=parts))
        return "".join(part.text for part in parts if part.text), calls

    def result(self, call, text):
        response = t.FunctionResponse(id=call[0], name=call[1], response={"result": text})
        return t.Content(role="user", parts=[t.Part(function_response=response)])


TALKS = (Chat, Responses, Messages, Gemini)
"""Every frontend."""
