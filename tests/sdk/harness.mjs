// What the Node SDK scripts share: options, cases, a list of named checks, a closing count.
// The rules are those of harness.py. SDKs are loaded from $LIP_TOOLS/npm (default: .tools/npm).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const tools = process.env.LIP_TOOLS ?? join(here, '../../.tools');
const cases = JSON.parse(readFileSync(join(here, 'cases.json'), 'utf8'));

/** Loads an SDK by its package name. */
export const sdk = createRequire(join(tools, 'npm/'));

export const THREE_MB = 3_000_000;
export const STATUSES = [400, 401, 403, 404, 413, 429, 500, 503, 529];
export const WEATHER = {
  type: 'object',
  properties: { city: { type: 'string' }, unit: { type: 'string', enum: ['c', 'f'] }, note: { type: 'string' } },
  required: ['city', 'unit'],
  additionalProperties: false,
};
export const BOOK_SCHEMA = {
  type: 'object',
  properties: { title: { type: 'string' }, year: { type: 'integer' }, tags: { type: 'array', items: { type: 'string' } } },
  required: ['title', 'year', 'tags'],
  additionalProperties: false,
};
/** A 1×1 PNG as base64. */
export const GREEN_PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNg+M8AAAICAQB7CYF4AAAAAElFTkSuQmCC';

class Skipped extends Error {}

/** What a request to an upstream of this dialect takes back: [thinking, seal] in order. */
const THOUGHTS = {
  'anthropic-messages': ({ messages }) =>
    messages.flatMap(({ content }) => content).filter(({ type }) => type === 'thinking').map((block) => [block.thinking, block.signature]),
  'openai-responses': ({ input }) =>
    input.filter(({ type }) => type === 'reasoning').map((item) => [item.summary.map(({ text }) => text).join(''), item.encrypted_content]),
  'openai-chat': ({ messages }) => messages.map((m) => [m.reasoning_content ?? m.reasoning, m.reasoning_details?.length ? 'details' : undefined]),
  gemini: ({ contents }) =>
    contents.flatMap(({ parts }) => parts).filter((part) => part.thought || part.thoughtSignature).map((part) => [part.text, part.thoughtSignature]),
};

/** One SDK script: its options and its checks, run in the order they were written. */
export class Script {
  #checks = [];
  #skips;

  constructor(models) {
    const { values } = parseArgs({
      options: {
        base: { type: 'string' },
        key: { type: 'string', default: 'sk-any' },
        'bad-key': { type: 'string', default: '' },
        mode: { type: 'string' },
        direct: { type: 'boolean', default: false },
        model: { type: 'string', default: '' },
        only: { type: 'string', default: '' },
        skip: { type: 'string', default: '{}' },
        upstream: { type: 'string', default: '' },
        seen: { type: 'string', default: '' },
        concurrency: { type: 'string', default: '16' },
      },
    });
    if (!values.base || !['echo', 'upstream'].includes(values.mode)) {
      console.error('usage: node SCRIPT --base http://127.0.0.1:PORT --mode echo|upstream [--key K] [--bad-key K] [--direct]');
      process.exit(2);
    }
    this.args = values;
    this.base = values.base.replace(/\/+$/, '');
    this.mode = values.mode;
    this.model = values.model || models[values.mode];
    this.inPieces = values.upstream !== 'gemini'; // that protocol streams a call's arguments whole
    this.concurrency = Number(values.concurrency);
    this.#skips = new Map(Object.entries(JSON.parse(values.skip)));
  }

  /** One entry of cases.json as the chosen mode sees it; `fill` replaces {name} in its texts. */
  case(name, fill = {}) {
    const filled = (value) =>
      typeof value === 'string' ? Object.entries(fill).reduce((text, [key, put]) => text.replaceAll(`{${key}}`, put), value) : value;
    const entry = Object.fromEntries(Object.entries(cases[name]).map(([key, value]) => [key, filled(value)]));
    const mode = this.mode;
    return {
      ...entry,
      get prompt() {
        if (entry[mode] === undefined) throw new Skipped(`case ${name} has no ${mode} prompt`);
        return entry[mode];
      },
      get after() {
        return entry.after[mode];
      },
    };
  }

  check(name, run) {
    this.#checks.push([name, run]);
  }

  /** A check of something that the stand-in upstream itself does not offer. */
  proxyCheck(name, run) {
    this.check(name, () => {
      if (this.args.direct) throw new Skipped('only through the proxy');
      return run();
    });
  }

