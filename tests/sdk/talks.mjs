// The four frontends as agents use them through the official Node SDKs; the rules are those of talks.py.

import { WEATHER, ok, same, sdk } from './harness.mjs';

const { OpenAI } = sdk('openai');
const { Anthropic } = sdk('@anthropic-ai/sdk');
const { ApiError, GoogleGenAI } = sdk('@google/genai');
const QUIET = { maxRetries: 0, timeout: 60_000 };

/** One conversation; subclasses say it in their frontend's words. */
class Talk {
  history = [];

  constructor(script, streamed) {
    this.streamed = streamed;
    this.client = this.connected(script.base, script.args.key);
  }

  /** A turn with these words: its text. */
  async say(text) {
    this.history.push(this.user(text));
    return (await this.ask())[0];
  }

  /** A turn that must fail; it leaves no trace in the history. */
  async tryToSay(text) {
    this.history.push(this.user(text));
    const fault = await this.ask().then(() => undefined, (error) => error);
    ok(fault instanceof this.constructor.fault, `${text}: ${fault}`);
    this.history.pop();
  }

  user(content) {
    return { role: 'user', content };
  }
}

class Chat extends Talk {
  static title = 'chat';
  static home = 'openai:gpt-5';
  static path = '/v1/chat/completions';
  static fault = OpenAI.APIError;

  connected(base, apiKey) {
    return new OpenAI({ baseURL: `${base}/v1`, apiKey, ...QUIET });
  }

  async ask() {
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: WEATHER } }];
    const wanted = { model: Chat.home, messages: this.history, tools };
    const { completions } = this.client.chat;
    const answer = this.streamed ? await completions.stream(wanted).finalChatCompletion() : await completions.create(wanted);
    const [{ message, finish_reason }] = answer.choices;
    const calls = message.tool_calls ?? [];
    same(finish_reason, calls.length ? 'tool_calls' : 'stop');
    this.history.push(calls.length ? { role: 'assistant', content: message.content, tool_calls: calls } : { role: 'assistant', content: message.content });
    return [message.content ?? '', calls.map((call) => ({ id: call.id, name: call.function.name }))];
  }

  result({ id }, content) {
    return { role: 'tool', tool_call_id: id, content };
  }
}

class Responses extends Talk {
  static title = 'responses';
  static home = 'openai-responses:gpt-5';
  static path = '/v1/responses';
  static fault = OpenAI.APIError;

  connected(base, apiKey) {
    return new OpenAI({ baseURL: `${base}/v1`, apiKey, ...QUIET });
  }

  async ask() {
    const tools = [{ type: 'function', name: 'get_weather', parameters: WEATHER, strict: false }];
    const wanted = { model: Responses.home, input: this.history, tools, store: false };
    const answer = this.streamed ? await this.client.responses.stream(wanted).finalResponse() : await this.client.responses.create(wanted);
    same(answer.status, 'completed');
    this.history.push(...answer.output);
    const calls = answer.output.filter((item) => item.type === 'function_call');
    return [answer.output_text, calls.map((call) => ({ id: call.call_id, name: call.name }))];
  }

  result({ id }, output) {
    return { type: 'function_call_output', call_id: id, output };
  }
}

class Messages extends Talk {
  static title = 'messages';
  static home = 'anthropic:claude-sonnet-5-5';
  static path = '/v1/messages';
  static fault = Anthropic.APIError;

  connected(baseURL, apiKey) {
    return new Anthropic({ baseURL, apiKey, ...QUIET });
  }

  async ask() {
    const tools = [{ name: 'get_weather', input_schema: WEATHER }];
    const wanted = { model: Messages.home, messages: this.history, tools, max_tokens: 4096 };
    const { messages } = this.client;
    const answer = this.streamed ? await messages.stream(wanted).finalMessage() : await messages.create(wanted);
    const calls = answer.content.filter(({ type }) => type === 'tool_use');
    same(answer.stop_reason, calls.length ? 'tool_use' : 'end_turn');
    this.history.push({ role: 'assistant', content: answer.content });
    return [answer.content.filter(({ type }) => type === 'text').map(({ text }) => text).join(''), calls];
  }

  result({ id }, content) {
    return { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content }] };
  }
}

class Gemini extends Talk {
  static title = 'gemini';
  static home = 'gemini:gemini-2.5-flash';
  static path = '/v1beta/models';
  static fault = ApiError;

  connected(baseUrl, apiKey) {
    return new GoogleGenAI({ apiKey, httpOptions: { baseUrl, timeout: 60_000 } });
  }

  user(text) {
    return { role: 'user', parts: [{ text }] };
  }

  async ask() {
    const config = { tools: [{ functionDeclarations: [{ name: 'get_weather', parametersJsonSchema: WEATHER }] }] };
    const wanted = { model: Gemini.home, contents: this.history, config };
    const { models } = this.client;
    const answers = [];
    if (this.streamed) for await (const answer of await models.generateContentStream(wanted)) answers.push(answer);
    else answers.push(await models.generateContent(wanted));
    const parts = answers.flatMap(({ candidates }) => candidates[0].content?.parts ?? []);
    const calls = parts.map((part) => part.functionCall).filter(Boolean);
    // The stand-in upstream ends calls with a reason of its own making, which is handed on.
    const reasons = answers.map(({ candidates }) => candidates[0].finishReason).filter(Boolean);
    ok(reasons.length === 1 && (reasons[0] === 'STOP' || (calls.length && reasons[0] === 'FUNCTION_CALL')), `${reasons}`);
    this.history.push({ role: 'model', parts });
    return [parts.map(({ text }) => text ?? '').join(''), calls];
  }

  result({ id, name }, text) {
    return { role: 'user', parts: [{ functionResponse: { id, name, response: { result: text } } }] };
  }
}

/** Every frontend, by its name. */
export const TALKS = { Chat, Responses, Messages, Gemini };
