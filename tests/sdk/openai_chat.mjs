// The official OpenAI SDK for Node on Chat Completions and models.
//
// node openai_chat.mjs --base http://127.0.0.1:8000 --mode echo

import { GREEN_PIXEL, STATUSES, Script, THREE_MB, WEATHER, BOOK_SCHEMA, collect, endsBadly, endsSoon, ok, raises, same, sdk, take } from './harness.mjs';

const { OpenAI } = sdk('openai');
const script = new Script({ echo: 'echo', upstream: 'gpt-4o' });
const TOOLS = [{ type: 'function', function: { name: 'get_weather', description: 'weather now', parameters: WEATHER } }];
const KINDS = {
  400: OpenAI.BadRequestError,
  401: OpenAI.AuthenticationError,
  403: OpenAI.PermissionDeniedError,
  404: OpenAI.NotFoundError,
  413: OpenAI.APIError,
  429: OpenAI.RateLimitError,
  500: OpenAI.InternalServerError,
  503: OpenAI.InternalServerError,
  529: OpenAI.InternalServerError,
};

const client = (apiKey = script.args.key) => new OpenAI({ baseURL: `${script.base}/v1`, apiKey, maxRetries: 0, timeout: 60_000 });
const api = client();
const user = (content) => ({ role: 'user', content });
const ask = (prompt, more = {}) =>
  api.chat.completions.create({ model: script.model, messages: Array.isArray(prompt) ? prompt : [user(prompt)], ...more });
const stream = (prompt, more = {}) => collect(ask(prompt, { stream: true, ...more }));
const contentOf = async (answer) => (await answer).choices[0].message.content;

const deltas = (chunks) => chunks.filter((chunk) => chunk.choices.length).map((chunk) => chunk.choices[0].delta);
const textOf = (chunks) => deltas(chunks).map((delta) => delta.content ?? '').join('');
const finishes = (chunks) => chunks.map((chunk) => chunk.choices[0]?.finish_reason).filter(Boolean);
const thinkingOf = (message) => message.reasoning_content ?? message.reasoning ?? '';
const counted = (usage, [input, output]) =>
  same([usage.prompt_tokens, usage.completion_tokens, usage.total_tokens], [input, output, input + output], 'usage');

/** Calls by index: ids, names and argument pieces in order of arrival. */
function callsOf(chunks) {
  const calls = [];
  for (const part of deltas(chunks).flatMap((delta) => delta.tool_calls ?? [])) {
    const call = (calls[part.index] ??= { ids: [], names: [], pieces: [] });
    if (part.id) call.ids.push(part.id);
    if (part.function?.name) call.names.push(part.function.name);
    if (part.function?.arguments) call.pieces.push(part.function.arguments);
  }
  return calls;
}
const argumentsOf = (call) => JSON.parse(call.pieces.join(''));

// --- models and keys

script.check('models_list', async () => {
  const ids = (await collect(api.models.list())).map((model) => model.id);
  ok(ids.length && ids.every(Boolean), `ids ${ids}`);
  same(new Set(ids).size, ids.length, 'distinct ids');
});

script.proxyCheck('models_get', async () => {
  for (const { id } of (await collect(api.models.list())).slice(0, 3)) same((await api.models.retrieve(id)).id, id, 'id');
});

script.proxyCheck('models_get_unknown', async () => {
  same((await raises(OpenAI.NotFoundError, () => api.models.retrieve('no-such-model'))).status, 404);
});

script.check('key_refused', async () => {
  const stranger = client(script.badKey());
  await raises(OpenAI.AuthenticationError, () => stranger.chat.completions.create({ model: script.model, messages: [user('x')] }));
  await raises(OpenAI.AuthenticationError, () => stranger.models.list());
});

script.proxyCheck('key_refused_big_body', async () => {
  // Node reports a server that answers and closes before it has read the body as a connection error.
  const stranger = client(script.badKey());
  const messages = [user('x'.repeat(THREE_MB))];
  await raises(OpenAI.AuthenticationError, () => stranger.chat.completions.create({ model: script.model, messages }));
  await raises(OpenAI.AuthenticationError, () => stranger.chat.completions.create({ model: script.model, messages, stream: true }));
});

// --- text

script.check('chat', async () => {
  const answer = await ask(script.case('plain').prompt);
  same(answer.choices[0].message.content, script.case('plain').text);
  same([answer.object, answer.choices[0].message.role, answer.choices[0].finish_reason], ['chat.completion', 'assistant', 'stop']);
  counted(answer.usage, script.case('plain').usage);
});

