import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { DeviceReport } from '../../protocol/runRecord.ts';
import { serviceApi } from '../../protocol/serviceApi.ts';
import { cancelled } from '../../protocol/errors.ts';
import { cudaPage } from '../devices/cudaPage.ts';
import { refusalText } from '../devices/deviceKnowledge.ts';
import { hardwareName } from '../devices/hardwareNames.ts';
import { commandRemedy, firstRun, HostError, type Remedy } from '../hostError.ts';
import { setting, writeSetting, type Settings } from '../settings.ts';
import { requireDisk, requireTrust } from '../trust.ts';
import { diagnosticsText } from '../ui/diagnostics.ts';
import { joined } from '../ui/format.ts';
import { inspectPage } from '../ui/inspectPage.ts';
import type { App } from './app.ts';
import { pickOne, type Choice } from './ask.ts';
import { openAtEnd } from './openCommands.ts';
import type { Target } from './target.ts';
import { showProgress } from '../ui/messages.ts';

/** Name of the service's log in its folder. */
const SERVICE_LOG = 'service.log';

/** Tests the devices of the machine, and makes one the default of runs. */
export async function selectDevice(app: App): Promise<string> {
  requireTrust();
  const devices = await showProgress(
    vscode.l10n.t('Testing the devices of this machine'),
    (signal) => app.service.request(serviceApi.devices, {}, signal),
  );
  app.devices.remember(devices);
  const now = setting('device');
  const auto = {
    icon: 'sparkle',
    label: 'auto',
    description: joined(
      vscode.l10n.t('the fastest device that passes the self-test'),
      now === 'auto' && vscode.l10n.t('now'),
    ),
    value: 'auto' as const,
  };
  const device = await pickOne<Settings['device']>(
    [auto, ...devices.filter(isKnown).map((one) => deviceChoice(one, now))],
    {
      title: vscode.l10n.t('Device of runs whose config names none'),
      matchOnDetail: true,
    },
  );
  const refused = devices.find((one) => one.device === device && !one.ok);
  if (refused !== undefined) {
    throw new HostError(
      'device',
      {
        what: device,
        expected: vscode.l10n.t('a device that passes its self-test'),
        found: refused.reason,
        sentence: refusalText(refused),
        action: vscode.l10n.t('Choose another device; "auto" always works.'),
      },
      [
        commandRemedy(vscode.l10n.t('Choose Another'), 'selectDevice'),
        ...(device === 'cuda' ? [howToInstallCuda(app)] : []),
      ],
    );
  }
  await writeSetting('device', device);
  return vscode.l10n.t('Device: {0}', device);
}

/** Shows what of a model can be pruned, and why not; reads its headers alone. */
export async function inspectModel(app: App, targets: readonly Target[]): Promise<undefined> {
  const [target] = targets;
  const folder = target?.file ?? target?.config?.fsPath ?? (await askModel(app));
  const reading = await app.models.read(folder);
  const name = basename(folder);
  if (reading.kind === 'model') {
    await app.pages.show(name, inspectPage(reading.report, name));
    return;
  }
  throw new HostError(
    'checkpoint',
    {
      what: folder,
      expected: vscode.l10n.t('a model folder that can be read'),
      found: reading.why,
      sentence: vscode.l10n.t('{0} cannot be used: {1}', folder, reading.why),
      action: vscode.l10n.t('Choose a folder with config.json, tokenizer.json and *.safetensors.'),
    },
    [commandRemedy(vscode.l10n.t('Choose Another'), 'inspectModel')],
  );
}

/** Copies what a report of a problem needs: versions, platform, devices, last events; no user text. */
export async function copyDiagnostics(app: App): Promise<string> {
  await vscode.env.clipboard.writeText(await diagnosticsText(app));
  const said = vscode.l10n.t('Diagnostics copied.');
  vscode.window.setStatusBarMessage(said, 4000);
  return said;
}

/** Shows the log of this window's part of the extension. */
export function showLog(app: App): Promise<undefined> {
  app.log.show();
  return Promise.resolve(undefined);
}

/** Opens the log of the engine service. */
export async function showEngineLog(app: App): Promise<undefined> {
  const path = join(app.serviceFolder, SERVICE_LOG);
  if (!existsSync(path)) {
    throw new HostError(
      'run',
      {
        what: path,
        expected: vscode.l10n.t('the log of the engine service'),
        found: vscode.l10n.t('none: it was never started'),
        sentence: vscode.l10n.t('There is no engine log yet, as the engine was never started.'),
        action: vscode.l10n.t('Start a run first.'),
      },
      firstRun(),
    );
  }
  await openAtEnd(path);
}

async function askModel(app: App): Promise<string> {
  const models = await app.models.list();
  const browse = vscode.l10n.t('Another folder…');
  const chosen = await pickOne<string | undefined>(
    [
      ...models.map(({ name, folder }) => ({
        icon: 'package',
        label: name,
        description: vscode.workspace.asRelativePath(folder),
        value: folder,
      })),
      { icon: 'folder-opened', label: browse, value: undefined, alwaysShow: true },
    ],
    { title: vscode.l10n.t('Inspect which model?') },
  );
  if (chosen !== undefined) return chosen;
  const [folder] =
    (await vscode.window.showOpenDialog({
      canSelectFiles: false,
      canSelectFolders: true,
      openLabel: vscode.l10n.t('Inspect'),
      title: vscode.l10n.t('Folder of a model: config.json, tokenizer.json, *.safetensors'),
    })) ?? [];
  if (folder === undefined) throw cancelled();
  return requireDisk(folder);
}

const names = ['cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;

function howToInstallCuda(app: App): Remedy {
  const label = vscode.l10n.t('How to Install CUDA');
  const page = (): string => cudaPage(app.context.extensionPath);
  return { label, run: () => app.pages.show(vscode.l10n.t('Use CUDA'), page()) };
}

function isKnown(
  report: DeviceReport,
): report is DeviceReport & { device: (typeof names)[number] } {
  return (names as readonly string[]).includes(report.device);
}

function deviceChoice(
  report: DeviceReport & { readonly device: (typeof names)[number] },
  now: string,
): Choice<Settings['device']> {
  const { device, ok, chosen } = report;
  const { t } = vscode.l10n;
  return {
    icon: ok ? 'pass' : 'circle-slash',
    label: device,
    description: joined(hardwareName(device), device === now && t('now')),
    // Rates differ by a factor of four from one minute to the next, so only their order is told.
    detail: !ok
      ? refusalText(report)
      : chosen
        ? t('Passes the self-test and was the fastest in it.')
        : t('Passes the self-test.'),
    value: device,
  };
}
