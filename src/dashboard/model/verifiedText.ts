import type { ExportReport } from '../../protocol/runRecord.ts';

/**
 * How an export was verified, in sentences: how far it is from the searched model, beside what is
 * allowed, and what rounding its weights costs. The files may have been changed since; whoever copies
 * them looks.
 */
export function verifiedText(verified: NonNullable<ExportReport['verified']>): readonly string[] {
  const { maxDifference, tolerance, largestLogit, klNats, klTolerance, tokens } = verified;
  const { rounding = null, activations = null } = verified;
  if (largestLogit === undefined || klNats === undefined || klTolerance === undefined) {
    // By an older version, whose tolerance held the rounding of the weights too.
    return [
      `Verified when written, on ${tokens} tokens: logits differ by at most ${few(maxDifference)}.`,
    ];
  }
  const share = (value: number): string => few(largestLogit > 0 ? value / largestLogit : 0);
  return [
    `Verified when written, on ${tokens} tokens: logits differ by ${share(maxDifference)} of the largest (${share(tolerance)} allowed), KL divergence ${few(klNats)} nats (${few(klTolerance)} allowed).`,
    ...(rounding === null
      ? []
      : [`Rounding the weights costs a KL divergence of ${few(rounding.klNats)} nats.`]),
    ...(activations === null
      ? []
      : [
          `Rounding activations costs ${few(activations.klNats)} nats (${few(activations.limitNats)} allowed).`,
        ]),
  ];
}

/** Two digits that count: `0.25`, `1.8e-6`, `0`. */
function few(value: number): string {
  const rounded = Number(value.toPrecision(2));
  return rounded === 0 || rounded >= 0.01 ? String(rounded) : rounded.toExponential();
}
