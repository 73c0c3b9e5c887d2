import assert from 'node:assert/strict';
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
    assert.match(rows[0]!, /^tiny \| \d+\.\d+ · 70% · \S+$/);
    assert.equal(rows[1], '  Config | tiny.subnet.jsonc');
    assert.match(rows[2]!, /^ {2}Generations \| \d+$/);
    assert.match(rows[3]!, /^ {4}Generation \d+ \| best \d+\.\d+ · median \d+\.\d+$/);
    assert.ok(rows.includes('  Best Subnets | 5'));
    assert.ok(rows.some((row) => /^ {4}subnet\.json \| subnet/.test(row)));
    const [item] = tree().items();
    assert.deepEqual([item?.contextValue, item?.iconPath.id], ['run.finished', 'pass']);
    assert.match(item!.accessibilityInformation.label, /^tiny · finished · \d/);
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
    assert.match(row({ sparsify: { ...sparsify, method: 'none' } }), / · 70% · \w/);
    assert.match(row({ ratio: 1, sparsify }), /\d · 2:4 mlp · \w/);
    const all = { sparsify, export: { quantise: 'int4' } };
    const { reformed } = run!.digest.figures;
    const sparse = { ...reformed!, perplexity: 4.25 };
    assert.match(row(all, { reformed: reformed!, sparse }), /^4\.25 · 70% · 2:4 mlp · int4 · /);
    const quantised = { ...sparse, perplexity: 4.5 };
    assert.match(row(all, { reformed: reformed!, sparse, quantised }), /^4\.50 · /);
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

describe('the Subnets view', () => {
  it('lists what runs have exported, least perplexity first', async () => {
    host = await hostOn('tiny', 'tiny-stopped');
    const subnets = fake.trees.get('subnetStudio.subnets')!;
    await until(() => subnets.items().length > 0);
    const [item, ...others] = subnets.items();
    assert.equal(others.length, 0);
    assert.equal(item?.contextValue, 'subnet.exported');
    assert.match(item.description, /^\d+\.\d+ · .+ · 70%$/);
  });
});
