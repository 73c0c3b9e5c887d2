import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRunFolder } from '../../src/engine/runs/runFolder.ts';
import { runsRootOf } from '../../src/engine/runs/runLayout.ts';
import { someManifest } from '../fakes/runManifest.ts';
import { bundleEngine } from './bundleEngine.ts';

// The real program and a real second process; only the engine behind it is a stand-in.
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'subnet-cli-')));
const program = bundleEngine(folder, '../../src/cli/main', 'cli');
bundleEngine(folder, 'standInEngine', 'engine');

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const limits = { timeout: 60_000 };
const commands = ['run', 'resume', 'evaluate', 'compare', 'export', 'inspect', 'devices', 'runs'];

test('help names every command, its exit codes, and gives examples', limits, async () => {
  const { code, out } = await subnet(['--help']);
  assert.equal(code, 0);
  for (const command of commands) assert.match(out, new RegExp(`^  ${command} `, 'm'));
  assert.match(out, /Exit codes:/);
});

test('help of every command gives an example, --json, and fits 80 columns', limits, async () => {
  const helps = await Promise.all(commands.map((command) => subnet([command, '--help'])));
  for (const { code, out } of helps) {
    assert.equal(code, 0);
    assert.match(out, /Examples?:\n {2}\$ subnet|Examples?:\n[^]*\$ subnet/);
    assert.match(out, /--json/);
    for (const line of out.split('\n')) assert.ok(line.length <= 80, line);
  }
});

const usage: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['an unknown command', ['rum'], /unknown command 'rum'[^]*Did you mean run/],
  ['a missing config', ['run'], /missing required argument 'config'/],
  ['an unknown option', ['run', 'good', '--sed', '1'], /unknown option '--sed'[^]*--seed/],
  ['a seed that is none', ['run', 'good', '--seed', '1.5'], /whole number/],
  ['a device that is none', ['run', 'good', '--device', 'gpu'], /Allowed choices are auto, cpu/],
  ['evaluate without a text', ['evaluate', 'm'], /'--text <file>' not specified/],
  ['no command at all', [], /Usage: subnet/],
];
for (const [name, args, pattern] of usage) {
  test(`exits 2 on ${name}`, limits, async () => {
    const { code, err } = await subnet(args);
    assert.equal(code, 2);
    assert.match(err, pattern);
  });
}

test('run ends with the table, and with --json with exactly one JSON value', limits, async () => {
  const plain = await subnet(['run', 'good']);
  assert.equal(plain.code, 0);
  const [titles = '', rule = '', ...rows] = plain.out.trimStart().split('\n');
  assert.match(titles, /^model +params +blocks +ppl +disk +prefill +decode$/);
  assert.match(rows[4] ?? '', /^reformed +700 k +70\.0% +350 k +70\.0% +12\.00 /);
  assert.ok(rule.length <= 80);
  const ends = new Set([titles, ...rows.slice(0, 5)].map((line) => line.length));
  assert.equal(ends.size, 1, 'right-aligned columns end at one place');

  const json = await subnet(['run', 'good', '--json', '--out', 'elsewhere']);
  const value = JSON.parse(json.out) as Record<string, unknown>;
  assert.deepEqual(Object.keys(value), [
    'dense',
    'initialised',
    'searched',
    'reformed',
    'sparse',
    'quantised',
    'random',
    'runFolder',
    'exports',
    'reforms',
  ]);
  assert.deepEqual(Object.keys(value.dense as object), [
    'params',
    'blockParams',
    'perplexity',
    'lossNats',
    'bytes',
    'prefillMs',
    'decodeMs',
    'peakBytes',
    'timing',
    'evaluatedOn',
  ]);
  assert.equal(value.runFolder, join(folder, 'elsewhere', 'stand-in'));
  assert.equal(json.out.trimEnd().split('\n').length, 1);
});

