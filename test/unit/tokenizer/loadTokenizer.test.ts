import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { loadTokenizer, type TextTokenizer } from '../../../src/engine/tokenizer/loadTokenizer.ts';
import { writeTinyModel } from '../../fixtures/tinyModel.ts';
import { encodeWhole, MANY_ROWS, writeFolder } from '../../fixtures/tokenizerFolder.ts';
import { tinyTokenizer } from '../../fixtures/tinyTokenizer.ts';

type Json = Record<string, unknown>;

const tinyJson = (): Json => tinyTokenizer(96)['tokenizer.json'] as Json;

/** The tiny tokenizer with a pattern that takes exponential time on a's that no b follows. */
function catastrophic(): Json {
  const split = { type: 'Split', pattern: { Regex: '(?:a|aa)+b' }, behavior: 'Isolated' };
  const steps = [{ ...split, invert: false }, tinyJson()['pre_tokenizer']];
  return { ...tinyJson(), pre_tokenizer: { type: 'Sequence', pretokenizers: steps } };
}

/** A pattern that takes a billion steps, but never many at one place. */
function slow(): Json {
  const json = catastrophic();
  const [split] = (json['pre_tokenizer'] as { pretokenizers: Json[] }).pretokenizers;
  split!['pattern'] = { Regex: '(?<one>a)\\k<one>*b' };
  return json;
}

const opened: TextTokenizer[] = [];
async function load(folder: string, vocab = 96): Promise<TextTokenizer> {
  const tokenizer = await loadTokenizer(folder, vocab);
  opened.push(tokenizer);
  return tokenizer;
}
after(() => {
  for (const tokenizer of opened) tokenizer.release();
});

describe('loadTokenizer', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
    await writeTinyModel(folder);
  });
  after(() => rm(folder, { recursive: true }));

  test('encodes a text as the library does, without special tokens', async () => {
    const tokenizer = await load(folder);
    const text = 'the hen and an inn\non the  hill. ';
    assert.deepEqual([...(await tokenizer.encode(text))], await encodeWhole(tinyJson(), text));
    assert.equal((await tokenizer.encode('')).length, 0);
  });

  test('takes a text in chunks that end anywhere, and reads no more than it needs', async () => {
    const tokenizer = await load(folder);
    const text = 'the hen and an inn 🙂 on the hill. '.repeat(3000);
    const all = await tokenizer.encode(text);
    let read = 0;
    function* chunks(): Generator<string> {
      for (let start = 0; start < text.length; start += 997) {
        read++;
        yield text.slice(start, start + 997);
      }
    }
    assert.deepEqual(await tokenizer.encode(chunks()), all);
    read = 0;
    assert.deepEqual(await tokenizer.encode(chunks(), { most: 100 }), all.subarray(0, 100));
    assert.ok(read < 20, `${read} chunks were read for 100 tokens`);
  });

  test('answers questions in their order when several are asked at once', async () => {
    const tokenizer = await load(folder);
    const texts = ['the hen', 'an inn', 'on the hill '.repeat(2000)];
    const together = await Promise.all(texts.map((text) => tokenizer.encode(text)));
    for (const [i, text] of texts.entries()) {
      assert.deepEqual(together[i], await tokenizer.encode(text));
    }
  });

  test('refuses a tokenizer made for a larger vocabulary', async () => {
    await assert.rejects(
      load(folder, 80),
      (error) =>
        isEngineError(error, 'tokenizer') &&
        error.problem.expected.includes("below the model's 80"),
    );
  });

  test('refuses a text whose added tokens have no row in the embedding', async () => {
    const json = tinyJson();
    const [first] = json['added_tokens'] as Json[];
    (json['added_tokens'] as Json[]).push({ ...first, id: 96, content: '<pad>' });
    const tokenizer = await load(writeFolder({ 'tokenizer.json': json }));
    assert.equal((await tokenizer.encode('the')).length, 2);
    await assert.rejects(
      tokenizer.encode('the <pad>'),
      (error) => isEngineError(error, 'tokenizer') && error.problem.found === 'the id 96',
    );
  });

  test('stops encoding a long text when asked to, and encodes again afterwards', async () => {
    const tokenizer = await load(folder);
    const controller = new AbortController();
    const { signal } = controller;
    const encoding = tokenizer.encode('the hen '.repeat(100_000), { signal });
    setTimeout(() => {
      controller.abort();
    }, 20);
    await assert.rejects(encoding, (error) => isEngineError(error, 'cancelled'));
    assert.equal((await tokenizer.encode('the')).length, 2);
  });

  test('may be used after a release, but not with changed files', async () => {
    const dir = writeFolder({ 'tokenizer.json': tinyJson() });
    const tokenizer = await load(dir);
    tokenizer.release();
    assert.equal((await tokenizer.encode('the')).length, 2);
    tokenizer.release();
    await writeFile(join(dir, 'tokenizer.json'), `${JSON.stringify(tinyJson())} `);
    await assert.rejects(
      tokenizer.encode('the'),
      (error) => isEngineError(error, 'tokenizer') && error.problem.found === 'a changed file',
    );
  });

  test('does not keep its process alive', async () => {
    const main = fileURLToPath(new URL('../../fixtures/tokenizerLoader.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', main, folder],
      // Far below the time after which an idle tokenizer ends by itself.
      { timeout: 25_000 },
    );
    assert.equal(stdout, '2 tokens\n');
  });
});

