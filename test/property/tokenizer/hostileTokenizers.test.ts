import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import fc from 'fast-check';
import type { OpenOutcome, OpenRequest } from '../../fixtures/tokenizerOpener.ts';
import { tokenizerFixtures } from '../../fixtures/tokenizerFixtures.ts';
import { jsonMutation, type Mutation } from '../checkpoint/mutations.ts';
import { mutationsOf, propertyOptions } from '../propertyOptions.ts';

const RUNS = mutationsOf(300);
/** Rows of the embedding: more than the tokenizers have, fewer than careless ids. */
const ROWS = 5000;
/** Time after which a tokenizer is left to the product, ms; nearly all take less than a tenth of it. */
const PATIENCE_MS = 400;
/** Time after which the product counts as hanging, ms; its limit is 2 s of processor time. */
const HANG_MS = 60_000;

const { kinds } = tokenizerFixtures();
const folder = mkdtempSync(join(tmpdir(), 'hostile-tokenizer-'));
const program = join(folder, 'opener.cjs');
let opener: ChildProcess | undefined;

before(() => {
  const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  buildSync({
    entryPoints: [
      { in: at('../../fixtures/tokenizerOpener.ts'), out: 'opener' },
      { in: at('../../../src/engine/tokenizer/tokenizerMain.ts'), out: 'tokenizer' },
    ],
    ...{ outdir: folder, outExtension: { '.js': '.cjs' }, bundle: true, platform: 'node' },
    ...{ format: 'cjs', target: 'node20', external: ['tokenizers'], logLevel: 'error' },
  });
  // The bundle lies outside the repository, the native package in it.
  symlinkSync(at('../../../node_modules'), join(folder, 'node_modules'), 'junction');
});
after(() => {
  opener?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Undefined when the process ended or did not answer in time. */
async function ask(
  where: OpenRequest['where'],
  patienceMs: number,
): Promise<OpenOutcome | undefined> {
  const child = (opener ??= fork(program, [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }));
  let timer: NodeJS.Timeout | undefined;
  const outcome = await new Promise<OpenOutcome | undefined>((resolve) => {
    timer = setTimeout(resolve, patienceMs, undefined);
    child.once('exit', resolve.bind(undefined, undefined));
    child.once('message', (message) => {
      resolve(message as OpenOutcome);
    });
    const request: OpenRequest = { folder, vocab: ROWS, text, where };
    child.send(request, () => undefined);
  });
  clearTimeout(timer);
  child.removeAllListeners();
  if (outcome === undefined) {
    child.kill('SIGKILL');
    opener = undefined;
  }
  return outcome;
}

const patterns = [
  ...[
    '(a+)+$',
    '(?:a|aa)+b',
    '(a|a)*b',
    '((a+)+)+c',
    '(.*)*x',
    '(?<x>a)\\k<x>*b',
    '(?:\\w+\\s?)+\\d',
  ],
  ...[
    '',
    '(',
    '[',
    '\\',
    '(?<=a+)b',
    'a{99999}',
    '((a{1000}){1000}){1000}',
    '\\p{Nothing}',
    '(?~a)',
  ],
  ...['\\K', '(?(<x>)a|b)', '\\g<0>', '(*FAIL)', '\\x{110000}', '[z-a]', '(?i)ß', '\u0000'],
];
const nested = (depth: number, key: string, inner: unknown): string =>
  `{"type":"Sequence","${key}":[`.repeat(depth) + JSON.stringify(inner) + ']}'.repeat(depth);

/** Steps that are known to be hard, set into the place of one. */
const step: fc.Arbitrary<Mutation> = fc
  .oneof(
    fc.constantFrom(...patterns).map((Regex) => ({ type: 'Split', pattern: { Regex } })),
    fc
      .constantFrom(...patterns)
      .map((Regex) => ({ type: 'Replace', pattern: { Regex }, content: 'a' })),
    fc.constantFrom(0, 1, -1, 2 ** 63, 1.5).map((length) => ({ type: 'FixedLength', length })),
    fc
      .base64String({ maxLength: 60 })
      .map((map) => ({ type: 'Precompiled', precompiled_charsmap: map })),
    fc.constantFrom('', 'a', 'x'.repeat(100_000)).map((prepend) => ({ type: 'Prepend', prepend })),
    fc
      .constantFrom('', '▁', 'ab', '\ud800')
      .map((replacement) => ({ type: 'Metaspace', replacement })),
    fc.constantFrom('', 'a').map((fixed) => ({
      ...{ type: 'Replace', pattern: { String: fixed }, content: 'y'.repeat(1000) },
    })),
  )
  .chain((value) =>
    fc.constantFrom('normalizer', 'pre_tokenizer').map((field) => (file: Uint8Array) => {
      const json = JSON.parse(new TextDecoder().decode(file)) as Record<string, unknown>;
      json[field] = { behavior: 'Isolated', invert: false, ...value };
      return new TextEncoder().encode(JSON.stringify(json));
    }),
  );
const depth: fc.Arbitrary<Mutation> = fc
  .tuple(fc.constantFrom(3, 60, 130, 5000, 100_000), fc.boolean())
  .map(([levels, first]) => (file) => {
    const [field, key] = first ? ['normalizer', 'normalizers'] : ['pre_tokenizer', 'pretokenizers'];
    const json = JSON.parse(new TextDecoder().decode(file)) as Record<string, unknown>;
    const text = JSON.stringify({ ...json, [field]: '@' });
    return new TextEncoder().encode(text.replace('"@"', nested(levels, key, json[field])));
  });
const fields = [
  ...['version', 'truncation', 'padding', 'added_tokens', 'normalizer', 'pre_tokenizer', 'model'],
  ...['post_processor', 'decoder'],
  ...['type', 'vocab', 'merges', 'unk_token', 'unk_id', 'dropout', 'fuse_unk', 'byte_fallback'].map(
    (field) => `model/${field}`,
  ),
  ...['continuing_subword_prefix', 'max_input_chars_per_word'].map((field) => `model/${field}`),
  ...['type', 'pretokenizers', 'replacement', 'behavior', 'pattern'].map(
    (field) => `pre_tokenizer/${field}`,
  ),
  ...['type', 'normalizers', 'prepend', 'content', 'pattern'].map((field) => `normalizer/${field}`),
];
const mutation = fc.oneof(
  { weight: 10, arbitrary: jsonMutation(fields) },
  { weight: 2, arbitrary: step },
  { weight: 1, arbitrary: depth },
);
/** With a run of a's for the patterns, and ends that nothing matches. */
const text = `${'a'.repeat(3000)} the hen and\nan inn 🙂 <s> ${'ab '.repeat(300)}!`;

test(`${RUNS} spoilt tokenizers encode a text or give one error`, async (t) => {
  const outcomes = { encoded: 0, refused: 0 };
  /** What became of each file, by its hash: many mutations make the same one. */
  const known = new Map<string, OpenOutcome>();
  let hard = 0;
  const kind = fc.constantFrom(...kinds.map(([, { json }]) => json));
  await fc.assert(
    fc.asyncProperty(kind, mutation, async (json, spoil) => {
      const bad = spoil(new TextEncoder().encode(JSON.stringify(json)));
      const hash = createHash('sha256').update(bad).digest('hex');
      let outcome = known.get(hash);
      if (outcome === undefined) {
        writeFileSync(join(folder, 'tokenizer.json'), bad);
        outcome = await ask('here', PATIENCE_MS);
      }
      if (outcome === undefined) {
        hard++;
        outcome = await ask('product', HANG_MS);
      }
      assert.ok(outcome !== undefined, 'the engine died or hangs');
      known.set(hash, outcome);
      if (outcome.kind === 'bug') throw new Error(outcome.message);
      outcomes[outcome.kind]++;
      if (outcome.kind === 'refused') assert.ok(outcome.message.length < 4000);
    }),
    propertyOptions({ numRuns: RUNS }),
  );
  const counts = `${JSON.stringify(outcomes)} of ${known.size} different files`;
  t.diagnostic(`${counts}, ${hard} ended the library or took it too long`);
  assert.ok(Math.min(outcomes.encoded, outcomes.refused) > RUNS / 10, JSON.stringify(outcomes));
  assert.ok(hard > 0, 'none of them was hard on the library');
});
