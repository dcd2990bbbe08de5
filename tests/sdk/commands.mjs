// In-chat commands through the official Node SDKs, on all four frontends, streamed and not.
//
// node commands.mjs --base http://127.0.0.1:8000 --mode upstream --seen http://127.0.0.1:8001

import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { Script, ok, same } from './harness.mjs';
import { TALKS } from './talks.mjs';

const SAID = JSON.parse(readFileSync(new URL('commands.json', import.meta.url), 'utf8'));
const script = new Script({ echo: '', upstream: '' });
const [PLAIN, TOOL] = [script.case('plain'), script.case('tool')];
const { Gemini, Messages } = TALKS;

async function upstreamBodies(mark, path = '') {
  const answer = await fetch(`${script.args.seen}/__seen?${new URLSearchParams({ holding: mark, path })}`);
  return answer.json();
}

/** A frontend whose provider is not the one that `talk` names. */
const elsewhere = (talk) => (talk instanceof Messages ? Gemini : Messages);
const counts = async (talk, mark) => [
  (await upstreamBodies(mark, talk.constructor.path)).length,
  (await upstreamBodies(mark, elsewhere(talk).path)).length,
];

async function everyCommand(talk, mark) {
  let known = [];
  const asked = new Set();
  for (const [words, want] of SAID.said) {
    const text = await talk.say(words.replaceAll('{mark}', mark));
    ok(text.includes(want.replaceAll('{mark}', mark)), `${words}: ${text}`);
    for (const [, name] of words.matchAll(/!\/([a-z-]+)/g)) asked.add(name);
    if (words === '!/help') known = [...text.matchAll(/^\s*!\/([a-z-]+)/gm)].map(([, name]) => name);
  }
  ok(known.length > 20, `${known}`);
  same(known.filter((name) => !asked.has(name)), [], 'commands of !/help that commands.json does not say');
  same(await upstreamBodies(mark), [], 'what reached the upstream');
}

async function switchAndUnset(talk, mark) {
  const name = elsewhere(talk).home.split(':')[0];
  async function where(words) {
    const before = await counts(talk, mark);
    same(await talk.say(`${PLAIN.prompt} ${mark} ${words}`), PLAIN.text);
    return (await counts(talk, mark)).map((now, at) => now - before[at]);
  }
  same(await where('one'), [1, 0]);
  same(await talk.say(`!/backend(${name})`), `Backend: ${name}`);
  same([await where('two'), await where('three')], [[0, 1], [0, 1]], 'after the switch');
  ok((await talk.say('!/unset(backend)')).includes('unset'), 'unset');
  same(await where('four'), [1, 0], 'after unset');
}

async function oneOffIsUsedByASuccessOnce(talk, mark) {
  const { home } = elsewhere(talk);
  ok((await talk.say(`!/oneoff(${home})`)).includes(home), home);
  await talk.tryToSay(`CASE-ERROR-400 ${mark}`);
  for (let n = 0; n < 2; n += 1) same(await talk.say(`${PLAIN.prompt} ${mark}`), PLAIN.text);
  same(await counts(talk, mark), [1, 2], 'turns at home and there');
}

async function agentOfTwentyTurns(talk, mark) {
  const local = [];
  for (let turn = 0; turn < 20; turn += 1) {
    talk.streamed = turn % 2 === 0;
    if (turn % 3 === 1) local.push(await talk.say(SAID.between_turns[local.length].replace('{elsewhere}', elsewhere(talk).home)));
    const words = `${TOOL.prompt} ${mark} turn ${turn}`;
    const said = { 2: `${words}\n!/set(project=p${turn})`, 3: `!/reasoning-effort(low)\n${words}` }[turn % 4] ?? words;
    talk.history.push(talk.user(said));
    const [, calls] = await talk.ask();
    same(calls.map(({ name }) => name), ['get_weather']);
    talk.history.push(talk.result(calls[0], SAID.tool_result));
    same((await talk.ask())[0], TOOL.after, `turn ${turn}`);
  }
  const bodies = await upstreamBodies(mark);
  same([local.length, bodies.length], [7, 40], 'local answers and requests');
  same((await counts(talk, mark))[1], 1, 'one-off turns');
  const quoted = JSON.stringify(SAID.tool_result).slice(1, -1);
  for (const body of bodies) {
    // One provider gets results as JSON within JSON.
    const rest = body.replaceAll(JSON.stringify(quoted).slice(1, -1), '').replaceAll(quoted, '');
    ok(!rest.includes('!/'), rest.slice(Math.max(0, rest.indexOf('!/') - 100)).slice(0, 300));
    for (const text of local) ok(!body.includes(JSON.stringify(text).slice(1, -1)), `an answer of LIP went on: ${text}`);
  }
  for (let turn = 0; turn < 20; turn += 1) ok(bodies.at(-1).includes(`turn ${turn}`), 'the conversation lost turns');
  same(bodies.at(-1).split(quoted).length - 1, 20, 'tool results');
}

const EACH_WAY = {
  every_command: everyCommand,
  switch_and_unset: switchAndUnset,
  one_off_is_used_by_a_success_once: oneOffIsUsedByASuccessOnce,
};
const check = (Kind, way, name, run) =>
  script.check(`${Kind.title}_${way}_${name}`, () => run(new Kind(script, way === 'stream'), `mark-${randomUUID()}`));
for (const Kind of Object.values(TALKS)) {
  for (const [name, run] of Object.entries(EACH_WAY)) {
    check(Kind, 'whole', name, run);
    check(Kind, 'stream', name, run);
  }
  check(Kind, 'mixed', 'agent_of_twenty_turns', agentOfTwentyTurns);
}
await script.run();
