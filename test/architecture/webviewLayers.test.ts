import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, it } from 'node:test';
import { filesUnder, importsOf, ROOT } from './imports.ts';

/** The only folder of the webview that may use a package. */
const DOORS: Readonly<Record<string, string>> = {
  'chart.js': 'webview/charts/',
  '@vscode/webview-ui-toolkit': 'webview/controls/',
  '@vscode/codicons/dist/codicon.css': 'webview/main.ts',
};
/** What of the source a page may know. */
const KNOWN = ['src/protocol/', 'src/dashboard/model/'];
/** Parts of the protocol that carry libraries as large as all views together. */
const HEAVY = ['typebox', 'vscode-jsonrpc', 'jsonc-parser'];

const sources = filesUnder('webview').filter((path) => /\.ts$/.test(path));

describe('the webview', () => {
  it('imports only the protocol, the models of the dashboard and its own files', () => {
    assert.deepEqual(
      sources.flatMap((path) => complaints(path, read(path))),
      [],
    );
  });

  it('carries neither the schema library nor the RPC library of the host', () => {
    const [main] = sources.filter((path) => path === 'webview/main.ts');
    assert.ok(main !== undefined);
    const reached = reachable(main);
    assert.ok(reached.size > 40);
    assert.deepEqual(
      [...reached].filter((name) => HEAVY.some((heavy) => name.startsWith(heavy))),
      [],
    );
  });

  it('acquires the door to its host in one place', () => {
    const users = sources.filter((path) => read(path).includes('acquireVsCodeApi()'));
    assert.deepEqual(users, ['webview/bridge.ts']);
  });

  it('sets no markup and no style from a text', () => {
    for (const path of sources) {
      assert.doesNotMatch(
        read(path),
        /innerHTML|outerHTML|insertAdjacentHTML|setAttribute\('style'/,
        path,
      );
    }
  });

  it('takes its colours from the editor', () => {
    for (const path of filesUnder('webview').filter((name) => name.endsWith('.css'))) {
      assert.doesNotMatch(read(path), /#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(/i, path);
    }
  });
});

describe('the check of the webview', () => {
  it('finds what a page may not know', () => {
    const refused = [
      "import { readFileSync } from 'node:fs';",
      "import * as vscode from 'vscode';",
      "import { Chart } from 'chart.js';",
      "import { vsCodeButton } from '@vscode/webview-ui-toolkit';",
      "import { RunReader } from '../../src/dashboard/reader/runReader.ts';",
      "import type { Subnet } from '../../src/engine/model/subnet.ts';",
    ];
    for (const text of refused) {
      assert.equal(complaints('webview/views/a.ts', text).length, 1, text);
    }
    assert.deepEqual(complaints('webview/charts/a.ts', "import { Chart } from 'chart.js';"), []);
  });
});

function complaints(path: string, text: string): string[] {
  return importsOf(text).flatMap(({ specifier }) => {
    if (!specifier.startsWith('.')) {
      const door = DOORS[specifier];
      return door !== undefined && path.startsWith(door)
        ? []
        : [`${path}: may not use ${specifier}`];
    }
    const target = posix.join(posix.dirname(path), specifier);
    const allowed =
      target.startsWith('webview/') || KNOWN.some((known) => target.startsWith(known));
    return allowed ? [] : [`${path}: may not import ${target}`];
  });
}

/** Every file and package that runs with a file: types leave no trace. */
function reachable(from: string): Set<string> {
  const reached = new Set<string>();
  const open = [from];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    if (!path.endsWith('.ts')) continue;
    for (const { specifier, typeOnly } of importsOf(read(path))) {
      if (typeOnly) continue;
      const local = specifier.startsWith('.');
      open.push(local ? posix.join(posix.dirname(path), specifier) : specifier);
    }
  }
  return reached;
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