script.check('chat_stream', async () => {
  const chunks = await stream(script.case('plain').prompt);
  same(textOf(chunks), script.case('plain').text);
  same(deltas(chunks)[0].role, 'assistant', 'first role');
  same(finishes(chunks), ['stop']);
  ok(deltas(chunks).filter((delta) => delta.content).length >= 3, 'not in pieces');
});

script.check('stream_usage_when_asked', async () => {
  const chunks = await stream(script.case('plain').prompt, { stream_options: { include_usage: true } });
  same(chunks.findIndex((chunk) => chunk.usage), chunks.length - 1, 'usage in the last chunk alone');
  same(chunks.at(-1).choices, []);
  counted(chunks.at(-1).usage, script.case('plain').usage);
});

script.check('stream_usage_not_asked', async () => {
  const chunks = await stream(script.case('plain').prompt);
  ok(chunks.every((chunk) => !chunk.usage && chunk.choices.length), 'usage nobody asked for');
});

script.check('stream_on_the_wire', async () => {
  const answer = await ask(script.case('plain').prompt, { stream: true }).asResponse();
  same(answer.headers.get('content-type').split(';')[0], 'text/event-stream');
  ok((await answer.text()).endsWith('data: [DONE]\n\n'), 'no DONE line');
});

script.check('stream_helper', async () => {
  const running = api.chat.completions.stream({ model: script.model, messages: [user(script.case('plain').prompt)] });
  same(await running.finalContent(), script.case('plain').text);
});

script.check('system_prompt', async () => {
  const system = script.case('system');
  same(await contentOf(ask([{ role: 'system', content: `a ${system.canary} b` }, user(system.prompt)])), system.text);
});

script.check('history', async () => {
  const said = ['1', '2'].flatMap((n) => [user(`question ${n}`), { role: 'assistant', content: `answer ${n}` }]);
  same(await contentOf(ask([...said, user(script.case('history').prompt)])), script.case('history').text);
});

