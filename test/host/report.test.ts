import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import '../fakes/useVscode.ts';
import { cancelled, EngineError } from '../../src/protocol/errors.ts';

const vscode = await import('../fakes/vscode.ts');
const { messageOf, placeOf, Reporter } = await import('../../src/host/report.ts');
const { requireTrust, requireDisk, TrustError } = await import('../../src/host/trust.ts');
const { fake } = vscode;

let nowMs = 0;
const reporter = (): InstanceType<typeof Reporter> =>
  new Reporter(vscode.window.createOutputChannel() as never, () => nowMs);
const problem = {
  ...{ what: 'The text', expected: 'words', found: 'none', action: 'Write some.' },
  sentence: 'The text has no words.',
};

beforeEach(() => {
  vscode.reset();
  nowMs = 0;
});

describe('telling of errors', () => {
  it('says what is wrong and what to do, with a way to the log', async () => {
    await reporter().report(new EngineError('text', problem));
    const [shown] = fake.messages;
    assert.equal(shown?.text, 'The text has no words. Write some.');
    assert.deepEqual(shown?.buttons, ['Copy Diagnostics', 'Show Log']);
    assert.equal(fake.logged.length, 1);
  });

  it('speaks of commands of the editor where the engine speaks of its command line', () => {
    const error = new EngineError('run', {
      ...problem,
      action: 'What it finished is on disk: continue with "subnet resume RUN".',
    });
    assert.match(messageOf(error), /continue with the command Resume\.$/);
    assert.doesNotMatch(messageOf(error), /subnet resume/);
  });

  it('says of a bug that it is one', () => {
    assert.match(
      messageOf(new TypeError('x is undefined')),
      /bug in Subnet Studio: x is undefined/,
    );
  });

  it('says nothing when the user changed their mind', async () => {
    await reporter().report(cancelled());
    assert.deepEqual([fake.messages, fake.logged], [[], []]);
  });

  it('leads to the line of a config that is wrong', async () => {
    fake.presses = ['Open Config'];
    const what = '/project/a.subnet.jsonc:4:12 "ratio"';
    await reporter().report(new EngineError('config', { ...problem, what }));
    assert.deepEqual(fake.opened, ['/project/a.subnet.jsonc']);
    assert.deepEqual(placeOf(new EngineError('config', { ...problem, what })), {
      ...{ path: '/project/a.subnet.jsonc', line: 4, column: 12 },
    });
    const list =
      '2 problems in /p/a.subnet.jsonc:\n  7:3 ratio: too large\n  8:1 text is missing\n';
    const shown = new EngineError('config', {
      ...problem,
      what: '/p/a.subnet.jsonc',
      sentence: list,
    });
    await reporter().report(shown);
    assert.equal(
      fake.messages.at(-1)?.text,
      '2 problems in /p/a.subnet.jsonc: 7:3 ratio: too large. And 1 more. Write some.',
    );
    assert.deepEqual(fake.messages.at(-1)?.buttons, ['Open Config', 'Show Problems', 'Show Log']);
    const several = { ...problem, what: '/p/a.subnet.jsonc', found: '2 problems\n  7:3 "x": …' };
    assert.deepEqual(placeOf(new EngineError('config', several)), {
      ...{ path: '/p/a.subnet.jsonc', line: 7, column: 3 },
    });
  });

  it('shows one message at a time, and a second one when nobody closed the first', () => {
    const one = reporter();
    const never = new Promise<string | undefined>(() => undefined);
    const show = vscode.window.showErrorMessage;
    const shown: string[] = [];
    vscode.window.showErrorMessage = (text: string) => {
      shown.push(text);
      return never;
    };
    try {
      void one.report(new Error('first'));
      void one.report(new Error('second'));
      nowMs = 20_000;
      void one.report(new Error('third'));
      void one.report(new Error('third'));
    } finally {
      vscode.window.showErrorMessage = show;
    }
    assert.deepEqual(
      shown.map((text) => text.split(': ')[1]),
      ['first', 'third'],
    );
    assert.equal(fake.logged.length, 4, 'all of them are in the log');
  });
});

describe('trust', () => {
  it('is demanded in code, and the message leads to where it is given', async () => {
    fake.isTrusted = false;
    assert.throws(() => requireTrust(), TrustError);
    fake.presses = ['Manage Trust'];
    await reporter().report(new TrustError());
    assert.deepEqual(
      fake.executed.map(({ command }) => command),
      ['workbench.trust.manage'],
    );
    fake.isTrusted = true;
    requireTrust();
  });

  it('goes with a disk: files of other kinds are refused with a next step', () => {
    const { Uri } = vscode;
    assert.equal(requireDisk(Uri.file('/a') as never), '/a');
    const remote = Uri.from({ scheme: 'vscode-vfs', path: '/repo/a' });
    assert.throws(() => requireDisk(remote as never), /Clone the folder/);
    const draft = Uri.from({ scheme: 'untitled', path: 'a' });
    assert.throws(() => requireDisk(draft as never), /Save the file first/);
  });
});
