// The official Anthropic SDK for Node on Messages, models and token counts.
//
// node anthropic_messages.mjs --base http://127.0.0.1:8000 --mode echo

import { BOOK_SCHEMA, GREEN_PIXEL, STATUSES, Script, THREE_MB, WEATHER, collect, endsBadly, endsSoon, ok, raises, same, sdk } from './harness.mjs';

const { Anthropic } = sdk('@anthropic-ai/sdk');
const script = new Script({ echo: 'echo', upstream: 'claude-sonnet-5-5' });
const TOOLS = [{ name: 'get_weather', description: 'weather now', input_schema: WEATHER }];
const THINK = { max_tokens: 4096, thinking: { type: 'enabled', budget_tokens: 1024 } };
// status → exception class, error.type of the envelope (docs: API errors)
const KINDS = {
  400: [Anthropic.BadRequestError, 'invalid_request_error'],
  401: [Anthropic.AuthenticationError, 'authentication_error'],
  403: [Anthropic.PermissionDeniedError, 'permission_error'],
  404: [Anthropic.NotFoundError, 'not_found_error'],
  413: [Anthropic.APIError, 'request_too_large'],
  429: [Anthropic.RateLimitError, 'rate_limit_error'],
  500: [Anthropic.InternalServerError, 'api_error'],
  503: [Anthropic.APIError, undefined],
  529: [Anthropic.InternalServerError, 'overloaded_error'],
};

const client = (apiKey = script.args.key) => new Anthropic({ baseURL: script.base, apiKey, maxRetries: 0, timeout: 60_000 });
const api = client();
const user = (content) => ({ role: 'user', content });
const request = (prompt, more) => ({ model: script.model, max_tokens: 512, messages: Array.isArray(prompt) ? prompt : [user(prompt)], ...more });
const ask = (prompt, more = {}) => api.messages.create(request(prompt, more));

/** All events but pings, after a check of their order. */
async function stream(prompt, more = {}) {
  const events = (await collect(ask(prompt, { stream: true, ...more }))).filter((event) => event.type !== 'ping');
  same([events[0].type, ...events.slice(-2).map((e) => e.type)], ['message_start', 'message_delta', 'message_stop'], 'frame of the stream');
  let current = null;
  let blocks = 0;
  for (const event of events) {
    if (event.type === 'content_block_start') {
      same([current, event.index], [null, blocks], 'start of a block');
      current = event.index;
      blocks += 1;
    } else if (event.type === 'content_block_delta') same(event.index, current, 'block of a delta');
    else if (event.type === 'content_block_stop') {
      same(event.index, current, 'block of a stop');
      current = null;
    }
  }
  same(current, null, 'open block');
  return events;
}

const textOf = (message) => message.content.filter((block) => block.type === 'text').map((block) => block.text).join('');
const answerOf = async (answer) => textOf(await answer);
const toolsOf = (message) => message.content.filter((block) => block.type === 'tool_use');
const deltas = (events, kind) => events.filter((e) => e.type === 'content_block_delta' && e.delta.type === kind);
const streamedText = (events) => deltas(events, 'text_delta').map((e) => e.delta.text).join('');
const stopOf = (events) => events.at(-2).delta.stop_reason;
function inputsOf(events) {
  const texts = new Map();
  for (const { index, delta } of deltas(events, 'input_json_delta')) texts.set(index, (texts.get(index) ?? '') + delta.partial_json);
  return [...texts.values()].map((text) => JSON.parse(text));
}

// --- models, keys, counting

script.check('models_list', async () => {
  const models = await collect(api.models.list());
  ok(models.length && models.every((model) => model.id && model.type === 'model'), JSON.stringify(models[0]));
});

script.check('count_tokens', async () => {
  const count = async (text) => (await api.messages.countTokens({ model: script.model, messages: [user(text)] })).input_tokens;
  const [short, long] = [await count('hi'), await count('hi there '.repeat(100))];
  ok(short > 0 && long > short, `${short} ${long}`);
});

script.check('key_refused', async () => {
  const stranger = client(script.badKey());
  const fault = await raises(Anthropic.AuthenticationError, () => stranger.messages.create(request('x')));
  if (!script.args.direct) same([fault.error.type, fault.error.error.type], ['error', 'authentication_error'], 'envelope');
});

