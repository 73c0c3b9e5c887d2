import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { figureTitles } from '../../src/protocol/runWords.ts';
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
    const ratio = (of: number, to: number): string => (to > 0 ? `${(of / to).toFixed(2)}×` : '–');
    const [prefill, decode] = [
      ratio(sparse.prefillMs, base.prefillMs),
      ratio(sparse.decodeMs, base.decodeMs),
    ];
    const name = figureTitles[from].toLowerCase();
    parts[0] = `${claim} the sparse decoder takes ${prefill} the time of the ${name} one to read a prompt, and ${decode} for each further token.`;
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
