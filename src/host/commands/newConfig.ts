import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { purposeRecipes, type PurposeRecipe } from '../../configText/recipes.ts';
import { configTemplate } from '../../configText/template.ts';
import { commandRemedy, editorRemedy, HostError } from '../hostError.ts';
import { resolvePath, writtenPath } from '../language/configPath.ts';
import { modelName } from '../models/hubCache.ts';
import { requireDisk, requireTrust, requireWritable } from '../trust.ts';
import { askSteps, type Step, type StepChoice } from '../ui/multiStep.ts';
import type { App } from './app.ts';
import { pickOne } from './ask.ts';
import type { Target } from './target.ts';

const SKIPPED = '**/{node_modules,.git,.subnet}/**';
const MOST_FOUND = 200;
/** Longest name of a config file that every file system takes, with its ending. */
const LONGEST_NAME = 60;

/** Asks for model (unless called on one), text, purpose, ratio and name, writes a config and opens it. */
export async function newConfig(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const folder = await targetFolder();
  await requireWritable(folder);
  const given = targets[0]?.file;
  const known = given === undefined ? undefined : writtenPath(folder, given);
  const later = [textStep(folder), purposeStep(), ratioStep(), nameStep(folder, known)];
  const title = vscode.l10n.t('New Run Config');
  const [model = '', text = '', purpose = '', ratio = '', name = ''] =
    known === undefined
      ? await askSteps(title, [modelStep(app, folder), ...later])
      : [known, ...(await askSteps(title, later))];
  const uri = vscode.Uri.file(join(folder, `${name}.subnet.jsonc`));
  const recipe = recipeOf(purpose);
  const content = configTemplate({
    model,
    text,
    ratio: Number(ratio),
    ...(recipe === undefined ? {} : { recipe }),
  });
  await vscode.workspace.fs.writeFile(uri, Buffer.from(content, 'utf8'));
  await vscode.window.showTextDocument(uri);
  await app.store.addHome(folder);
  return vscode.l10n.t('Config written.');
}

/** Where a config is put: the workspace folder of the editor, the only one, or the one chosen. */
async function targetFolder(): Promise<string> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const active = vscode.window.activeTextEditor?.document.uri;
  const ofEditor = active === undefined ? undefined : vscode.workspace.getWorkspaceFolder(active);
  const only = ofEditor ?? (folders.length === 1 ? folders[0] : undefined);
  if (only !== undefined) return requireDisk(only.uri);
  if (folders.length > 1) {
    const choices = folders.map((one) => ({ label: one.name, value: one.uri }));
    return requireDisk(await pickOne(choices, { title: vscode.l10n.t('Config of which folder?') }));
  }
  throw new HostError(
    'config',
    {
      what: vscode.l10n.t('This window'),
      expected: vscode.l10n.t('a folder to write a config into'),
      found: vscode.l10n.t('none open'),
      sentence: vscode.l10n.t('No folder is open to write a config into.'),
      action: vscode.l10n.t('Open a folder first, or run the bundled example.'),
    },
    [
      editorRemedy(vscode.l10n.t('Open Folder'), 'vscode.openFolder'),
      commandRemedy(vscode.l10n.t('Run the Bundled Example'), 'runExample'),
    ],
  );
}

function modelStep(app: App, folder: string): Step {
  const bundled = vscode.Uri.joinPath(app.context.extensionUri, 'examples', 'tiny-llama').fsPath;
  return {
    placeholder: vscode.l10n.t('Which model? A folder with config.json and *.safetensors'),
    async choices() {
      const found = await app.models.list();
      const readable = found.filter(({ reading }) => reading.kind === 'model');
      return [
        ...readable.map(({ name, folder: path }) => ({
          icon: 'package',
          label: name,
          description: vscode.workspace.asRelativePath(path),
          value: writtenPath(folder, path),
        })),
        browseChoice(folder, vscode.l10n.t('Another folder…'), { canSelectFolders: true }),
        ...(existsSync(bundled)
          ? [
              {
                icon: 'rocket',
                label: 'tiny-llama',
                description: vscode.l10n.t('bundled, for a first try'),
                value: bundled,
              },
            ]
          : []),
      ];
    },
    validate: (path) =>
      Promise.resolve(
        existsSync(join(resolvePath(folder, path), 'config.json'))
          ? undefined
          : vscode.l10n.t('There is no config.json in this folder.'),
      ),
  };
}