script.proxyCheck('key_refused_big_body', async () => {
  const stranger = client(script.badKey());
  await raises(Anthropic.AuthenticationError, () => stranger.messages.create(request('x'.repeat(THREE_MB))));
});

// --- text

script.check('message', async () => {
  const plain = script.case('plain');
  const answer = await ask(plain.prompt);
  same([answer.type, answer.role, textOf(answer), answer.stop_reason], ['message', 'assistant', plain.text, 'end_turn']);
  same([answer.usage.input_tokens, answer.usage.output_tokens], plain.usage, 'usage');
});

script.check('message_stream', async () => {
  const events = await stream(script.case('plain').prompt);
  same([streamedText(events), stopOf(events)], [script.case('plain').text, 'end_turn']);
  ok(deltas(events, 'text_delta').length >= 3, 'not in pieces');
});

script.check('stream_helper', async () => {
  const running = api.messages.stream(request(script.case('plain').prompt));
  const final = await running.finalMessage();
  same([textOf(final), final.stop_reason], [script.case('plain').text, 'end_turn']);
  same([final.usage.input_tokens, final.usage.output_tokens], script.case('plain').usage, 'usage');
});

script.check('system_prompt', async () => {
  const system = script.case('system');
  const blocks = [{ type: 'text', text: 'a ' }, { type: 'text', text: system.canary, cache_control: { type: 'ephemeral' } }];
  for (const spelling of [system.canary, blocks]) same(await answerOf(ask(system.prompt, { system: spelling })), system.text);
});

script.check('history', async () => {
  const said = ['1', '2'].flatMap((n) => [user(`question ${n}`), { role: 'assistant', content: `answer ${n}` }]);
  same(await answerOf(ask([...said, user(script.case('history').prompt)])), script.case('history').text);
});

script.check('image', async () => {
  const picture = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: GREEN_PIXEL } };
  same(await answerOf(ask([user([picture, { type: 'text', text: script.case('image').prompt }])])), script.case('image').text);
});

script.check('json_schema', async () => {
  const output_config = { format: { type: 'json_schema', schema: BOOK_SCHEMA } };
  same(JSON.parse(await answerOf(ask(script.case('json').prompt, { output_config }))), script.case('json').value);
});

script.check('unicode', async () => {
  same(await answerOf(ask(script.case('unicode').prompt)), script.case('unicode').text);
  same(streamedText(await stream(script.case('unicode').prompt)), script.case('unicode').text);
});

script.check('lone_surrogates', async () => {
  same(streamedText(await stream(script.case('surrogates').prompt)), script.case('surrogates').text);
});

script.check('stopped_by_length', async () => {
  same((await ask(script.case('length').prompt, { max_tokens: 4 })).stop_reason, 'max_tokens');
  same(stopOf(await stream(script.case('length').prompt, { max_tokens: 4 })), 'max_tokens');
});

script.check('thinking', async () => {
  const want = script.case('reasoning');
  const answer = await ask(want.prompt, THINK);
  same(answer.content.map((block) => block.type), ['thinking', 'text']);
  same([answer.content[0].thinking, textOf(answer)], [want.reasoning, want.text]);
  const events = await stream(want.prompt, THINK);
  same([deltas(events, 'thinking_delta').map((e) => e.delta.thinking).join(''), streamedText(events)], [want.reasoning, want.text], 'streamed');
  if (script.args.direct || script.args.upstream === 'anthropic-messages') {
    same(answer.content[0].signature, want.signature, 'signature');
    same(deltas(events, 'signature_delta').map((e) => e.delta.signature).join(''), want.signature, 'streamed signature');
  }
});

script.check('thinking_three_turns', async () => {
  const want = script.case('reasoning');
  const [prompt, mark] = script.marked(want.prompt);
  const turns = [user(prompt)];
  for (const streamed of [false, true]) {
    const answer = streamed ? await api.messages.stream(request(turns, THINK)).finalMessage() : await ask(turns, THINK);
    same([answer.content[0].thinking, textOf(answer)], [want.reasoning, want.text], `streamed ${streamed}`);
    turns.push({ role: 'assistant', content: answer.content }, user(prompt));
  }
  same(await answerOf(ask(turns, THINK)), want.text);
  await script.checkThoughts(mark, want, 2);
});

