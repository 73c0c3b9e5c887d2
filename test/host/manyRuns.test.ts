import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import type { TreeNode } from '../../src/host/trees/nodeTree.ts';
import { hostOn, type TestHost } from './harness.ts';

const { NodeTree } = await import('../../src/host/trees/nodeTree.ts');

let host: TestHost | undefined;
afterEach(() => {
  host?.dispose();
  host = undefined;
});

describe('a workspace with many runs', () => {
  it('is told of a change in as much text as it has rows', async () => {
    host = await hostOn('tiny');
    const { store } = host.app;
    const { folder } = host.runs.get('tiny')!;
    // Eight times as many runs; to compare each with each would be 64 times as much.
    const few = await charactersOf(10);
    const many = await charactersOf(80);
    assert.ok(few > 0);
    assert.ok(many < 12 * few, `${many} characters for 80 runs, ${few} for 10`);

    async function charactersOf(count: number): Promise<number> {
      for (let i = store.runs.length; i < count; i++) copyRun(folder, `copy-${i}`);
      await store.refresh();
      assert.equal(store.runs.length, count);
      const { stringify } = JSON;
      let characters = 0;
      JSON.stringify = ((...given: Parameters<typeof stringify>): string => {
        const text = stringify(...given);
        characters += text.length;
        return text;
      }) as typeof stringify;
      try {
        store.setJobs([]);
      } finally {
        JSON.stringify = stringify;
      }
      return characters;
    }
  });

  it('looks into a run only when the editor has opened its row', () => {
    const tree = new NodeTree();
    let looks = 0;
    const leaf = (parent: TreeNode): TreeNode => ({
      ...{ id: 'leaf', parent, target: {} },
      look: () => {
        looks++;
        return rowLook(`leaf ${looks}`);
      },
    });
    const row: TreeNode = {
      ...{ id: 'row', parent: undefined, target: {} },
      look: () => rowLook('row'),
      children: () => [leaf(row)],
    };
    const told: unknown[] = [];
    tree.onDidChangeTreeData((nodes) => told.push(nodes));
    tree.show([row]);
    tree.show([row]);
    assert.deepEqual([looks, told], [0, [undefined]]);
    tree.getChildren(row);
    tree.show([row]);
    assert.equal(looks, 1);
    assert.deepEqual(told, [undefined, [row]], 'what is shown below it has changed');
    tree.dispose();
  });
});

function rowLook(label: string): ReturnType<TreeNode['look']> {
  const icon = { id: 'circle' } as ReturnType<TreeNode['look']>['icon'];
  return { label, description: '', contextValue: 'row', spoken: label, icon };
}

/** Another run of the same workspace, of which a list shows everything. */
function copyRun(from: string, id: string): void {
  const to = join(from, '..', id);
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to);
  const text = readFileSync(join(from, 'manifest.json'), 'utf8');
  const manifest = JSON.parse(text) as Record<string, unknown>;
  writeFileSync(join(to, 'manifest.json'), JSON.stringify({ ...manifest, id, name: id }));
  const log = readFileSync(join(from, 'events.jsonl'), 'utf8').replaceAll(from, to);
  writeFileSync(join(to, 'events.jsonl'), log);
}
