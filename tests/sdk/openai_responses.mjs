// The official OpenAI SDK for Node on Responses.
//
// node openai_responses.mjs --base http://127.0.0.1:8000 --mode echo

import { BOOK_SCHEMA, GREEN_PIXEL, STATUSES, Script, THREE_MB, WEATHER, collect, endsBadly, endsSoon, ok, raises, same, sdk } from './harness.mjs';

const { OpenAI } = sdk('openai');
const script = new Script({ echo: 'echo', upstream: 'gpt-5' });
const TOOLS = [{ type: 'function', name: 'get_weather', description: 'weather now', parameters: WEATHER, strict: false }];
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
const ask = (input, more = {}) => api.responses.create({ model: script.model, input, ...more });
const outputOf = async (answer) => (await answer).output_text;
const stream = (input, more = {}) => collect(ask(input, { stream: true, ...more }));
const deltas = (events, kind) => events.filter((event) => event.type === `response.${kind}.delta`).map((event) => event.delta);
const streamedText = (events) => deltas(events, 'output_text').join('');
const callsOf = (items) => items.filter((item) => item.type === 'function_call');
const doneCalls = (events) => callsOf(events.filter((event) => event.type === 'response.output_item.done').map((event) => event.item));
const argumentsOf = (calls) => calls.map((call) => JSON.parse(call.arguments));
const counted = (usage, [input, output]) =>
  same([usage.input_tokens, usage.output_tokens, usage.total_tokens], [input, output, input + output], 'usage');
const givenBack = (prompt, calls, results) => [
  { role: 'user', content: prompt },
  ...calls.map(({ call_id, name, arguments: text }) => ({ type: 'function_call', call_id, name, arguments: text })),
  ...calls.map(({ call_id }, i) => ({ type: 'function_call_output', call_id, output: results[i] })),
];

script.check('response', async () => {
  const answer = await ask(script.case('plain').prompt);
  same([answer.object, answer.status, answer.output_text], ['response', 'completed', script.case('plain').text]);
  counted(answer.usage, script.case('plain').usage);
});

script.check('response_stream', async () => {
  const events = await stream(script.case('plain').prompt);
  same([events[0].type, events.at(-1).type], ['response.created', 'response.completed']);
  same(streamedText(events), script.case('plain').text);
  ok(deltas(events, 'output_text').length >= 3, 'not in pieces');
  counted(events.at(-1).response.usage, script.case('plain').usage);
});

script.check('stream_helper', async () => {
  const running = api.responses.stream({ model: script.model, input: script.case('plain').prompt });
  same((await running.finalResponse()).output_text, script.case('plain').text);
});

script.check('instructions', async () => {
  const system = script.case('system');
  same(await outputOf(ask(system.prompt, { instructions: `a ${system.canary} b` })), system.text);
});

script.check('history', async () => {
  const said = ['1', '2'].flatMap((n) => [{ role: 'user', content: `question ${n}` }, { role: 'assistant', content: `answer ${n}` }]);
  same(await outputOf(ask([...said, { role: 'user', content: script.case('history').prompt }])), script.case('history').text);
});

script.check('image', async () => {
  const picture = { type: 'input_image', image_url: `data:image/png;base64,${GREEN_PIXEL}`, detail: 'low' };
  const content = [{ type: 'input_text', text: script.case('image').prompt }, picture];
  same(await outputOf(ask([{ role: 'user', content }])), script.case('image').text);
});

script.check('json_schema', async () => {
  const text = { format: { type: 'json_schema', name: 'book', strict: true, schema: BOOK_SCHEMA } };
  same(JSON.parse(await outputOf(ask(script.case('json').prompt, { text }))), script.case('json').value);
});

script.check('reasoning', async () => {
  const want = script.case('reasoning');
  const answer = await ask(want.prompt, { reasoning: { effort: 'low', summary: 'auto' } });
  same(answer.output.map((item) => item.type), ['reasoning', 'message']);
  same([answer.output[0].summary.map((part) => part.text).join(''), answer.output_text], [want.reasoning, want.text]);
});