script.check('usage', async () => {
  const { usage } = await ask(script.case('plain').prompt);
  same([usage.input_tokens, usage.output_tokens], script.case('plain').usage);
  same((await stream(script.case('tool').prompt, { tools: TOOLS })).at(-2).usage.output_tokens, script.case('tool').usage[1], 'streamed');
});

script.check('big_body', async () => {
  const filler = [user('x'.repeat(THREE_MB)), { role: 'assistant', content: 'read' }];
  same(await answerOf(ask([...filler, user(script.case('plain').prompt)])), script.case('plain').text);
});

// --- tools

script.check('tool_round', async () => {
  const tool = script.case('tool');
  const answer = await ask(tool.prompt, { tools: TOOLS });
  const [call, ...others] = toolsOf(answer);
  same([answer.stop_reason, others.length, call.name, call.input], ['tool_use', 0, 'get_weather', tool.arguments]);
  const result = user([{ type: 'tool_result', tool_use_id: call.id, content: tool.result }]);
  same(await answerOf(ask([user(tool.prompt), { role: 'assistant', content: answer.content }, result], { tools: TOOLS })), tool.after);
});

script.check('tool_stream', async () => {
  const events = await stream(script.case('tool').prompt, { tools: TOOLS });
  same([inputsOf(events), stopOf(events)], [[script.case('tool').arguments], 'tool_use']);
  ok(deltas(events, 'input_json_delta').length >= 2 || !script.inPieces, 'the input came in one piece');
});

script.check('tools_parallel', async () => {
  const parallel = script.case('parallel');
  const answer = await ask(parallel.prompt, { tools: TOOLS });
  const calls = toolsOf(answer);
  same(calls.map((call) => call.input.city), parallel.cities);
  same(inputsOf(await stream(parallel.prompt, { tools: TOOLS })).map((input) => input.city), parallel.cities, 'streamed');
  const results = user(calls.map((call, i) => ({ type: 'tool_result', tool_use_id: call.id, content: parallel.results[i] })));
  same(await answerOf(ask([user(parallel.prompt), { role: 'assistant', content: answer.content }, results], { tools: TOOLS })), parallel.after);
});

script.check('text_and_tool', async () => {
  const events = await stream(script.case('mixed').prompt, { tools: TOOLS });
  same([streamedText(events), inputsOf(events)[0].city], [script.case('mixed').text, script.case('mixed').city]);
});

// --- errors

async function errors(call) {
  for (const status of STATUSES) {
    const failing = script.case('error', { status });
    const [kind, name] = KINDS[status];
    const fault = await raises(kind, () => call(failing.prompt));
    same([fault.status, fault.error.type], [status, 'error'], 'status and envelope');
    ok(fault.error.error.message.includes(failing.text), JSON.stringify(fault.error));
    if (name) same(fault.error.error.type, name);
    if (status === 429) same(fault.headers.get('retry-after'), '7', 'retry-after');
  }
}
script.check('error_classes', () => errors(ask));
script.check('error_classes_stream', () => errors(stream));

// --- life of a stream

script.check('cancel_mid_stream', async () => {
  const began = performance.now();
  const running = api.messages.stream(request(script.case('slow').prompt));
  let pieces = 0;
  for await (const event of running) {
    if (event.type === 'content_block_delta') pieces += 1;
    if (pieces === 4) break;
  }
  running.abort();
  endsSoon(began, 'four pieces of a slow answer');
  same(await answerOf(ask(script.case('plain').prompt)), script.case('plain').text, 'the next turn');
});

script.check('cut_stream', () =>
  endsBadly(() => ask(script.case('cut').prompt, { stream: true }), (events) => events.some((event) => event.type === 'message_stop')));

script.check('concurrent_streams', async () => {
  const names = ['plain', 'unicode'];
  const one = async (number) => {
    const mine = script.case(names[number % names.length]);
    same(streamedText(await stream(mine.prompt)), mine.text, `stream ${number}`);
  };
  await Promise.all(Array.from({ length: script.concurrency }, (_, number) => one(number)));
});

await script.run();
