import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { fake, hostOn, someJob, until, type TestHost } from './harness.ts';

const { runLook } = await import('../../src/host/trees/runLook.ts');

let host: TestHost | undefined;
afterEach(() => {
  host?.dispose();
  host = undefined;
});

const tree = () => fake.trees.get('subnetStudio.runs')!;

describe('the Runs view', () => {
  it('says of a run its state, best perplexity, ratio and model, and what is in it', async () => {
    host = await hostOn('tiny');
    const rows = tree().rows();
    assert.match(rows[0]!, /^tiny \| perplexity \d+\.\d+ · 70% kept · [\d.]+ [kM]B · \S+$/);
    assert.equal(rows[1], '  Config | tiny.subnet.jsonc');
    assert.match(rows[2]!, /^ {2}Generations \| generation (\d+) of \1$/);
    assert.match(
      rows[3]!,
      /^ {4}Generation \d+ \| search perplexity: best \d+\.\d+, median \d+\.\d+$/,
    );
    assert.ok(rows.some((row) => /^ {4}First population \| /.test(row)));
    assert.ok(rows.includes('  Best Subnets | 5'));
    assert.ok(rows.some((row) => /^ {4}subnet\.json \| subnet config/.test(row)));
    const [item] = tree().items();
    assert.deepEqual([item?.contextValue, item?.iconPath.id], ['run.finished', 'pass']);
    assert.match(item!.accessibilityInformation.label, /^tiny · finished · perplexity \d/);
  });

  it('names the kind of a run that does more than narrow, and the figure of its last step', async () => {
    host = await hostOn('tiny');
    const [run] = host.app.store.runs;
    const row = (config: object, figures = run!.digest.figures): string =>
      runLook({
        ...run!,
        manifest: { ...run!.manifest, config: { ...run!.manifest.config, ...config } },
        digest: { ...run!.digest, figures },
      }).description;
    const sparsify = { method: 'ours', pattern: '2:4', scope: 'mlp' };
    assert.match(
      row({ sparsify: { ...sparsify, method: 'none' } }),
      / · 70% kept · [\d.]+ [kM]B · \w/,
    );
    assert.match(row({ ratio: 1, sparsify }), /\d · 2:4 mlp · [\d.]+ [kM]B · \w/);
    const all = { sparsify, export: { quantise: 'int4' } };
    const { reformed } = run!.digest.figures;
    const sparse = { ...reformed!, perplexity: 4.25 };
    assert.match(
      row(all, { reformed: reformed!, sparse }),
      /^perplexity 4\.25 · 70% kept · 2:4 mlp · int4 · /,
    );
    const quantised = { ...sparse, perplexity: 4.5 };
    assert.match(row(all, { reformed: reformed!, sparse, quantised }), /^perplexity 4\.50 · /);
  });

  it('shows the place of a queued run, and counts running ones in its badge', async () => {
    host = await hostOn('tiny-stopped');
    const { folder, configPath } = host.runs.get('tiny-stopped')!;
    host.service.tell([
      someJob({ kind: 'resume', runFolder: folder }, { runFolder: folder }),
      someJob({ kind: 'run', configPath }, { id: 'j2', state: 'queued', title: 'next' }),
    ]);
    const [queued, running] = tree().items();
    assert.equal(queued?.description, 'place 1 in the queue · tiny-stopped.subnet.jsonc');
    assert.deepEqual([queued?.contextValue, running?.contextValue], ['queued.next', 'run.running']);
    assert.equal(tree().badge?.value, 1);
    host.service.tell([]);
    assert.equal(tree().badge, undefined);
  });

  it('shows a run that cannot be read as an error row that can be deleted', async () => {
    host = await hostOn('tiny-corrupt');
    const [item] = tree().items();
    assert.deepEqual([item?.contextValue, item?.iconPath.id], ['broken', 'error']);
    assert.match(item!.description, /JSON/);
  });

  it('announces only the row that changed while the others stay', async () => {
    host = await hostOn('tiny', 'tiny-stopped');
    const { changes } = tree();
    changes.length = 0;
    const { folder } = host.runs.get('tiny-stopped')!;
    host.service.tell([someJob({ kind: 'resume', runFolder: folder })]);
    assert.deepEqual(changes, [[`run:${folder}`]]);
    host.service.tell([someJob({ kind: 'resume', runFolder: folder })]);
    assert.equal(changes.length, 1);
  });

  it('keeps rows the same objects, so that what is open stays open', async () => {
    host = await hostOn('tiny');
    const before = tree().node('tiny');
    await host.app.store.refresh();
    assert.equal(tree().node('tiny'), before);
  });

  it('filters by all words of a name, state or model, and says how many it left', async () => {
    host = await hostOn('tiny', 'tiny-failed', 'tiny-corrupt');
    host.app.tree.setFilter('tiny fail');
    assert.deepEqual(
      tree()
        .items()
        .map(({ label }) => label),
      ['tiny-failed'],
    );
    assert.equal(tree().message, '1 of 3 with "tiny fail"');
    assert.equal(fake.contexts['subnetStudio.filtered'], true);
    host.app.tree.setFilter('');
    assert.equal(tree().items().length, 3);
    assert.equal(fake.contexts['subnetStudio.filtered'], false);
  });

  it('groups by state and knows the parent of every row', async () => {
    host = await hostOn('tiny', 'tiny-failed', 'tiny-corrupt');
    host.app.tree.setGrouping('state');
    const groups = tree()
      .items()
      .map(({ label, description }) => `${label} ${description}`);
    assert.deepEqual(groups.sort(), ['failed 1', 'finished 1', 'unreadable 1']);
    // Reading all rows checks each row's parent.
    assert.ok(tree().rows().length > 10);
    host.app.tree.setGrouping('none');
    assert.ok(tree().rows().length > 10);
  });
});

