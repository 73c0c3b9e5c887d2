import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findChromium, launchChromium } from '../../test/browser/chromium.ts';
import { RECORDED } from '../../test/fixtures/recordedRuns.ts';
import { makeRecordedRun } from '../../test/fixtures/recordedRun.ts';
import { startCodeServer } from '../../test/vscode/codeServer.ts';
import { codeServerPieces } from '../../test/vscode/codeServerPieces.ts';
import { packagedVsix } from '../../test/vscode/installed.ts';
import { Workbench } from '../../test/vscode/workbench.ts';
import { atMost, figure, median, type Measurement } from './measurement.ts';

const WINDOWS = 3;

/** What activation costs the extension host of a real VS Code, on a workspace with runs. */
export async function activationBench(): Promise<Measurement[]> {
  const [pieces, chromium] = [await codeServerPieces(), await findChromium()];
  const missing = [pieces, chromium].find(({ ok }) => !ok);
  if (!pieces.ok || !chromium.ok) {
    console.error(`  activation was not measured: ${missing?.ok === false ? missing.reason : ''}`);
    return [];
  }
  const vsix = await packagedVsix();
  const home = await mkdtemp(join(tmpdir(), 'subnet-activation-'));
  const folder = join(home, 'workspace');
  for (const name of ['tiny', 'mid']) makeRecordedRun(folder, RECORDED.get(name)!);
  const options = { folder, vsix: [vsix], home: join(home, 'code') };
  const server = await startCodeServer(pieces, options);
  const browser = await launchChromium(chromium);
  try {
    const [counted, own]: [number[], number[]] = [[], []];
    for (let i = 0; i < WINDOWS; i++) {
      const workbench = await Workbench.open(browser, server);
      await workbench.openView('Subnet Studio');
      await workbench.treeRow('mid').waitFor();
      counted.push(await countedMs(workbench));
      await workbench.close();
    }
    const logs = await server.logFiles();
    for (const [name, text] of logs) {
      if (!name.endsWith('Subnet Studio.log')) continue;
      for (const [, ms] of text.matchAll(/active after ([\d.]+) ms/g)) own.push(Number(ms));
    }
    return [
      ...(own.length > 0 ? [atMost('activation of the extension', median(own), 50, 'ms')] : []),
      figure('the same as VS Code counts it while it starts', median(counted), 'ms'),
    ];
  } finally {
    await browser.close();
    await server.stop();
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** What VS Code itself says of it. */
async function countedMs(workbench: Workbench): Promise<number> {
  await workbench.runCommand('Developer: Show Running Extensions');
  const row = workbench.page.locator('.runtime-extensions-editor .extension');
  const text = await row.filter({ hasText: 'Subnet Studio' }).first().innerText();
  const ms = /Activation: (\d+)ms/.exec(text)?.[1];
  if (ms === undefined) throw new Error(`VS Code says of the activation: ${text}`);
  return Number(ms);
}
