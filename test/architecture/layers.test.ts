import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { complaintsAbout, filesUnder, importsOf, isParent, ROOT } from './imports.ts';
import { LAYERS } from './layerTable.ts';

const layers = Object.keys(LAYERS);
const sources = filesUnder('src').filter((path) => path.endsWith('.ts'));

describe('the layers', () => {
  it('import only what their line of the table names', () => {
    const complaints = sources.flatMap((path) =>
      complaintsAbout(path, readFileSync(join(ROOT, path), 'utf8')),
    );
    assert.deepEqual(complaints, []);
  });

  it('are the folders of src, all of them', () => {
    const folders = sources.map((path) => {
      const parts = path.split('/').slice(1, -1);
      return parts.slice(0, isParent(parts[0]) ? 2 : 1).join('/');
    });
    assert.deepEqual([...new Set(folders)].sort(), [...layers].sort());
  });

  it('form no circle: a line names only folders above it', () => {
    for (const [at, layer] of layers.entries()) {
      const { folders, types = [] } = LAYERS[layer]!;
      for (const other of [...folders, ...types]) {
        assert.ok(layers.indexOf(other) < at, `${layer} names ${other}, which is not above it`);
      }
    }
  });

  it('leave ONNX Runtime to one folder and vscode to one', () => {
    const users = (name: string): string[] =>
      layers.filter((layer) => LAYERS[layer]!.packages?.includes(name) === true);
    assert.deepEqual(users('onnxruntime-node'), ['engine/runtime']);
    assert.deepEqual(users('vscode'), ['host']);
  });
});

describe('the layer check', () => {
  it('finds one forbidden import for every pair of folders that may not know each other', () => {
    for (const layer of layers) {
      const { folders, types = [] } = LAYERS[layer]!;
      for (const other of layers) {
        const up = layer.includes('/') ? '../..' : '..';
        const text = `import { x } from '${up}/${other}/x.ts';`;
        const known = other === layer || folders.includes(other);
        const found = complaintsAbout(`src/${layer}/a.ts`, text);
        assert.equal(found.length, known ? 0 : 1, `${layer} → ${other}: ${found.join()}`);
        if (!types.includes(other)) continue;
        const typeImport = text.replace('import', 'import type');
        assert.deepEqual(complaintsAbout(`src/${layer}/a.ts`, typeImport), []);
      }
    }
  });

  it('finds a forbidden import in every form one can be written in', () => {
    const forms = [
      "import { evolve } from '../search/evolve.ts';",
      "import type { EvolveResult } from '../search/evolve.ts';",
      "import { type EvolveResult } from '../search/evolve.ts';",
      "import '../search/evolve.ts';",
      "import * as search from '../search/evolve.ts';",
      "export { evolve } from '../search/evolve.ts';",
      "export * from '../search/evolve.ts';",
      "export type { EvolveResult } from '../search/evolve.ts';",
      "const { evolve } = await import('../search/evolve.ts');",
      "type Result = import('../search/evolve.ts').EvolveResult;",
      'const module = await import(`../search/${name}.ts`);',
    ];
    for (const text of forms) {
      const found = complaintsAbout('src/engine/graphs/a.ts', text);
      assert.deepEqual(found, ['src/engine/graphs/a.ts: may not import from engine/search'], text);
    }
  });

  it('refuses built-in modules, packages and files that a line does not name', () => {
    const refused = [
      ['src/engine/search/a.ts', "import { readFileSync } from 'node:fs';"],
      ['src/engine/search/a.ts', "import { readFileSync } from 'fs';"],
      ['src/protocol/a.ts', "import { join } from 'node:path';"],
      ['src/engine/pipeline/a.ts', "import * as ort from 'onnxruntime-node';"],
      ['src/cli/a.ts', "import * as vscode from 'vscode';"],
      ['src/cli/a.ts', "import packageJson from '../../package.json' with { type: 'json' };"],
      [
        'src/engine/graphs/a.ts',
        "import { tinyModel } from '../../../test/fixtures/tinyModel.ts';",
      ],
      ['src/engine/graphs/a.ts', 'const anything = await import(name);'],
      ['src/helpers/a.ts', ''],
    ] as const;
    for (const [path, text] of refused) assert.equal(complaintsAbout(path, text).length, 1, text);
  });

  it('tells imports of types from imports of values', () => {
    const kinds = [
      ["import type { A } from './a.ts';", true],
      ["import { type A, type B } from './a.ts';", true],
      ["export type { A } from './a.ts';", true],
      ["import { type A, b } from './a.ts';", false],
      ["import './a.ts';", false],
      ["export { b } from './a.ts';", false],
    ] as const;
    for (const [text, typeOnly] of kinds) {
      assert.deepEqual(importsOf(text), [{ specifier: './a.ts', typeOnly }], text);
    }
  });
});
