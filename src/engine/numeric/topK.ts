/**
 * The indices of the k largest scores. Equal scores: the lower index wins, so the choice is the
 * same on every machine. Scores that are not numbers rank last.
 * @param k  how many, clamped to 0 … scores.length
 * @returns  ascending
 */
export function topK(scores: Float64Array, k: number): Uint32Array {
  return rankDescending(scores)
    .subarray(0, Math.max(0, k))
    .toSorted((a, b) => a - b);
}

/** All indices from the largest score to the smallest, ties by ascending index. */
export function rankDescending(scores: Float64Array): Uint32Array {
  const order = Uint32Array.from({ length: scores.length }, (_, index) => index);
  return order.sort((a, b) => {
    const left = rankable(scores[a]!);
    const right = rankable(scores[b]!);
    return left === right ? a - b : left < right ? 1 : -1;
  });
}

function rankable(score: number): number {
  return Number.isNaN(score) ? -Infinity : score;
}