describe('a file that the library cannot bear costs one error', () => {
  const cases: [string, Json, string, RegExp][] = [
    ['a pattern that takes for ever', catastrophic(), 'a'.repeat(5000), /a pattern that takes/],
    ['a pattern that takes too long', slow(), 'a'.repeat(100_000), /more than 3\.0 s for 100000/],
    [
      'a step that makes the text a million times longer',
      {
        ...tinyJson(),
        normalizer: {
          type: 'Sequence',
          normalizers: new Array(40).fill({
            ...{ type: 'Replace', pattern: { String: 'a' }, content: 'aa' },
          }),
        },
      },
      'a',
      /more than/,
    ],
    [
      'a step that makes the library fail',
      { ...tinyJson(), pre_tokenizer: { type: 'FixedLength', length: 0 } },
      'the',
      /chunk size must be non-zero/,
    ],
  ];
  for (const [what, json, text, says] of cases) {
    test(`for ${what}`, async () => {
      const tokenizer = await load(writeFolder({ 'tokenizer.json': json }), MANY_ROWS);
      const start = performance.now();
      await assert.rejects(
        tokenizer.encode(text),
        (error) => isEngineError(error, 'tokenizer') && says.test(error.message),
      );
      // The limit of 2 s counts processor time; the rest is for a machine that does other things.
      assert.ok(performance.now() - start < 20_000);
      assert.equal((await tokenizer.encode('')).length, 0);
    });
  }

  test('while other work goes on', async () => {
    const tokenizer = await load(writeFolder({ 'tokenizer.json': slow() }), MANY_ROWS);
    let turns = 0;
    const timer = setInterval(() => turns++, 10);
    try {
      await assert.rejects(tokenizer.encode('a'.repeat(100_000)));
    } finally {
      clearInterval(timer);
    }
    assert.ok(turns > 20, `${turns} turns in more than a second`);
  });
});

describe('loadTokenizer gives one clear error', () => {
  const broken: [string, Json | string][] = [
    ['no JSON', '{'],
    ['a list', '[]'],
    ['an empty object', {}],
    ['no vocabulary', { ...tinyJson(), model: { type: 'BPE' } }],
    ['no merges', { ...tinyJson(), model: { type: 'BPE', vocab: { a: 0 } } }],
    ['an id that is no number', { ...tinyJson(), model: { vocab: { a: 'b' }, merges: [] } }],
    ['an enormous id', { ...tinyJson(), model: { vocab: { a: 4_000_000_000 }, merges: [] } }],
    ['an enormous added id', { ...tinyJson(), added_tokens: [{ id: 4e9, content: 'x' }] }],
    ['added tokens that are no list', { ...tinyJson(), added_tokens: {} }],
    ['a map of characters that is none', precompiled('AAAAAAAA')],
    ['lists that are too deep', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
  ];
  for (const [what, content] of broken) {
    test(`for ${what}`, async () => {
      const dir = writeFolder({ 'tokenizer.json': content });
      await assert.rejects(load(dir), (error) => isEngineError(error, 'tokenizer'));
    });
  }

  test('for a missing file and a link that leads nowhere, while one to a file is followed', async () => {
    const dir = writeFolder({});
    const other = writeFolder({ 'tokenizer.json': tinyJson() });
    const link = join(dir, 'tokenizer.json');
    await assert.rejects(load(dir), (error) => isEngineError(error, 'tokenizer'));
    await symlink(join(other, 'no such file'), link);
    await assert.rejects(load(dir), (error) => isEngineError(error, 'tokenizer'));
    await rm(link);
    // As in a download cache.
    await symlink(join(other, 'tokenizer.json'), link);
    assert.equal((await (await load(dir)).encode('the')).length, 2);
  });
});

function precompiled(map: string): Json {
  return { ...tinyJson(), normalizer: { type: 'Precompiled', precompiled_charsmap: map } };
}
