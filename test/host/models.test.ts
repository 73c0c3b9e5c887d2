import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import '../fakes/useVscode.ts';
import type * as Vscode from 'vscode';

const { fake, reset, Uri } = await import('../fakes/vscode.ts');
const { cachedModels, hubCacheFolder, modelName } =
  await import('../../src/host/models/hubCache.ts');
const { ModelLibrary } = await import('../../src/host/models/modelLibrary.ts');
const { ModelTree } = await import('../../src/host/models/modelTree.ts');
const { exportsBeside, loaderLanguage } = await import('../../src/host/exportedSubnet.ts');

const TINY = new URL('../../examples/tiny-llama', import.meta.url).pathname;
const REVISIONS = ['a'.repeat(40), 'b'.repeat(40)] as const;

describe('the models of a machine', () => {
  let folder: string;
  let hub: string;
  const variables = { ...process.env };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'models-'));
    hub = join(folder, 'hub');
    process.env['HF_HUB_CACHE'] = hub;
    await cp(TINY, join(folder, 'work/tiny'), { recursive: true });
    await cp(TINY, join(folder, 'work/node_modules/inner'), { recursive: true });
    await mkdir(join(folder, 'work/other'));
    await writeFile(join(folder, 'work/other/config.json'), '{"model_type": "bert"}');
    await writeFile(join(folder, 'work/other/model.safetensors'), '');
    await mkdir(join(folder, 'work/no-weights'));
    await writeFile(join(folder, 'work/no-weights/config.json'), '{}');
    const snapshots = join(hub, 'models--some--tiny', 'snapshots');
    for (const name of REVISIONS) await cp(TINY, join(snapshots, name), { recursive: true });
    await mkdir(join(hub, 'datasets--a--b', 'snapshots', REVISIONS[0]), { recursive: true });
  });
  after(async () => {
    process.env = variables;
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    reset();
    fake.folders = [join(folder, 'work')];
  });

  test('are found in the workspace, the cache and named folders; readable ones come first', async () => {
    fake.settings['subnetStudio.modelFolders'] = [join(folder, 'work')];
    const models = await new ModelLibrary().list();
    const found = models.map(({ name, source, reading }) => [name, source, reading.kind]);
    // The fake editor excludes nothing, so what lies in node_modules is found as well.
    assert.deepEqual(
      found.filter(([name]) => name !== 'inner'),
      [
        ['some/tiny', 'cache', 'model'],
        ['tiny', 'workspace', 'model'],
        ['other', 'workspace', 'unreadable'],
      ],
    );
  });

  test('of the cache are the revision that main names, else the youngest', async () => {
    const [first, second] = REVISIONS.map((name) =>
      join(hub, 'models--some--tiny', 'snapshots', name),
    );
    await utimes(second!, 1, 1);
    assert.deepEqual(await cachedModels(hub), [{ name: 'some/tiny', folder: first }]);
    await mkdir(join(hub, 'models--some--tiny', 'refs'));
    await writeFile(join(hub, 'models--some--tiny', 'refs', 'main'), `${REVISIONS[1]}\n`);
    assert.deepEqual(await cachedModels(hub), [{ name: 'some/tiny', folder: second }]);
    await writeFile(join(hub, 'models--some--tiny', 'refs', 'main'), '../../elsewhere');
    assert.deepEqual(await cachedModels(hub), [{ name: 'some/tiny', folder: first }]);
    assert.deepEqual(await cachedModels(join(folder, 'nowhere')), []);
  });

  test('of the cache are called as on the Hub', () => {
    assert.equal(modelName(`/x/models--some--tiny/snapshots/${REVISIONS[0]}`), 'some/tiny');
    assert.equal(modelName('./models/tiny/'), 'tiny');
  });

  test('lie where the Hugging Face variables say', () => {
    const places: readonly (readonly [Record<string, string>, string])[] = [
      [{ HF_HUB_CACHE: '/a', HF_HOME: '/b' }, '/a'],
      [{ HF_HOME: '/b', XDG_CACHE_HOME: '/c' }, '/b/hub'],
      [{ XDG_CACHE_HOME: '/c' }, '/c/huggingface/hub'],
      [{}, '/me/.cache/huggingface/hub'],
    ];
    for (const [env, expected] of places) assert.equal(hubCacheFolder(env, '/me'), expected);
  });

  test('are rows with their prunable parts below, or with the reason why there are none', async () => {
    const library = new ModelLibrary();
    const tree = new ModelTree(library);
    const rows = await tree.getChildren();
    const row = (name: string) =>
      rows.find((one) => one.kind === 'model' && one.model.name === name)!;
    const item = tree.getTreeItem(row('tiny'));
    assert.equal(item.description, 'llama · 1.84 M · 3.68 MB · F16');
    assert.equal(item.contextValue, 'model.readable');
    const parts = (await tree.getChildren(row('tiny'))).map((one) => tree.getTreeItem(one));
    assert.equal(parts[2]!.label, 'MLP neurons');
    assert.match(String(parts[2]!.description), /^3\.07 k units/);
    const broken = tree.getTreeItem(row('other'));
    assert.match(String(broken.description), /"bert", an encoder/);
    assert.deepEqual(await tree.getChildren(row('other')), []);
    const decorated = tree.provideFileDecoration(broken.resourceUri!);
    assert.ok(decorated?.color !== undefined);
    assert.equal(tree.provideFileDecoration(item.resourceUri!), undefined);
  });

  test('are read again when a file of theirs changes', async () => {
    const library = new ModelLibrary();
    const copy = join(folder, 'copy');
    await cp(TINY, copy, { recursive: true });
    assert.equal((await library.read(copy)).kind, 'model');
    await writeFile(join(copy, 'config.json'), '{}');
    assert.equal((await library.read(copy)).kind, 'unreadable');
    await rm(copy, { recursive: true });
    const gone = await library.read(copy);
    assert.ok(gone.kind === 'unreadable' && gone.isMissing);
  });
});

