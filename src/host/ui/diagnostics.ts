import { release } from 'node:os';
import * as vscode from 'vscode';
import { countText } from '../../protocol/sizeText.ts';
import type { App } from '../commands/app.ts';
import { setting } from '../settings.ts';
import { formatDuration, joined } from './format.ts';

/** Runs that are told of. */
const MOST_RUNS = 5;

/**
 * What a report of a problem needs: versions, platform, states, devices and figures of the last runs.
 * Nothing a user wrote: no names, paths, texts or config values.
 */
export async function diagnosticsText(app: App): Promise<string> {
  const { version } = app.context.extension.packageJSON as { readonly version: string };
  await app.store.start();
  const { state, jobs } = app.service;
  const runs = app.store.runs.slice(0, MOST_RUNS).map(({ manifest, digest, state: stands }) => {
    const { model, versions } = manifest;
    const devices = digest.devices.map(({ device, ok, reason, gflops }) =>
      joined(
        device,
        ok ? 'ok' : 'refused',
        gflops !== null && `${gflops.toFixed(0)} GFLOP/s`,
        reason,
      ),
    );
    const spent = (digest.lastMs ?? 0) - (digest.startedMs ?? 0);
    return [
      `- ${stands}, stage ${digest.stage ?? '-'}, generation ${digest.generation ?? '-'}`,
      `${formatDuration(spent)} between its first and last event`,
      model === undefined ? 'model unknown' : `${model.family} of ${countText(model.params)}`,
      `engine ${versions['engine'] ?? '?'}, onnxruntime ${versions['onnxruntime'] ?? '?'}`,
      `devices: ${devices.join(', ') || 'none tried'}`,
    ].join('; ');
  });
  return [
    '### Subnet Studio diagnostics',
    `- extension ${version}, VS Code ${vscode.version} (${vscode.env.appHost})`,
    `- ${process.platform} ${process.arch} ${release()}, Node ${process.versions.node}`,
    `- remote: ${vscode.env.remoteName ?? 'none'}, UI: ${vscode.UIKind[vscode.env.uiKind]}`,
    `- workspace: ${vscode.workspace.workspaceFolders?.length ?? 0} folders, ${
      vscode.workspace.isTrusted ? 'trusted' : 'not trusted'
    }`,
    `- device setting ${setting('device')}, own Node ${setting('nodePath') === '' ? 'no' : 'yes'}`,
    `- service ${state.kind}; jobs: ${jobs.map((job) => `${job.work.kind} ${job.state}`).join(', ') || 'none'}`,
    ...jobs.flatMap(({ error }) => (error === null ? [] : [`- job error: ${error.code}`])),
    '',
    `Newest of ${app.store.runs.length} runs:`,
    ...runs,
    '',
  ].join('\n');
}