script.check('image', async () => {
  const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${GREEN_PIXEL}` } };
  same(await contentOf(ask([user([{ type: 'text', text: script.case('image').prompt }, picture])])), script.case('image').text);
});

script.check('json_schema', async () => {
  const response_format = { type: 'json_schema', json_schema: { name: 'book', strict: true, schema: BOOK_SCHEMA } };
  same(JSON.parse(await contentOf(ask(script.case('json').prompt, { response_format }))), script.case('json').value);
});

script.check('reasoning', async () => {
  const want = script.case('reasoning');
  const { message } = (await ask(want.prompt)).choices[0];
  same([thinkingOf(message), message.content], [want.reasoning, want.text]);
  const chunks = await stream(want.prompt);
  same([deltas(chunks).map(thinkingOf).join(''), textOf(chunks)], [want.reasoning, want.text], 'streamed');
});

script.check('thinking_three_turns', async () => {
  const want = script.case('reasoning');
  const [prompt, mark] = script.marked(want.prompt);
  const turns = [user(prompt)];
  for (let turn = 0; turn < 2; turn += 1) {
    const { message } = (await ask(turns, { reasoning_effort: 'low' })).choices[0];
    same([message.content, thinkingOf(message)], [want.text, want.reasoning]);
    turns.push(message, user(prompt));
  }
  same(await contentOf(ask(turns, { reasoning_effort: 'low' })), want.text);
  await script.checkThoughts(mark, want, 2);
});

script.check('usage', async () => {
  counted((await ask(script.case('plain').prompt)).usage, script.case('plain').usage);
  const chunks = await stream(script.case('tool').prompt, { tools: TOOLS, stream_options: { include_usage: true } });
  counted(chunks.at(-1).usage, script.case('tool').usage);
});

script.check('unicode', async () => {
  same(await contentOf(ask(script.case('unicode').prompt)), script.case('unicode').text);
  same(textOf(await stream(script.case('unicode').prompt)), script.case('unicode').text);
});

script.check('lone_surrogates', async () => {
  same(textOf(await stream(script.case('surrogates').prompt)), script.case('surrogates').text);
});

script.check('stopped_by_length', async () => {
  same((await ask(script.case('length').prompt, { max_completion_tokens: 4 })).choices[0].finish_reason, 'length');
  same(finishes(await stream(script.case('length').prompt)), ['length']);
});

script.check('big_body', async () => {
  const filler = [user('x'.repeat(THREE_MB)), { role: 'assistant', content: 'read' }];
  same(await contentOf(ask([...filler, user(script.case('plain').prompt)])), script.case('plain').text);
});

// --- tools

script.check('tool_round', async () => {
  const tool = script.case('tool');
  const answer = await ask(tool.prompt, { tools: TOOLS, tool_choice: 'auto' });
  const { message, finish_reason } = answer.choices[0];
  const [call, ...others] = message.tool_calls;
  same([finish_reason, others.length, call.type, call.function.name], ['tool_calls', 0, 'function', 'get_weather']);
  same(JSON.parse(call.function.arguments), tool.arguments);
  counted(answer.usage, tool.usage);
  const result = { role: 'tool', tool_call_id: call.id, content: tool.result };
  same(await contentOf(ask([user(tool.prompt), message, result], { tools: TOOLS })), tool.after);
});

script.check('tool_stream', async () => {
  const chunks = await stream(script.case('tool').prompt, { tools: TOOLS });
  const [call, ...others] = callsOf(chunks);
  same([others.length, call.ids.length, call.names], [0, 1, ['get_weather']], 'id and name sent once');
  ok(call.pieces.length >= 2 || !script.inPieces, 'arguments came in one piece');
  same(argumentsOf(call), script.case('tool').arguments);
  same(finishes(chunks), ['tool_calls']);
});

script.check('tools_parallel', async () => {
  const parallel = script.case('parallel');
  const { message } = (await ask(parallel.prompt, { tools: TOOLS })).choices[0];
  same(message.tool_calls.map((call) => JSON.parse(call.function.arguments).city), parallel.cities);
  same(new Set(message.tool_calls.map((call) => call.id)).size, 2, 'distinct ids');
  const results = message.tool_calls.map((call, i) => ({ role: 'tool', tool_call_id: call.id, content: parallel.results[i] }));
  same(await contentOf(ask([user(parallel.prompt), message, ...results], { tools: TOOLS })), parallel.after);
});

script.check('tools_parallel_stream', async () => {
  const calls = callsOf(await stream(script.case('parallel').prompt, { tools: TOOLS }));
  same(calls.map((call) => argumentsOf(call).city), script.case('parallel').cities);
  same([calls.map((call) => call.ids.length), new Set(calls.flatMap((call) => call.ids)).size], [[1, 1], 2], 'ids of each call');
});

script.check('text_and_tool', async () => {
  const mixed = script.case('mixed');
  const chunks = await stream(mixed.prompt, { tools: TOOLS });
  same([textOf(chunks), argumentsOf(callsOf(chunks)[0]).city], [mixed.text, mixed.city]);
});

// --- errors

async function errors(call) {
  for (const status of STATUSES) {
    const failing = script.case('error', { status });
    const fault = await raises(KINDS[status], () => call(failing.prompt));
    same(fault.status, status);
    ok(fault.error?.message?.includes(failing.text), `body ${JSON.stringify(fault.error)}`);
    if (status === 429) same(fault.headers.get('retry-after'), '7', 'retry-after');
  }
}
script.check('error_classes', () => errors(ask));
script.check('error_classes_stream', () => errors(stream));

script.proxyCheck('malformed_requests', async () => {
  for (const body of [{ model: script.model }, { messages: [user('x')] }, { model: script.model, messages: 'x' }, { model: 7, messages: [] }]) {
    const fault = await raises(OpenAI.BadRequestError, () => api.post('/chat/completions', { body }));
    ok(fault.error?.message && fault.type === 'invalid_request_error', `body ${JSON.stringify(fault.error)}`);
  }
});

script.proxyCheck('unknown_path', async () => {
  const fault = await raises(OpenAI.NotFoundError, () => api.post('/no/such/path', { body: {} }));
  ok(fault.error?.message, 'an error body');
});

// --- life of a stream

script.check('cancel_mid_stream', async () => {
  const began = performance.now();
  const running = await ask(script.case('slow').prompt, { stream: true });
  await take(running, 4); // leaving the loop aborts the request
  ok(running.controller.signal.aborted, 'the SDK aborted');
  endsSoon(began, 'four chunks of a slow answer');
  same(await contentOf(ask(script.case('plain').prompt)), script.case('plain').text, 'the next turn');
});

script.check('cut_stream', async () => {
  const text = textOf(await endsBadly(() => ask(script.case('cut').prompt, { stream: true }), (chunks) => finishes(chunks).length));
  ok(text && text.length < script.case('cut').text.length, `not cut: ${text}`);
});

script.check('concurrent_streams', async () => {
  const names = ['plain', 'unicode', 'reasoning'];
  const one = async (number) => {
    const mine = script.case(names[number % names.length]);
    same(textOf(await stream(mine.prompt)), mine.text, `stream ${number}`);
  };
  await Promise.all(Array.from({ length: script.concurrency }, (_, number) => one(number)));
});

await script.run();