function textStep(folder: string): Step {
  return {
    placeholder: vscode.l10n.t('Which calibration text? Take text like that the model will see'),
    async choices() {
      const glob = '**/*.{txt,md,jsonl}';
      const found = await vscode.workspace.findFiles(glob, SKIPPED, MOST_FOUND);
      const paths = found.map((uri) => uri.fsPath).sort();
      return [
        ...paths.map((path) => pathChoice(folder, path, 'file-text')),
        browseChoice(folder, vscode.l10n.t('Another file…'), { canSelectFiles: true }),
      ];
    },
    validate: (path) =>
      Promise.resolve(
        existsSync(resolvePath(folder, path)) ? undefined : vscode.l10n.t('There is no such file.'),
      ),
  };
}

function purposeStep(): Step {
  const narrow = {
    label: vscode.l10n.t('A narrower model'),
    detail: vscode.l10n.t('search for the subnet to keep, and reform it: smaller and faster'),
    value: '',
  };
  const others = purposeRecipes.map(({ label, detail }) => ({ label, detail, value: label }));
  return {
    placeholder: vscode.l10n.t('What is it for?'),
    choices: () => Promise.resolve([narrow, ...others]),
  };
}

function recipeOf(purpose: string): PurposeRecipe | undefined {
  return purposeRecipes.find(({ label }) => label === purpose);
}

function ratioStep(): Step {
  const remarks: readonly (readonly [string, string])[] = [
    ['0.9', vscode.l10n.t('a careful start')],
    ['0.8', vscode.l10n.t('usual')],
    ['0.7', vscode.l10n.t('noticeable')],
    ['0.5', vscode.l10n.t('half: expect a worse model')],
  ];
  return {
    placeholder: vscode.l10n.t('What share of the block parameters is kept? Pick or type'),
    choices(answers) {
      const isSparse = recipeOf(answers.at(-1) ?? '')?.ratio === 1;
      const all = [
        '1',
        vscode.l10n.t('every unit stays: only zeros are put into weights'),
      ] as const;
      const offered = isSparse ? [all, ...remarks] : remarks;
      return Promise.resolve(
        offered.map(([value, description]) => ({ label: value, description, value })),
      );
    },
    validate(text) {
      const ratio = Number(text);
      const fits = text.trim() !== '' && ratio > 0 && ratio <= 1;
      return Promise.resolve(
        fits ? undefined : vscode.l10n.t('A number above 0 and at most 1, e.g. 0.7.'),
      );
    },
  };
}

function nameStep(folder: string, known: string | undefined): Step {
  return {
    placeholder: vscode.l10n.t('Name of the config file'),
    initial(answers) {
      const [model = '', , purpose = '', ratio = ''] =
        known === undefined ? answers : [known, ...answers];
      const share = Number(ratio) === 1 ? [] : [Math.round(100 * Number(ratio))];
      const parts = [basename(modelName(model)), ...share, recipeOf(purpose)?.suffix ?? []].flat();
      return parts.join('-').replaceAll(/[^\w.-]+/g, '-');
    },
    validate(text) {
      const name = text.trim();
      const file = `${name}.subnet.jsonc`;
      if (!/^[\w][\w .-]*$/.test(name) || name.length > LONGEST_NAME) {
        return Promise.resolve(vscode.l10n.t('Letters, digits, dots, blanks and - only, please.'));
      }
      return Promise.resolve(
        existsSync(join(folder, file)) ? vscode.l10n.t('{0} exists already.', file) : undefined,
      );
    },
  };
}

function pathChoice(folder: string, path: string, icon: string): StepChoice {
  return {
    icon,
    label: basename(path),
    description: vscode.workspace.asRelativePath(dirname(path)),
    value: writtenPath(folder, path),
  };
}

function browseChoice(
  folder: string,
  label: string,
  options: vscode.OpenDialogOptions,
): StepChoice {
  return {
    icon: 'folder-opened',
    label,
    alwaysShow: true,
    browse: async () => {
      const [uri] =
        (await vscode.window.showOpenDialog({
          canSelectFiles: false,
          defaultUri: vscode.Uri.file(folder),
          ...options,
        })) ?? [];
      return uri === undefined ? undefined : writtenPath(folder, requireDisk(uri));
    },
  };
}
