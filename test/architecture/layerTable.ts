/** What the files of one folder may import. */
export interface LayerRule {
  /** Folders under `src`, besides the folder itself. */
  readonly folders: readonly string[];
  /** Folders of which only types may be imported. */
  readonly types?: readonly string[];
  /** Built-in modules of Node. */
  readonly node?: readonly string[];
  /** Packages, or modules of packages. */
  readonly packages?: readonly string[];
  /** Files outside `src`. */
  readonly files?: readonly string[];
}

const PROTOCOL = 'protocol';
const FILES = 'files';
const engine = (...names: readonly string[]): string[] => [
  PROTOCOL,
  ...names.map((name) => `engine/${name}`),
];
const READ_FILES = ['node:fs/promises', 'node:path'];
/** Lets the event loop breathe between two native calls. */
const TURN = 'node:timers/promises';
/** SHA-256, which is the same on every platform. */
const HASH = 'node:crypto';

/**
 * The architecture: every folder of `src` and all it may import. What is not on its line is
 * forbidden. Lines go from the leaves to the programs, so that no line names a folder below it.
 */
export const LAYERS: Readonly<Record<string, LayerRule>> = {
  protocol: { folders: [], packages: ['jsonc-parser', 'typebox', 'vscode-jsonrpc'] },

  // Where the product's own processes are.
  'engine/processes': {
    folders: [PROTOCOL],
    node: ['node:child_process', 'node:module', 'node:path', 'node:url'],
  },
  // The one door to files that somebody else may have made, and to files that a crash must not tear.
  files: { folders: [PROTOCOL], node: [HASH, 'node:fs', 'node:fs/promises', 'node:path'] },

  'engine/numeric': { folders: engine(), packages: ['ml-matrix', 'pure-rand'], node: [HASH] },
  'engine/onnx': { folders: [], packages: ['@bufbuild/protobuf'] },
  // What a model is, as data: no tensors, no files.
  'engine/model': { folders: [] },
  'engine/subnet': { folders: engine('model'), node: [HASH] },
  // Checkpoints of ours say by masks what they hold.
  'engine/checkpoint': {
    folders: [FILES, ...engine('numeric', 'model', 'subnet')],
    node: [HASH, ...READ_FILES],
  },
  'engine/tokenizer': {
    folders: [FILES, ...engine('numeric', 'processes')],
    packages: ['tokenizers'],
    node: [HASH, 'node:child_process', 'node:path'],
  },
  'engine/runtime': {
    folders: [FILES, ...engine('numeric', 'onnx', 'processes')],
    packages: ['onnxruntime-node'],
    node: ['node:child_process', 'node:fs', 'node:module', 'node:os', 'node:path'],
  },
  'engine/graphs': {
    folders: engine('numeric', 'onnx', 'runtime', 'model', 'checkpoint', 'subnet'),
    node: [TURN],
  },
  // The one loop over blocks, and what can be seen on the way.
  'engine/passes': {
    folders: engine('runtime', 'graphs', 'model', 'checkpoint'),
    node: [TURN],
  },
  'engine/calibration': { folders: engine('passes', 'runtime', 'graphs', 'model', 'checkpoint') },
  'engine/importance': {
    folders: engine('numeric', 'model', 'subnet', 'runtime', 'checkpoint'),
    types: ['engine/calibration'],
  },
  'engine/search': { folders: engine('numeric', 'model', 'subnet') },
  'engine/evaluation': {
    folders: engine('numeric', 'tokenizer', 'runtime', 'graphs', 'model', 'checkpoint', 'subnet'),
    node: [HASH],
  },
  'engine/reformation': {
    folders: engine(
      'numeric',
      'tokenizer',
      'runtime',
      'graphs',
      'passes',
      'model',
      'checkpoint',
      'subnet',
    ),
    types: ['engine/calibration'],
  },
  'engine/levels': {
    folders: [
      FILES,
      ...engine(
        ...['numeric', 'tokenizer', 'runtime', 'model', 'checkpoint', 'subnet', 'graphs'],
        ...['passes', 'calibration', 'importance', 'evaluation'],
      ),
    ],
    packages: ['typebox'],
    node: [HASH, 'node:path'],
  },
  'engine/sparsity': {
    folders: engine(
      ...[
        'numeric',
        'onnx',
        'runtime',
        'model',
        'checkpoint',
        'subnet',
        'graphs',
        'passes',
        'reformation',
      ],
    ),
    node: [TURN],
  },
  // Rounds to integers what the Gram matrices of the sparsity passes say; knows no file.
  'engine/quantise': {
    folders: engine(
      'numeric',
      'runtime',
      'model',
      'checkpoint',
      'subnet',
      'graphs',
      'passes',
      'sparsity',
    ),
  },
  'engine/baselines': {
    folders: engine(
      ...['numeric', 'runtime', 'model', 'checkpoint', 'subnet', 'graphs', 'passes'],
      ...['calibration', 'importance', 'search', 'levels', 'sparsity'],
    ),
    node: [TURN],
  },
  'engine/export': {
    folders: [
      FILES,
      ...engine(
        'numeric',
        'onnx',
        'processes',
        'runtime',
        'graphs',
        'model',
        'checkpoint',
        'subnet',
      ),
      ...engine('quantise'),
    ],
    packages: ['@bufbuild/protobuf', 'jsonc-parser', 'typebox'],
    node: [HASH, TURN, 'node:fs', 'node:os', ...READ_FILES],
  },
  'engine/runs': {
    folders: [FILES, ...engine()],
    packages: ['typebox'],
    node: [HASH, 'node:child_process', 'node:fs', 'node:os', 'node:path'],
  },
  'engine/pipeline': {
    folders: [
      FILES,
      ...engine(
        ...['numeric', 'onnx', 'model', 'checkpoint', 'tokenizer', 'runtime', 'subnet', 'graphs'],
        ...['calibration', 'importance', 'search', 'evaluation', 'reformation', 'export', 'runs'],
        ...['sparsity', 'baselines', 'quantise', 'levels'],
      ),
    ],
    // Its number goes into the manifest of a run; the library itself is the runtime's.
    packages: ['onnxruntime-node/package.json', 'typebox'],
    files: ['package.json'],
    node: [HASH, 'node:fs', 'node:os', ...READ_FILES],
  },

  'dashboard/model': { folders: [PROTOCOL] },
  'dashboard/reader': {
    folders: [FILES, ...engine('model', 'subnet', 'runs'), 'dashboard/model'],
    node: ['node:fs', 'node:path', 'node:timers/promises'],
  },

  // Text in, data out: it knows neither editor nor disk.
  configText: { folders: [PROTOCOL], packages: ['jsonc-parser'] },

  server: {
    folders: [FILES, ...engine('pipeline')],
    packages: ['vscode-jsonrpc/node'],
    files: ['package.json'],
    node: ['node:child_process', 'node:fs', 'node:path', 'node:stream'],
  },
  service: {
    // Of runs only their lock, their processes and atomic files: it does not read runs.
    folders: [PROTOCOL, FILES, 'server', 'engine/runs'],
    packages: ['typebox', 'vscode-jsonrpc/node'],
    node: [
      HASH,
      'node:child_process',
      'node:fs',
      'node:net',
      'node:os',
      'node:path',
      'node:url',
      'node:util',
    ],
  },
  cli: {
    // Runs are listed from disk, so that `subnet runs` works where no engine can start.
    folders: [PROTOCOL, 'server', 'engine/runs', 'dashboard/model'],
    packages: ['commander'],
    node: ['node:fs', 'node:path'],
  },

  // The only code that knows the editor. It reads runs from disk and leaves all work to the service.
  host: {
    folders: [
      FILES,
      ...engine('model', 'checkpoint', 'subnet', 'runs'),
      ...['dashboard/model', 'dashboard/reader', 'configText', 'service'],
    ],
    packages: ['vscode', 'vscode-jsonrpc', 'jsonc-parser'],
    node: [HASH, 'node:fs', 'node:os', 'node:timers/promises', ...READ_FILES],
  },
};
