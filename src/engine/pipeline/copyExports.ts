import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { copyFolder } from '../../files/copyFolder.ts';
import type { ExportForm, ExportRequest } from '../../protocol/engineApi.ts';
import { throwIfAborted } from '../../protocol/errors.ts';
import type { ExportReport } from '../../protocol/runRecord.ts';
import { copySubnetConfig } from '../export/subnetConfig.ts';
import { readResults } from '../runs/runLayout.ts';

/**
 * Copies an export to the folder that was asked for: subnet.json, and those forms that the run has
 * written and verified itself, so that they need not be made again and are the very same.
 * @param subnet  path of the subnet.json that is exported
 * @param folder  made if needed
 * @returns  a report of each copy; forms without one are still to be written
 * @throws EngineError `disk`, `decode`, `cancelled`
 */
export async function copyExports(
  subnet: string,
  folder: string,
  { path, forms, dtype }: ExportRequest,
  signal: AbortSignal,
): Promise<readonly ExportReport[]> {
  const written = await copySubnetConfig(subnet, folder);
  const none = { verified: null, loadable: null, prefillMs: null, decodeMs: null };
  const reports: ExportReport[] = [{ form: 'subnet', ...written, ...none }];
  const made = dtype === undefined ? verifiedOf(resolve(path)) : [];
  for (const report of made.filter(({ form }) => forms.includes(form as ExportForm))) {
    throwIfAborted(signal);
    const { form } = report;
    const rules = { links: 'refused', mostBytes: Infinity } as const;
    await copyFolder(join(dirname(subnet), form), folder, form, rules);
    const isFile = basename(report.path) !== form;
    reports.push({ ...report, path: join(folder, form, isFile ? basename(report.path) : '') });
  }
  return reports;
}

/** What a run has verified of its own exports and still has. */
function verifiedOf(runFolder: string): readonly ExportReport[] {
  const exports = readResults(runFolder)?.exports ?? [];
  return exports.filter(
    ({ verified, path, form }) => form !== 'subnet' && verified !== null && existsSync(path),
  );
}