describe('a click on a row', () => {
  it('opens the dashboard, for a subnet with it selected', async () => {
    host = await hostOn('tiny');
    const { folder } = host.runs.get('tiny')!;
    const opens = (id: string, label: string) => {
      const view = fake.trees.get(id)!;
      return view.item(label)?.command;
    };
    const open = { command: 'subnetStudio.openDashboard', title: 'Open' };
    const ofRun = { ...open, arguments: [{ run: folder }] };
    assert.deepEqual(opens('subnetStudio.runs', 'tiny'), ofRun);
    assert.deepEqual(opens('subnetStudio.runs', 'First population'), ofRun);
    const { key, fitness } = host.app.store.runs[0]!.digest.top[0]!;
    assert.deepEqual(opens('subnetStudio.runs', `Search perplexity ${fitness.toFixed(2)}`), {
      ...open,
      arguments: [{ run: folder, subnet: key }],
    });
    const subnets = fake.trees.get('subnetStudio.subnets')!;
    await until(() => subnets.items().length > 0);
    assert.equal(opens('subnetStudio.subnets', 'tiny')?.command, open.command);
  });
});

describe('the Subnets view', () => {
  it('ranks only subnets that were judged on the same model, text and context', async () => {
    host = await hostOn('tiny', 'mid');
    const subnets = fake.trees.get('subnetStudio.subnets')!;
    const path = join(host.runs.get('mid')!.folder, 'manifest.json');
    const judgedAlike = JSON.parse(readFileSync(path, 'utf8')) as {
      config: { evaluation: { context: number } };
    };
    await until(() => subnets.items().length > 0);
    assert.deepEqual(
      subnets.items().map(({ contextValue }) => contextValue),
      ['subnet.exported', 'subnet.exported'],
    );
    judgedAlike.config.evaluation.context = 64;
    writeFileSync(path, JSON.stringify(judgedAlike));
    host.app.store.touch(host.runs.get('mid')!.folder);
    await until(() => subnets.items().length === 2 && subnets.items()[0]!.contextValue === 'group');
    assert.match(subnets.items()[0]!.label, /^\S+ · heldout\.txt · \d+ tokens$/);
  });

  it('lists what runs have exported, least perplexity first', async () => {
    host = await hostOn('tiny', 'tiny-stopped');
    const subnets = fake.trees.get('subnetStudio.subnets')!;
    await until(() => subnets.items().length > 0);
    const [item, ...others] = subnets.items();
    assert.equal(others.length, 0);
    assert.equal(item?.contextValue, 'subnet.exported');
    assert.match(item.description, /^perplexity \d+\.\d+ · 70% kept · [\d.]+ [kM]B$/);
  });
});
