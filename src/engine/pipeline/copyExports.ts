import { basename, dirname, join, resolve } from 'node:path';
import { hashFile } from '../../files/fileHash.ts';
import type { ExportForm, ExportRequest } from '../../protocol/engineApi.ts';
import type { ExportReport } from '../../protocol/runRecord.ts';
import { copyVerified, type ExportHashes } from '../export/exportHashes.ts';
import { copySubnetConfig, SUBNET_FILE } from '../export/subnetConfig.ts';
import { readResults } from '../runs/runLayout.ts';

/**
 * Copies an export to the folder that was asked for: subnet.json, and those forms that the run has
 * written and verified itself, so that they need not be made again and are the very same.
 *
 * What is copied is what was verified, byte for byte. Of a subnet.json that was edited, and of runs of
 * older versions, which recorded no hashes, nothing is: the forms are then still to be written.
 * @param subnet  path of the subnet.json that is exported
 * @param folder  made if needed
 * @returns  a report of each copy; forms without one are still to be written
 * @throws EngineError `verify` for an export that was changed after it was verified; `checkpoint` for
 *   changed reformed weights; `disk`, `decode`, `cancelled`
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
  if (dtype !== undefined) return reports;
  for (const { report, hashes } of await verifiedOf(resolve(path), subnet, signal)) {
    const { form } = report;
    if (!forms.includes(form as ExportForm)) continue;
    if (!(await copyVerified(join(dirname(subnet), form), folder, hashes, signal))) continue;
    const isFile = basename(report.path) !== form;
    reports.push({ ...report, path: join(folder, form, isFile ? basename(report.path) : '') });
  }
  return reports;
}

/** What a run has verified of its own exports, of the subnet.json as it is now. */
async function verifiedOf(
  runFolder: string,
  subnet: string,
  signal: AbortSignal,
): Promise<readonly { readonly report: ExportReport; readonly hashes: ExportHashes }[]> {
  const exports = readResults(runFolder)?.exports ?? [];
  const config = exports.find(({ form }) => form === 'subnet')?.hashes?.[SUBNET_FILE];
  if (config === undefined || config !== (await hashFile(subnet, signal))) return [];
  return exports.flatMap((report) => {
    const { form, verified, hashes } = report;
    if (form === 'subnet' || verified === null || hashes === undefined) return [];
    return [{ report, hashes }];
  });
}
