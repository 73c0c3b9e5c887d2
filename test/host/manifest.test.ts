import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import '../fakes/useVscode.ts';

const { commandTable } = await import('../../src/host/commands/commandTable.ts');
const { walkthroughSteps } = await import('../../src/host/ui/walkthrough.ts');
const { setting } = await import('../../src/host/settings.ts');
const { stateText } = await import('../../src/host/trees/runLook.ts');

const root = join(import.meta.dirname, '..', '..');
interface Menu {
  readonly command: string;
  readonly submenu?: string;
  readonly when?: string;
  readonly group?: string;
}
interface Manifest {
  readonly activationEvents: readonly string[];
  readonly capabilities: {
    readonly untrustedWorkspaces: { readonly restrictedConfigurations: readonly string[] };
  };
  readonly contributes: {
    readonly commands: readonly {
      readonly command: string;
      readonly category: string;
      readonly icon?: string;
      readonly enablement?: string;
    }[];
    readonly submenus: readonly { readonly id: string; readonly label: string }[];
    readonly walkthroughs: readonly {
      readonly steps: readonly { readonly completionEvents: readonly string[] }[];
    }[];
    readonly menus: Readonly<Record<string, readonly Menu[]>>;
    readonly views: Readonly<Record<string, readonly { readonly id: string }[]>>;
    readonly viewsWelcome: readonly { readonly view: string; readonly contents: string }[];
    readonly configuration: {
      readonly properties: Readonly<
        Record<string, { readonly default: unknown; readonly scope: string }>
      >;
    };
  };
}

const text = readFileSync(join(root, 'package.json'), 'utf8');
const manifest = JSON.parse(text) as Manifest;
const nls = JSON.parse(readFileSync(join(root, 'package.nls.json'), 'utf8')) as Record<
  string,
  string
>;
const { commands, menus, submenus, walkthroughs, views, viewsWelcome, configuration } =
  manifest.contributes;
const ids = commands.map(({ command }) => command).sort();

