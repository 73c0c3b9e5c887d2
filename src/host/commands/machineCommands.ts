import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { DeviceReport } from '../../protocol/runRecord.ts';
import { serviceApi } from '../../protocol/serviceApi.ts';
import { cancelled, EngineError } from '../../protocol/errors.ts';
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

/** Tries the devices of the machine, and makes one the default of runs. */
export async function selectDevice(app: App): Promise<string> {
  requireTrust();
  const devices = await showProgress(
    vscode.l10n.t('Trying the devices of this machine'),
    (signal) => app.service.request(serviceApi.devices, {}, signal),
  );
  const now = setting('device');
  const auto = {
    icon: 'sparkle',
    label: 'auto',
    description: joined(
      vscode.l10n.t('the fastest that passes'),
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
    throw new EngineError('device', {
      what: device,
      expected: vscode.l10n.t('a device that passes its self-test'),
      found: refused.reason,
      action: vscode.l10n.t('Choose another one; "auto" always works.'),
    });
  }
  await writeSetting('device', device);
  return vscode.l10n.t('Device: {0}', device);
}

/** Tells what of a model can be pruned, and why not; reads its headers alone. */
export async function inspectModel(app: App, targets: readonly Target[]): Promise<undefined> {
  const [target] = targets;
  const folder = target?.file ?? target?.config?.fsPath ?? (await askModel(app));
  const reading = await app.models.read(folder);
  const name = basename(folder);
  if (reading.kind === 'model') {
    await app.pages.show(name, inspectPage(reading.report, name));
    return;
  }
  throw new EngineError('checkpoint', {
    what: folder,
    expected: vscode.l10n.t('a model folder that can be read'),
    found: reading.why,
    action: vscode.l10n.t('Choose a folder with config.json, tokenizer.json and *.safetensors.'),
  });
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
    throw new EngineError('run', {
      what: path,
      expected: vscode.l10n.t('the log of the engine service'),
      found: vscode.l10n.t('none: it was never started'),
      action: vscode.l10n.t('Start a run first.'),
    });
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

function isKnown(
  report: DeviceReport,
): report is DeviceReport & { device: (typeof names)[number] } {
  return (names as readonly string[]).includes(report.device);
}

function deviceChoice(
  report: DeviceReport & { readonly device: (typeof names)[number] },
  now: string,
): Choice<Settings['device']> {
  const { device, ok, gflops, reason } = report;
  return {
    icon: ok ? 'pass' : 'circle-slash',
    label: device,
    description: joined(
      gflops !== null && `${gflops.toFixed(0)} GFLOP/s`,
      device === now && vscode.l10n.t('now'),
    ),
    detail: reason,
    value: device,
  };
}