test('without a terminal, progress is plain lines on stderr', limits, async () => {
  const { err } = await subnet(['run', 'good']);
  assert.match(err, /generation 1: best 19\.00, median 25\.00/);
  assert.match(err, /\* search +0 s/, 'ASCII in a C locale');
  assert.doesNotMatch(err, /[\u001b\r]/);
});

test('an expected error is a sentence and what to do, and its own exit code', limits, async () => {
  const { code, out, err } = await subnet(['run', 'broken', '--json']);
  assert.equal(code, 2);
  const sentence = 'a.subnet.jsonc:2:10: "ratio" must be a number above 0 and at most 1, not 7.';
  assert.ok(err.endsWith(`\nerror: ${sentence}\n  Correct the config.\n`), err);
  assert.doesNotMatch(err, / at .*\.ts/, 'no stack');
  assert.equal((JSON.parse(out) as { error: { code: string } }).error.code, 'config');
});

test('a bug is told as one, with the stack it had in the engine', limits, async () => {
  const { code, err } = await subnet(['run', 'bug']);
  assert.equal(code, 1);
  assert.match(err, /this is a bug in Subnet Studio\n {2}TypeError: undefined is not a subnet/);
  assert.match(err, /Please report it/);
});

test('a crash of the engine is told with how to go on', limits, async () => {
  const { code, err } = await subnet(['run', 'crash']);
  assert.equal(code, 1);
  assert.match(err, /SIGABRT[^]*terminate called[^]*subnet resume .*stand-in/);
});

test('an export that does not match exits 3', limits, async () => {
  const { code, err } = await subnet(['export', 'mismatch']);
  assert.equal(code, 3);
  assert.match(
    err,
    /error: model\.onnx differs from the searched model: a logit by 0\.5\.\n {2}Report/,
  );
});

test('evaluate names an infinite perplexity, and tells speed against dense', limits, async () => {
  const { out } = await subnet(['evaluate', 'loud', '--text', 't']);
  assert.match(out, /perplexity {4}infinite\nmean loss {5}1234\.5000 nats/);
  assert.match(out, /prefill {7}1\.00 ms for 256 tokens, 2\.00 times as fast as dense\n/);
  assert.match(out, /decode {8}0\.10 ms for a token, no difference to dense seen\n/);
  assert.match(out, /peak memory {3}5\.00 MB\n/);
});

test(
  'an evaluation that cannot be timed gives its perplexity, says why and exits 1',
  limits,
  async () => {
    const plain = await subnet(['evaluate', 'full', '--text', 't']);
    assert.equal(plain.code, 1);
    assert.match(plain.out, /perplexity {4}12\.50[^]*not measured {2}size, speed and memory/);
    assert.match(plain.err, /error: The disk is full: model\.onnx\.data .*\n {2}Free space/);
    const json = await subnet(['evaluate', 'full', '--text', 't', '--json']);
    assert.equal(json.code, 1);
    const value = JSON.parse(json.out) as Record<string, unknown>;
    assert.equal(value.perplexity, 12.5);
    assert.equal(value.prefillMs, null);
    assert.equal((value.notMeasured as Record<string, string>).found, 'a full disk');
  },
);

test(
  'times that cannot be told from the dense model’s are not shown as figures',
  limits,
  async () => {
    const { out } = await subnet(['run', 'good']);
    const [dense = '', ...others] = out
      .split('\n')
      .filter((line) => /^\w+ +[\d.]+ [kM] /.test(line));
    assert.match(dense, / 100 ms +10\.0 ms$/);
    for (const row of others) assert.match(row, / 70\.0 ms +[=] dense$/);
    assert.match(
      out,
      /\nTimes: medians of 15 rounds in turns, cpu, 2 threads, 2026-1\d-\d\d \d\d:\d\d\.\n/,
    );
    assert.match(out, /\n= dense: no difference to the dense model was seen\.\n/);
  },
);