script.check('thinking_three_turns', async () => {
  const want = script.case('reasoning');
  const [prompt, mark] = script.marked(want.prompt);
  const keeping = { reasoning: { effort: 'low', summary: 'auto' }, store: false, include: ['reasoning.encrypted_content'] };
  const turns = [{ role: 'user', content: prompt }];
  for (const streamed of [false, true]) {
    const answer = streamed
      ? await api.responses.stream({ model: script.model, input: turns, ...keeping }).finalResponse()
      : await ask(turns, keeping);
    same([answer.output[0].summary[0].text, answer.output_text], [want.reasoning, want.text], `streamed ${streamed}`);
    turns.push(...answer.output, { role: 'user', content: prompt });
  }
  same(await outputOf(ask(turns, keeping)), want.text);
  await script.checkThoughts(mark, want, 2);
});

script.check('usage', async () => {
  counted((await ask(script.case('plain').prompt)).usage, script.case('plain').usage);
  counted((await stream(script.case('tool').prompt, { tools: TOOLS })).at(-1).response.usage, script.case('tool').usage);
});

script.check('unicode', async () => {
  same(await outputOf(ask(script.case('unicode').prompt)), script.case('unicode').text);
  same(streamedText(await stream(script.case('unicode').prompt)), script.case('unicode').text);
});

script.check('lone_surrogates', async () => {
  same(streamedText(await stream(script.case('surrogates').prompt)), script.case('surrogates').text);
});

script.check('key_refused', async () => {
  const stranger = client(script.badKey());
  await raises(OpenAI.AuthenticationError, () => stranger.responses.create({ model: script.model, input: 'x' }));
});

script.proxyCheck('key_refused_big_body', async () => {
  const stranger = client(script.badKey());
  await raises(OpenAI.AuthenticationError, () => stranger.responses.create({ model: script.model, input: 'x'.repeat(THREE_MB) }));
});

script.check('tool_round', async () => {
  const tool = script.case('tool');
  const answer = await ask(tool.prompt, { tools: TOOLS });
  const calls = callsOf(answer.output);
  same([calls.map((call) => call.name), argumentsOf(calls)], [['get_weather'], [tool.arguments]]);
  same(await outputOf(ask(givenBack(tool.prompt, calls, [tool.result]), { tools: TOOLS })), tool.after);
});

script.check('tool_stream', async () => {
  const events = await stream(script.case('tool').prompt, { tools: TOOLS });
  const pieces = deltas(events, 'function_call_arguments');
  ok(pieces.length >= 2 || !script.inPieces, 'arguments came in one piece');
  same(JSON.parse(pieces.join('')), script.case('tool').arguments);
  same(argumentsOf(doneCalls(events)), [script.case('tool').arguments]);
});

script.check('tools_parallel', async () => {
  const parallel = script.case('parallel');
  const calls = callsOf((await ask(parallel.prompt, { tools: TOOLS })).output);
  same(argumentsOf(calls).map((given) => given.city), parallel.cities);
  const streamed = doneCalls(await stream(parallel.prompt, { tools: TOOLS }));
  same(argumentsOf(streamed).map((given) => given.city), parallel.cities, 'streamed');
  same(await outputOf(ask(givenBack(parallel.prompt, calls, parallel.results), { tools: TOOLS })), parallel.after);
});

async function errors(call) {
  for (const status of STATUSES) {
    const failing = script.case('error', { status });
    const fault = await raises(KINDS[status], () => call(failing.prompt));
    same(fault.status, status);
    ok(fault.error?.message?.includes(failing.text), JSON.stringify(fault.error));
    if (status === 429) same(fault.headers.get('retry-after'), '7', 'retry-after');
  }
}
script.check('error_classes', () => errors(ask));
script.check('error_classes_stream', () => errors(stream));

script.check('cancel_mid_stream', async () => {
  const began = performance.now();
  let pieces = 0;
  for await (const event of await ask(script.case('slow').prompt, { stream: true })) {
    if (event.type === 'response.output_text.delta') pieces += 1;
    if (pieces === 4) break;
  }
  endsSoon(began, 'four pieces of a slow answer');
  same(await outputOf(ask(script.case('plain').prompt)), script.case('plain').text, 'the next turn');
});

script.check('cut_stream', () =>
  endsBadly(() => ask(script.case('cut').prompt, { stream: true }), (events) => events.some((event) => event.type === 'response.completed')));

script.check('concurrent_streams', async () => {
  const names = ['plain', 'unicode'];
  const one = async (number) => {
    const mine = script.case(names[number % names.length]);
    same(streamedText(await stream(mine.prompt)), mine.text, `stream ${number}`);
  };
  await Promise.all(Array.from({ length: script.concurrency }, (_, number) => one(number)));
});

await script.run();
