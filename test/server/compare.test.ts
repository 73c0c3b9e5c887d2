import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { comparisonsIn } from '../../src/dashboard/reader/comparisons.ts';
import type { CompareRow } from '../../src/protocol/compareRow.ts';
import type { ComparisonTable } from '../../src/protocol/comparisonTable.ts';
import { writeTinyRun } from '../pipeline/tinyRun.ts';
import { bundleService } from '../service/bundleService.ts';
import { bundleEngine } from './bundleEngine.ts';

// The real program and the real engine process on the tiny model, stopped in the ways people stop.
const root = realpathSync(mkdtempSync(join(tmpdir(), 'subnet-compare-')));
bundleService(root);
const program = bundleEngine(root, '../../src/cli/main', 'cli');
const limits = { timeout: 60_000 };
/** Rows of a comparison that nothing interrupted. */
let expected: unknown;
let expectedTable: unknown;

before(async () => {
  const section = { patterns: ['2:4', '50%'], scopes: ['mlp' as const], structured: [] };
  await writeTinyRun(join(root, 'source'), { compare: section });
  const whole = await compare(copy('whole'), ['--json']);
  assert.equal(whole.code, 0, whole.err);
  const rows = JSON.parse(whole.out) as CompareRow[];
  assert.equal(rows.length, 11);
  expected = rows.map(timeless);
  expectedTable = timelessTable(tableOf(join(root, 'whole')));
});
after(() => {
  rmSync(root, { recursive: true, force: true });
});

describe('subnet compare', () => {
  it('stopped by Ctrl-C goes on by the same command, and ends the same', limits, async () => {
    const folder = copy('stopped');
    const stopped = await compare(folder, ['--json'], {
      at: 'wanda',
      act: ({ kill }) => kill('SIGINT'),
    });
    assert.equal(stopped.code, 130, stopped.err);
    assert.match(
      stopped.err,
      /\n {2}mlp {2}2:4 +wanda +perplexity [\d.]+ {2}\(3 of 11, .* left\)\n/,
    );
    assert.match(stopped.err, /Stopping at the next block/);
    assert.match(stopped.err, /Give the same command again: finished rows are kept/);
    const half = tableOf(folder);
    assert.equal(half.state, 'stopped');
    assert.ok(half.rows.length >= 3 && half.rows.length < 11, String(half.rows.length));
    const again = await compare(folder, ['--json']);
    assert.equal(again.code, 0, again.err);
    assert.deepEqual((JSON.parse(again.out) as CompareRow[]).map(timeless), expected);
    assert.deepEqual(timelessTable(tableOf(folder)), expectedTable);
  });

  it('whose engine is killed goes on too', limits, async () => {
    const folder = copy('killed');
    const killed = await compare(folder, [], {
      at: 'sparsegpt',
      act: () => process.kill(ownerOf(folder), 'SIGKILL'),
    });
    assert.equal(killed.code, 1);
    assert.match(
      killed.err,
      /SIGKILL[^]*What it finished is on disk: continue with the same command/,
    );
    assert.equal(tableOf(folder).state, 'stopped');
    const again = await compare(folder, ['--csv']);
    assert.equal(again.code, 0, again.err);
    assert.equal(again.out.trimEnd().split('\r\n').length, 1 + 11);
    assert.deepEqual(timelessTable(tableOf(folder)), expectedTable);
  });

  // Windows cannot halt a process.
  const halting = { ...limits, skip: process.platform === 'win32' };
  it('is refused while another one is at work on it', halting, async () => {
    const folder = copy('twice');
    let second: Promise<Ended> | undefined;
    const first = await compare(folder, ['--markdown'], {
      at: 'dense',
      act: () => {
        process.kill(ownerOf(folder), 'SIGSTOP');
        second = compare(folder, []).finally(() => {
          process.kill(ownerOf(folder), 'SIGCONT');
        });
      },
    });
    const { code, err } = (await second)!;
    assert.equal(code, 1);
    assert.match(err, /compare\/\w+ is in use by process \d+\.\n {2}Wait for it/);
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /^# tiny\n\n.*Dense: [\d.]+\.\n/);
    assert.match(first.out, /\n\n## MLP only\n\n\| Method \| 2:4 \| 50% \|\n/);
  });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** What to do once the program has said something. */
interface Disturbance {
  readonly at: string;
  readonly act: (child: { kill: (signal: NodeJS.Signals) => unknown }) => unknown;
}

function compare(
  folder: string,
  args: readonly string[],
  disturbance?: Disturbance,
): Promise<Ended> {
  const env = { PATH: process.env.PATH, LANG: 'C' };
  const config = join(folder, 'tiny.subnet.jsonc');
  const child = spawn(process.execPath, [program, 'compare', config, ...args], { env });
  let [out, err] = ['', ''];
  let waiting = disturbance;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    if (waiting === undefined || !err.includes(waiting.at)) return;
    const { act } = waiting;
    waiting = undefined;
    act({ kill: (signal) => child.kill(signal) });
  });
  return new Promise((resolve) => {
    child.once('close', (code) => {
      resolve({ code, out, err });
    });
  });
}

/** The same config, text and model in a folder of its own, without what was compared. */
function copy(name: string): string {
  const folder = join(root, name);
  cpSync(join(root, 'source'), folder, { recursive: true });
  return folder;
}

function tableOf(folder: string): ComparisonTable {
  const [only, ...others] = comparisonsIn(folder);
  assert.ok(only !== undefined && 'table' in only && others.length === 0);
  return only.table;
}

/** Process of the engine that is at work on the comparison of a folder. */
function ownerOf(folder: string): number {
  const [only] = comparisonsIn(folder);
  const lock = readFileSync(join(only!.folder, 'lock.json'), 'utf8');
  return (JSON.parse(lock) as { pid: number }).pid;
}

function timeless(row: CompareRow): unknown {
  return { ...row, seconds: 0 };
}

function timelessTable(table: ComparisonTable): unknown {
  const rest = { configPath: '', startedMs: 0, updatedMs: 0 };
  return { ...table, ...rest, rows: table.rows.map(timeless) };
}
