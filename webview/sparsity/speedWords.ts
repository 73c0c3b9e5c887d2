import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { figureTitles } from '../../src/protocol/runWords.ts';
import { speedChange, timedSteps, type SpeedChange } from '../../src/protocol/speedChange.ts';
import { speedText } from '../data/speedText.ts';
import { formatBytes } from '../format.ts';

/**
 * What zeros cost and bring on this device, measured where it was: time as ratios to the same model
 * without zeros, and size on disk.
 */
export function speedWords({ model }: RunSnapshot): string {
  const { figures, exports } = model;
  const { sparse } = figures;
  const from = (['reformed', 'searched', 'dense'] as const).find(
    (name) => figures[name] !== undefined,
  );
  const base = from === undefined ? undefined : figures[from];
  const claim = 'ONNX Runtime computes zeros like any number:';
  const parts = [`${claim} they save space on disk, not time.`];
  if (sparse !== undefined && base !== undefined && from !== undefined) {
    const name = figureTitles[from].toLowerCase();
    const [prefill, decode] = timedSteps.map((step) =>
      besideText(speedChange(step, sparse.timing, base.timing), name),
    );
    if (prefill !== '' && decode !== '') {
      parts[0] = `${claim} the sparse decoder reads a prompt ${prefill}, and decodes a token ${decode}.`;
    }
  }
  const compressed = exports.find(({ form }) => form === 'compressed');
  if (compressed !== undefined) {
    const plain = exports.find(({ form }) => form === 'checkpoint')?.bytes ?? sparse?.bytes;
    const beside = plain === undefined ? '' : `, ${formatBytes(plain)} with them`;
    parts.push(
      `Stored without its zeros the checkpoint takes ${formatBytes(compressed.bytes)}, indices included${beside}.`,
    );
  }
  return parts.join(' ');
}

function besideText(change: SpeedChange, name: string): string {
  if (change.kind === 'none') return `as fast as the ${name} one`;
  const text = speedText(change);
  return text === '' ? '' : `${text} than the ${name} one`;
}