describe('the manifest of the extension', () => {
  it('declares the commands of the table, and no others', () => {
    const known = Object.keys(commandTable).map((name) => `subnetStudio.${name}`);
    assert.deepEqual(ids, known.sort());
  });

  it('puts every command into one category', () => {
    assert.deepEqual([...new Set(commands.map(({ category }) => category))], ['Subnet Studio']);
  });

  it('names in menus only commands that it declares', () => {
    const named = Object.values(menus)
      .flat()
      .filter(({ submenu }) => submenu === undefined);
    assert.deepEqual(
      named.filter(({ command }) => !ids.includes(command)),
      [],
    );
  });

  it('lets nothing run, write or delete be chosen in a workspace that is not trusted', () => {
    const guarded = ['run', 'dryRun', 'resume', 'pause', 'keepBest', 'newConfig', 'deleteRun'];
    const more = ['reform', 'evaluate', 'export', 'moveUp', 'removeFromQueue', 'runExample'];
    const compared = ['compareMethods', 'deleteComparison'];
    for (const name of [...guarded, ...more, ...compared]) {
      const found = commands.find(({ command }) => command === `subnetStudio.${name}`);
      assert.match(found?.enablement ?? '', /isWorkspaceTrusted/, name);
    }
  });

  it('shows at most three buttons on a row and two above a config', () => {
    const rows = ['run.running', 'run.paused', 'run.interrupted', 'run.failed', 'run.finished'];
    const others = ['run.queued', 'queued.next', 'queued.later', 'subnet.exported', 'broken'];
    const compared = ['running', 'queued', 'paused', 'failed', 'finished', 'broken'];
    for (const value of [...rows, ...others, ...compared.map((one) => `comparison.${one}`)]) {
      const inline = (menus['view/item/context'] ?? []).filter(
        ({ group = '', when = '' }) => group.startsWith('inline') && matches(when, value),
      );
      assert.ok(inline.length <= 3, `${value}: ${inline.length}`);
    }
    assert.ok((menus['editor/title'] ?? []).length <= 2);
  });

  it('knows every state that a row of a run can have', () => {
    const states = ['running', 'queued', 'paused', 'interrupted', 'failed', 'finished'] as const;
    for (const state of states) {
      const offered = (menus['view/item/context'] ?? []).filter(({ when = '' }) =>
        matches(when, `run.${state}`),
      );
      assert.ok(offered.length >= 4, state);
      assert.notEqual(stateText(state), '');
    }
  });

  it('sets every context key that its conditions ask for', () => {
    const asked = new Set(
      [...text.matchAll(/subnetStudio\.(any\w+|many\w+|no[A-Z]\w+|filtered|engineMissing)/g)].map(
        ([, key]) => key,
      ),
    );
    const source = readdirSync(join(root, 'src', 'host'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => readFileSync(join(root, 'src', 'host', path), 'utf8'))
      .join('\n');
    for (const key of asked) {
      assert.match(source, new RegExp(`(tell|setContext)\\(\\s*'${key}'`), key);
    }
  });

  it('ticks the steps of the walkthrough by what was achieved, not by what was clicked', () => {
    const [walkthrough] = walkthroughs;
    assert.deepEqual(
      walkthrough!.steps.map(({ completionEvents }) => completionEvents),
      walkthroughSteps.map((id) => [`onContext:subnetStudio.done.${id}`]),
    );
  });

  it('offers in the palette only what has something to act on', () => {
    const always = ['runExample', 'selectDevice', 'inspectModel', 'addModelFolder'];
    const looks = ['refreshRuns', 'refreshModels', 'copyDiagnostics', 'showLog', 'showEngineLog'];
    const limited = (menus['commandPalette'] ?? []).map(({ command }) => command);
    assert.deepEqual(
      ids.filter((id) => !limited.includes(id)),
      [...always, ...looks].map((name) => `subnetStudio.${name}`).sort(),
    );
  });

  it("says the product's name in the menus of other views", () => {
    for (const { submenu } of menus['explorer/context'] ?? []) {
      assert.equal(submenus.find(({ id }) => id === submenu)?.label, 'Subnet Studio');
    }
  });

  it('ends the title of a command that always asks with dots', () => {
    const asking = ['newConfig', 'compare', 'export', 'insertLoader', 'selectDevice', 'filterRuns'];
    for (const name of [...asking, 'groupRuns', 'addModelFolder']) {
      assert.match(nls[`command.${name}`] ?? '', /…$/, name);
    }
  });

  it('opens no settings by a link, as a remote window does not find them', () => {
    assert.doesNotMatch(JSON.stringify(nls), /command:workbench\.action\.openSettings/);
  });

  it('has a text for every key, and no text without a key', () => {
    const used = [...text.matchAll(/%([\w.]+)%/g)].map(([, key]) => key!);
    assert.deepEqual(
      used.filter((key) => !(key in nls)),
      [],
    );
    assert.deepEqual(
      Object.keys(nls).filter((key) => !used.includes(key)),
      [],
    );
  });

  it('welcomes in every view, with commands that exist', () => {
    for (const { id } of Object.values(views).flat()) {
      assert.ok(
        viewsWelcome.some(({ view }) => view === id),
        id,
      );
    }
    const linked = Object.values(nls).flatMap((one) => [
      ...one.matchAll(/\(command:(subnetStudio\.\w+)/g),
    ]);
    for (const [, command] of linked) assert.ok(ids.includes(command!), command);
  });

  it('has the same defaults in its settings as the code', () => {
    for (const [name, { default: value }] of Object.entries(configuration.properties)) {
      const key = name.replace('subnetStudio.', '') as Parameters<typeof setting>[0];
      assert.deepEqual(setting(key), value, name);
    }
  });

  it('does not let a workspace that is not trusted name programs or folders', () => {
    const { restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
    const machine = Object.entries(configuration.properties)
      .filter(([, { scope }]) => scope.startsWith('machine'))
      .map(([name]) => name);
    assert.deepEqual([...restrictedConfigurations].sort(), machine.sort());
  });

  it('is activated by its own things only', () => {
    for (const event of manifest.activationEvents) assert.match(event, /subnet/);
  });

  it('names only files that exist', () => {
    const named = [...text.matchAll(/"(\.?\/?media\/[\w./-]+)"/g)].map(([, path]) => path!);
    assert.ok(named.length > 0);
    for (const path of named) assert.ok(existsSync(join(root, path)), path);
  });
});

/** Whether a condition on the kind of a row holds for one; other parts count as true. */
function matches(when: string, value: string): boolean {
  const [, pattern] = /viewItem =~ \/(.+?)\/(?=$| )/.exec(when) ?? [];
  return pattern !== undefined && new RegExp(pattern).test(value);
}
