// The official Google Gen AI SDK for Node on generateContent, streams, models and token counts.
//
// node gemini.mjs --base http://127.0.0.1:8000 --mode echo

import { BOOK_SCHEMA, GREEN_PIXEL, STATUSES, Script, THREE_MB, WEATHER, collect, endsBadly, endsSoon, ok, raises, same, sdk, take } from './harness.mjs';

const { ApiError, GoogleGenAI } = sdk('@google/genai');
const script = new Script({ echo: 'echo', upstream: 'gemini-2.5-flash' });
const TOOLS = { tools: [{ functionDeclarations: [{ name: 'get_weather', description: 'weather now', parametersJsonSchema: WEATHER }] }] };

const client = (apiKey = script.args.key, version = { apiVersion: 'v1beta' }) =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl: script.base, timeout: 60_000, ...version } });
const api = client();
const ask = (contents, config = {}) => api.models.generateContent({ model: script.model, contents, config });
const running = (contents, config = {}) => api.models.generateContentStream({ model: script.model, contents, config });
const stream = (contents, config = {}) => collect(running(contents, config));

const parts = (answer) => answer.candidates?.[0]?.content?.parts ?? [];
const textOf = (...answers) => answers.flatMap(parts).filter((part) => part.text && !part.thought).map((part) => part.text).join('');
const thoughtsOf = (...answers) => answers.flatMap(parts).filter((part) => part.thought).map((part) => part.text).join('');
const callsOf = (...answers) => answers.flatMap(parts).map((part) => part.functionCall).filter(Boolean);
const finishes = (answers) => answers.map((answer) => answer.candidates?.[0]?.finishReason).filter(Boolean);
const says = (role, text) => ({ role, parts: [{ text }] });
const counted = (usage, [input, output]) =>
  same([usage.promptTokenCount, usage.candidatesTokenCount, usage.totalTokenCount], [input, output, input + output], 'usage');

// --- models, keys, counting

script.check('models_list', async () => {
  const models = await collect(api.models.list());
  ok(models.length && models.every((model) => model.name.startsWith('models/')), JSON.stringify(models[0]));
});

script.check('count_tokens', async () => {
  const count = async (contents) => (await api.models.countTokens({ model: script.model, contents })).totalTokens;
  const [short, long] = [await count('hi'), await count('hi there '.repeat(100))];
  ok(short > 0 && long > short, `${short} ${long}`);
});

script.check('key_refused', async () => {
  const stranger = client(script.badKey());
  const fault = await raises(ApiError, () => stranger.models.generateContent({ model: script.model, contents: 'x' }));
  ok([400, 401, 403].includes(fault.status), `status ${fault.status}`);
});

script.proxyCheck('key_refused_big_body', async () => {
  const stranger = client(script.badKey());
  const fault = await raises(ApiError, () => stranger.models.generateContent({ model: script.model, contents: 'x'.repeat(THREE_MB) }));
  ok([400, 401, 403].includes(fault.status), `status ${fault.status}`);
});

// --- text

script.check('generate', async () => {
  const answer = await ask(script.case('plain').prompt);
  same([answer.text, answer.candidates[0].finishReason], [script.case('plain').text, 'STOP']);
  counted(answer.usageMetadata, script.case('plain').usage);
});

script.proxyCheck('default_api_version', async () => {
  const answer = await client(script.args.key, {}).models.generateContent({ model: script.model, contents: script.case('plain').prompt });
  same(answer.text, script.case('plain').text);
});

script.check('generate_stream', async () => {
  const answers = await stream(script.case('plain').prompt);
  same([textOf(...answers), finishes(answers)], [script.case('plain').text, ['STOP']]);
  ok(answers.length >= 3, 'not in pieces');
});

script.check('system_instruction', async () => {
  const system = script.case('system');
  same((await ask(system.prompt, { systemInstruction: `a ${system.canary} b` })).text, system.text);
});

script.check('history', async () => {
  const said = ['1', '2'].flatMap((n) => [says('user', `question ${n}`), says('model', `answer ${n}`)]);
  same((await ask([...said, says('user', script.case('history').prompt)])).text, script.case('history').text);
});

script.check('image', async () => {
  const picture = { inlineData: { data: GREEN_PIXEL, mimeType: 'image/png' } };
  same((await ask([{ text: script.case('image').prompt }, picture])).text, script.case('image').text);
});

script.check('json_schema', async () => {
  const config = { responseMimeType: 'application/json', responseJsonSchema: BOOK_SCHEMA };
  same(JSON.parse((await ask(script.case('json').prompt, config)).text), script.case('json').value);
});

