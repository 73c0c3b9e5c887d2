import * as vscode from 'vscode';
import type { InspectReport } from '../../protocol/engineApi.ts';
import { bytesText, countText } from '../../protocol/sizeText.ts';
import { markdownText } from './messages.ts';

/** What is in a model folder and what of it can be pruned, as a page to read. */
export function inspectPage(report: InspectReport, name: string): string {
  const { t } = vscode.l10n;
  const { family, layers, hidden, heads, kvHeads, headDim, intermediate, vocab } = report;
  const parts = report.parts.map(
    (part) =>
      `| ${[
        markdownText(part.name),
        part.prunable ? String(part.units) : '–',
        countText(part.params),
        part.prunable ? t('yes') : t('no'),
      ].join(' | ')} |`,
  );
  return [
    `# ${markdownText(name)}`,
    t(
      '{0} of {1} blocks: {2} parameters, {3} of them in blocks; {4} on disk in {5}.',
      family,
      layers,
      countText(report.params),
      countText(report.blockParams),
      bytesText(report.bytes),
      report.dtype,
    ),
    t(
      'Hidden size {0}, MLP {1}, vocabulary {2}, at most {3} tokens.',
      ...[hidden, intermediate, vocab, report.maxPositions],
    ),
    t('{0} heads of {1} dimensions on {2} key/value heads.', heads, headDim, kvHeads),
    `| ${[t('part'), t('units'), t('parameters'), t('prunable')].join(' | ')} |\n| --- | ---: | ---: | --- |\n${parts.join('\n')}`,
    report.parts
      .map(({ name: part, reason }) => `- **${markdownText(part)}**: ${markdownText(reason)}`)
      .join('\n'),
    ...report.notes.map(markdownText),
  ].join('\n\n');
}