  badKey() {
    if (!this.args['bad-key']) throw new Skipped('no --bad-key');
    return this.args['bad-key'];
  }

  /** A prompt that only one conversation has, and its mark. */
  marked(prompt) {
    const mark = `mark-${randomUUID()}`;
    return [this.mode === 'echo' ? prompt : `${prompt} ${mark}`, mark];
  }

  /** The thinking of `turns` turns went back as the upstream had given it, or not at all where its protocol takes none. */
  async checkThoughts(mark, want, turns) {
    if (!this.args.seen) return;
    const answer = await fetch(`${this.args.seen}/__seen?holding=${encodeURIComponent(mark)}`);
    const bodies = await answer.json();
    ok(bodies.length, 'nothing of this conversation reached the upstream');
    const seen = THOUGHTS[this.args.upstream](JSON.parse(bodies.at(-1)));
    const seals = seen.map(([, seal]) => seal).filter(Boolean);
    if (this.args.upstream === 'anthropic-messages') same(seen, Array(turns).fill([want.reasoning, want.signature]), 'thinking taken back');
    else if (this.args.upstream === 'openai-responses') {
      same(seen.map(([text]) => text), Array(turns).fill(want.reasoning), 'reasoning taken back');
      const opened = seals.map((seal) => Buffer.from(seal, 'base64').toString().split(':')[0]);
      same(opened, Array(turns).fill('aimock-encrypted-reasoning'), 'seals taken back');
    } else same(seals, [], 'seals that nobody made');
  }

  async run() {
    const counts = { ok: 0, FAIL: 0, skip: 0 };
    const wanted = this.args.only.split(',').filter(Boolean);
    for (const [name, run] of this.#checks) {
      if (wanted.length && !wanted.some((start) => name.startsWith(start))) continue;
      const began = performance.now();
      const [verdict, note] = await this.#verdict(name, run);
      counts[verdict] += 1;
      const seconds = ((performance.now() - began) / 1000).toFixed(2).padStart(6);
      console.log(`${verdict.padEnd(5)} ${name.padEnd(34)} ${seconds}s ${note}`.trimEnd());
    }
    console.log(`${counts.ok} passed, ${counts.FAIL} failed, ${counts.skip} skipped`);
    process.exit(counts.FAIL || !counts.ok ? 1 : 0);
  }

  async #verdict(name, run) {
    if (this.#skips.has(name)) return ['skip', this.#skips.get(name)];
    try {
      await run();
      return ['ok', ''];
    } catch (fault) {
      if (fault instanceof Skipped) return ['skip', fault.message];
      const script = basename(process.argv[1]);
      const line = String(fault?.stack).split('\n').find((row) => row.includes(script) && row.includes('at '));
      const text = String(fault?.message ?? fault).replaceAll('\n', ' ').slice(0, 400);
      return ['FAIL', `${fault?.constructor?.name}: ${text} [${line?.trim() ?? ''}]`];
    }
  }
}

export const same = (got, want, what = 'value') => assert.deepEqual(got, want, `${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
export const ok = (condition, text) => assert.ok(condition, text);

/** Awaits `run` and returns its error, which must be a `kind`. */
export async function raises(kind, run) {
  let fault;
  try {
    await run();
  } catch (error) {
    fault = error;
  }
  ok(fault !== undefined, `want ${kind.name}, nothing was thrown`);
  if (fault instanceof Skipped) throw fault;
  ok(fault instanceof kind, `want ${kind.name}, got ${fault?.constructor?.name}: ${fault?.message}`);
  return fault;
}

export async function collect(stream) {
  const items = [];
  for await (const item of await stream) items.push(item);
  return items;
}

export async function take(stream, count) {
  const items = [];
  for await (const item of stream) {
    items.push(item);
    if (items.length === count) break;
  }
  return items;
}

export function endsSoon(began, what) {
  const took = (performance.now() - began) / 1000;
  ok(took < 4, `${what} took ${took.toFixed(1)} s: the stream was buffered`);
}

/** Reads a stream that the upstream cuts. It must fail, or end without a sign of success. Returns what came. */
export async function endsBadly(open, finished) {
  const seen = [];
  try {
    for await (const event of await open()) seen.push(event);
  } catch {
    return seen;
  }
  ok(!finished(seen), 'a cut stream was reported as complete');
  return seen;
}
