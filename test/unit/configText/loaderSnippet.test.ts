import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as ort from 'onnxruntime-node';
import ts from 'typescript';
import {
  loaderChoices,
  loaderSnippet,
  type LoaderExports,
} from '../../../src/configText/loaderSnippet.ts';
import { exportOnnx } from '../../../src/engine/export/exportOnnx.ts';
import { OnnxDecoder } from '../../../src/engine/export/onnxDecoder.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { encodeSubnet } from '../../../src/engine/subnet/encode.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';
import { F32, LLAMA, withoutAttention } from '../export/candidates.ts';

const EVERYTHING: LoaderExports = {
  subnet: 'runs/a/export/subnet.json',
  checkpoint: { path: 'runs/a/export/checkpoint', runsOwnCode: true },
  onnx: 'runs/a/export/onnx/model.onnx',
  tokenizer: 'runs/a/export/checkpoint',
};

test('offers what is there, and what the language can load', () => {
  const forms = (language: 'python' | 'typescript', exports: LoaderExports): string[] =>
    loaderChoices(language, exports).map(({ form }) => form);
  assert.deepEqual(forms('python', EVERYTHING), ['transformers', 'onnx', 'masks']);
  assert.deepEqual(forms('typescript', EVERYTHING), ['onnx', 'masks']);
  const bare = { ...EVERYTHING, checkpoint: null, onnx: null };
  assert.deepEqual(forms('python', bare), ['masks']);
});

test('trusts code of the export only where it needs it', () => {
  const snippet = (runsOwnCode: boolean): string => {
    const checkpoint = { path: 'c', runsOwnCode };
    return loaderSnippet('python', 'transformers', { ...EVERYTHING, checkpoint }, '');
  };
  assert.match(snippet(true), /AutoModelForCausalLM\.from_pretrained\(.*trust_remote_code=True\)/);
  // Code that comes with a tokenizer is never the export's own.
  assert.match(snippet(true), /AutoTokenizer\.from_pretrained\(.*trust_remote_code=False\)/);
  assert.doesNotMatch(snippet(false), /trust_remote_code/);
});

test('indents every line but the first and the blank ones', () => {
  const plain = loaderSnippet('python', 'onnx', EVERYTHING, '').split('\n');
  const indented = loaderSnippet('python', 'onnx', EVERYTHING, '\t').split('\n');
  plain.forEach((line, i) => {
    assert.equal(indented[i], i === 0 || line === '' ? line : `\t${line}`);
  });
});

/** What a snippet defines, run as a module would be. */
async function run<T>(snippet: string, name: string): Promise<T> {
  const body = snippet.replace(/^import .* from 'onnxruntime-node';$/m, '');
  const isLeft = /^import \{ readFileSync \}.*$/m;
  const code = `async (ort, readFileSync) => {${body.replace(isLeft, '')}\nreturn ${name}; }`;
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const make = (0, eval)(outputText) as (...parts: unknown[]) => Promise<T>;
  return make(ort, () => subnetText);
}
let subnetText = '';

test('the TypeScript decoder continues text as the engine does', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'loader-'));
  const runtime = new Runtime('cpu', 2);
  try {
    const weights = tinyWeights(LLAMA);
    const masks = randomMasks(weights.shape, 3);
    const gaps = {
      layers: masks.layers.map((mask, l) => (l === 1 ? withoutAttention(mask) : mask)),
    };
    const { path } = await exportOnnx(folder, weights, gaps, F32);
    const snippet = loaderSnippet('typescript', 'onnx', { ...EVERYTHING, onnx: path }, '');
    const generate = await run<(tokens: number[], count: number) => Promise<number[]>>(
      snippet,
      'generate',
    );
    const found = await generate([1, 2, 3], 6);
    const decoder = await OnnxDecoder.open(runtime, path);
    const expected = [1, 2, 3];
    for (let step = 0; step < 6; step++) {
      // Without a cache: what the snippet keeps in its own must not matter.
      const { logits } = await decoder.step([Uint32Array.from(expected)]);
      const last = logits.subarray(-weights.shape.vocab);
      expected.push(last.indexOf(Math.max(...last)));
    }
    await decoder.release();
    assert.deepEqual(found, expected);
  } finally {
    await runtime.release();
    await rm(folder, { recursive: true });
  }
});

test('the TypeScript masks are those of the subnet', async () => {
  const { shape } = tinyWeights(LLAMA);
  const subnet = randomMasks(shape, 5);
  subnetText = JSON.stringify({ subnet: encodeSubnet(subnet) });
  const snippet = loaderSnippet('typescript', 'masks', EVERYTHING, '');
  const kept = await run<{ qk: number[][]; vo: number[][]; mlp: number[] }[]>(snippet, 'kept');
  assert.deepEqual(
    kept,
    subnet.layers.map(({ heads, mlp }) => ({
      qk: heads.map(({ qk }) => [...qk]),
      vo: heads.map(({ vo }) => [...vo]),
      mlp: [...mlp],
    })),
  );
});