describe('an exported subnet', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'exported-'));
    await mkdir(join(folder, 'run/export/checkpoint'), { recursive: true });
    await mkdir(join(folder, 'run/export/onnx'));
    await writeFile(
      join(folder, 'run/export/subnet.json'),
      JSON.stringify({ source: { path: TINY } }),
    );
    await writeFile(join(folder, 'run/export/onnx/model.onnx'), '');
  });
  after(() => rm(folder, { recursive: true }));
  beforeEach(() => {
    reset();
    fake.folders = [folder];
  });

  async function beside(config: object, code = join(folder, 'train.py')) {
    await writeFile(join(folder, 'run/export/checkpoint/config.json'), JSON.stringify(config));
    const uri = Uri.file(code) as unknown as Vscode.Uri;
    return exportsBeside(join(folder, 'run/export/subnet.json'), uri);
  }

  test('is named from the folder of the code, wherever that is started', async () => {
    const config = { subnet: { loadable: { transformers: true } } };
    const deep = await beside(config, join(folder, 'src/train.py'));
    assert.equal(deep.subnet, '../run/export/subnet.json');
    const found = await beside(config);
    assert.deepEqual(found, {
      subnet: 'run/export/subnet.json',
      checkpoint: { path: 'run/export/checkpoint', runsOwnCode: false },
      onnx: 'run/export/onnx/model.onnx',
      tokenizer: found.tokenizer,
    });
    fake.folders = ['/elsewhere'];
    const outside = await beside({}, '/elsewhere/train.py');
    assert.equal(outside.subnet, join(folder, 'run/export/subnet.json'));
  });

  test('is loaded with its own code, or not offered, where transformers alone cannot', async () => {
    const subnet = { loadable: { transformers: false } };
    const code = (name: string): object => ({ auto_map: { AutoModelForCausalLM: name }, subnet });
    const own = await beside(code('modeling_subnet.SubnetLlamaForCausalLM'));
    assert.equal(own.checkpoint?.runsOwnCode, true);
    assert.equal((await beside(code('modeling_foreign.Model'))).checkpoint, null);
    assert.equal((await beside({ subnet })).checkpoint, null);
    assert.equal((await beside({})).checkpoint, null);
  });

  test('is loaded in Python and TypeScript files', () => {
    const language = (languageId: string) =>
      loaderLanguage({ languageId } as unknown as Vscode.TextDocument);
    assert.deepEqual(['python', 'typescript', 'typescriptreact', 'json'].map(language), [
      'python',
      'typescript',
      'typescript',
      undefined,
    ]);
  });
});