script.check('thinking', async () => {
  const want = script.case('reasoning');
  const config = { thinkingConfig: { includeThoughts: true, thinkingBudget: 512 } };
  const answer = await ask(want.prompt, config);
  same([thoughtsOf(answer), textOf(answer)], [want.reasoning, want.text]);
  const answers = await stream(want.prompt, config);
  same([thoughtsOf(...answers), textOf(...answers)], [want.reasoning, want.text], 'streamed');
});

script.check('thinking_three_turns', async () => {
  const want = script.case('reasoning');
  const [prompt, mark] = script.marked(want.prompt);
  const config = { thinkingConfig: { includeThoughts: true, thinkingBudget: 512 } };
  const turns = [says('user', prompt)];
  for (const streamed of [false, true]) {
    const answers = streamed ? await stream(turns, config) : [await ask(turns, config)];
    same([thoughtsOf(...answers), textOf(...answers)], [want.reasoning, want.text], `streamed ${streamed}`);
    turns.push({ role: 'model', parts: answers.flatMap(parts) }, says('user', prompt));
  }
  same((await ask(turns, config)).text, want.text);
  await script.checkThoughts(mark, want, 2);
});

script.check('usage', async () => {
  counted((await ask(script.case('plain').prompt)).usageMetadata, script.case('plain').usage);
  const answers = await stream(script.case('tool').prompt, TOOLS);
  counted(answers.map((answer) => answer.usageMetadata).filter(Boolean).at(-1), script.case('tool').usage);
});

script.check('unicode', async () => {
  same(textOf(await ask(script.case('unicode').prompt)), script.case('unicode').text);
  same(textOf(...(await stream(script.case('unicode').prompt))), script.case('unicode').text);
});

script.check('lone_surrogates', async () => {
  same(textOf(...(await stream(script.case('surrogates').prompt))), script.case('surrogates').text);
});

script.check('stopped_by_length', async () => {
  same(finishes([await ask(script.case('length').prompt, { maxOutputTokens: 4 })]), ['MAX_TOKENS']);
  same(finishes(await stream(script.case('length').prompt)), ['MAX_TOKENS']);
});

script.check('big_body', async () => {
  const turns = [says('user', 'x'.repeat(THREE_MB)), says('model', 'read'), says('user', script.case('plain').prompt)];
  same((await ask(turns)).text, script.case('plain').text);
});

// --- tools

script.check('tool_round', async () => {
  const tool = script.case('tool');
  const answer = await ask(tool.prompt, TOOLS);
  const [call, ...others] = callsOf(answer);
  same([others.length, call.name, call.args], [0, 'get_weather', tool.arguments]);
  const response = { functionResponse: { id: call.id, name: call.name, response: JSON.parse(tool.result) } };
  const final = await ask([says('user', tool.prompt), answer.candidates[0].content, { role: 'user', parts: [response] }], TOOLS);
  ok(script.mode === 'echo' ? final.text.includes('21') : final.text === tool.after, final.text);
});

script.check('tool_stream', async () => {
  const answers = await stream(script.case('tool').prompt, TOOLS);
  same(callsOf(...answers).map((call) => call.args), [script.case('tool').arguments]);
});

script.check('tools_parallel', async () => {
  const parallel = script.case('parallel');
  same(callsOf(await ask(parallel.prompt, TOOLS)).map((call) => call.args.city), parallel.cities);
  same(callsOf(...(await stream(parallel.prompt, TOOLS))).map((call) => call.args.city), parallel.cities, 'streamed');
});

script.check('text_and_tool', async () => {
  const answer = await ask(script.case('mixed').prompt, TOOLS);
  same([textOf(answer), callsOf(answer)[0].args.city], [script.case('mixed').text, script.case('mixed').city]);
});

// --- errors

async function errors(call) {
  for (const status of STATUSES) {
    const failing = script.case('error', { status });
    const fault = await raises(ApiError, () => call(failing.prompt));
    same(fault.status, status);
    ok(fault.message.includes(failing.text), fault.message);
  }
}
script.check('error_classes', () => errors(ask));
script.check('error_classes_stream', () => errors(stream));

// --- life of a stream

script.check('cancel_mid_stream', async () => {
  const began = performance.now();
  await take(await running(script.case('slow').prompt), 4);
  endsSoon(began, 'four pieces of a slow answer');
  same((await ask(script.case('plain').prompt)).text, script.case('plain').text, 'the next turn');
});

script.check('cut_stream', () => endsBadly(() => running(script.case('cut').prompt), (answers) => finishes(answers).includes('STOP')));

script.check('concurrent_streams', async () => {
  const names = ['plain', 'unicode'];
  const one = async (number) => {
    const mine = script.case(names[number % names.length]);
    same(textOf(...(await stream(mine.prompt))), mine.text, `stream ${number}`);
  };
  await Promise.all(Array.from({ length: script.concurrency }, (_, number) => one(number)));
});

await script.run();