test('Ctrl-C stops in good order, says how to go on, and exits 130', limits, async () => {
  const { code, err } = await subnet(['run', 'slow'], ['search']);
  assert.equal(code, 130);
  assert.match(err, /Press Ctrl-C again/);
  assert.match(err, new RegExp(`subnet resume ${join(folder, 'stand-in')}`));
});

test('a second Ctrl-C ends an engine that does not listen', limits, async () => {
  const { code, err } = await subnet(['run', 'hang'], ['search', 'Press Ctrl-C again']);
  assert.equal(code, 130);
  assert.match(err, /Continue with: subnet resume/);
});

test('evaluate, export, inspect and devices print text or one JSON value', limits, async () => {
  for (const [args, text] of [
    [
      ['evaluate', 'm', '--text', 't'],
      /perplexity {4}12\.50\nmean loss {5}2\.5257 nats\nevaluated on {2}2047 tokens/,
    ],
    [['compare', 'c.subnet.jsonc'], /wanda +26\.20\ndass +25\.80\*\nkept +50\.0%/],
    [
      ['export', 'r', '--form', 'onnx'],
      /onnx +.*\n +1\.40 kB, prefill 1\.00 ms.*\n +Verified when written, on 64 tokens: logits differ by 5e-6/,
    ],
    [['inspect', 'm'], /mlp +16 +400 +yes\nembedding +- +400 +no/],
    [['devices'], /\* cpu +yes +100 +The only one\./],
  ] as const) {
    const plain = await subnet(args);
    assert.equal(plain.code, 0, plain.err);
    assert.match(plain.out, text);
    const json = await subnet([...args, '--json']);
    assert.doesNotThrow(() => JSON.parse(json.out) as unknown, json.out);
  }
});

test('runs lists good and damaged runs', limits, async () => {
  const root = runsRootOf(join(folder, 'lists'));
  createRunFolder(root, someManifest()).close();
  mkdirSync(join(root, 'torn'));
  writeFileSync(join(root, 'torn', 'manifest.json'), '{');
  const { code, out } = await subnet(['runs', 'lists']);
  assert.equal(code, 0);
  assert.match(out, /demo-1 +queued +0\.70 +- +-\ntorn +unreadable/);
  assert.match(out, /torn: .*is not JSON/);
  const json = JSON.parse((await subnet(['runs', 'lists', '--json'])).out) as unknown[];
  assert.equal(json.length, 2);
});

test('Ctrl-C while the engine is still starting stops too, and exits 130', limits, async () => {
  const child = spawn(process.execPath, [program, 'run', 'slow'], {
    cwd: folder,
    env: { PATH: process.env.PATH, LANG: 'C' },
    detached: true,
  });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  // As a terminal does it: to the whole group, again and again until one comes before the handshake.
  const timer = setInterval(() => process.kill(-child.pid!, 'SIGINT'), 150);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(timer);
  assert.ok(code === 130 || child.signalCode === 'SIGINT', err);
  assert.doesNotMatch(err, /bug|signal/, err);
});

test('a reader that goes away does not stop the work', limits, async () => {
  const log = join(folder, 'stand-in', 'log.txt');
  rmSync(log, { force: true });
  const child = spawn(process.execPath, [program, 'run', 'good', '--json'], {
    cwd: folder,
    env: { PATH: process.env.PATH, LANG: 'C' },
  });
  child.stdout.destroy();
  child.stderr.destroy();
  const code = await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(code, 0);
  assert.match(readFileSync(log, 'utf8'), /done/);
});

/** Runs the program; each text of `interruptAt` that shows up on stderr is answered by Ctrl-C. */
function subnet(args: readonly string[], interruptAt: readonly string[] = []): Promise<Ended> {
  const env = { PATH: process.env.PATH, LANG: 'C' };
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, env });
  const waiting = [...interruptAt];
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    if (waiting[0] === undefined || !err.includes(waiting[0])) return;
    waiting.shift();
    child.kill('SIGINT');
  });
  return new Promise((resolve) => {
    child.once('close', (code) => {
      resolve({ code, out, err });
    });
  });
}
