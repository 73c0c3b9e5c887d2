import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Activation } from '../../../src/engine/model/modelShape.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import type { Tap } from '../../../src/engine/graphs/runner.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { mlpStatistics } from '../../../src/engine/sparsity/mlpProbe.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { relativeDifference } from '../../fixtures/randomMatrix.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
after(() => runtime.release());

/** The activations and their derivatives, written out. */
const functions: Partial<
  Record<Activation, readonly [(g: number) => number, (g: number) => number]>
> = {
  silu: [
    (g) => g / (1 + Math.exp(-g)),
    (g) => (1 + Math.exp(-g) + g * Math.exp(-g)) / (1 + Math.exp(-g)) ** 2,
  ],
  geluTanh: [
    (g) => 0.5 * g * (1 + Math.tanh(bent(g))),
    (g) => {
      const t = Math.tanh(bent(g));
      return 0.5 * (1 + t) + 0.5 * g * (1 - t * t) * 0.7978845608 * (1 + 0.134145 * g * g);
    },
  ],
};

/** The names of activations in config.json. */
const NAMES: Readonly<Record<Activation, string>> = {
  silu: 'silu',
  relu: 'relu',
  gelu: 'gelu',
  geluTanh: 'gelu_pytorch_tanh',
};

describe('a look at an MLP', () => {
  for (const [activation, [act, slope]] of Object.entries(functions)) {
    it(`with ${activation} sums what its neurons do, one by one`, async () => {
      const weights = tinyWeights({ config: { hidden_act: NAMES[activation as Activation] } });
      const forward = new ForwardPass(runtime, weights.shape);
      const rng = rngFor(1, 'windows');
      const windows = [0, 1].map(() => Uint32Array.from({ length: 20 }, () => rng.int(96)));
      const states = await forward.embed(
        weights,
        windows.map((window) => [window]),
      );
      const layer = weights.layers[0]!;
      const mask = denseSubnet(weights.shape).layers[0]!;
      const at = { index: 0, kind: 'mlp', layer, mask, states, reads: states } as const;
      const taps: Tap[] = [];
      await forward.sublayer('mlp', layer, mask, states, { tap: (tap) => void taps.push(tap) });
      const sums = expected(taps, layer.gate!.weight, layer.up.weight, act, slope);

      const sets = [
        [null, Uint32Array.of(0, 7)],
        [new Uint32Array(0), Uint32Array.of(19)],
      ];
      const wish = { gram: true, sensitivity: true, sets };
      const found = await mlpStatistics(forward, at, wish);
      assert.equal(found.tokens, 40);
      const pairs = {
        normed: [found.normed.squares, sums.normed],
        inner: [found.inner.squares, sums.inner],
        gate: [found.sensitivity!.gate, sums.gate],
        up: [found.sensitivity!.up, sums.up],
      } as const;
      for (const [name, [mine, theirs]] of Object.entries(pairs)) {
        // The derivative is a central difference: its error is the square of the step.
        assert.ok(relativeDifference(mine, theirs) < (name === 'gate' ? 1e-3 : 1e-5), name);
      }
      for (const [set, rows] of [
        [0, [...Array.from({ length: 20 }).keys(), 20, 27]],
        [1, [39]],
      ] as const) {
        const normed = Float32Array.from(taps.flatMap((tap) => [...tap.normed]));
        const energy = Float64Array.from({ length: 32 }, (_, c) =>
          rows.reduce((sum, row) => sum + normed[row * 32 + c]! ** 2, 0),
        );
        const diagonal = found.normedSets[set]!.filter((_, i) => i % 33 === 0);
        assert.ok(relativeDifference(diagonal, energy) < 1e-5, `set ${set}`);
      }
      const diagonal = found.inner.gram!.filter((_, i) => i % 65 === 0);
      assert.ok(relativeDifference(diagonal, sums.inner) < 1e-5);
      const bare = await mlpStatistics(forward, at, {
        ...{ gram: false, sensitivity: false, sets: [] },
      });
      assert.deepEqual(bare.inner, { squares: found.inner.squares, gram: null });
      assert.equal(bare.sensitivity, null);
    });
  }
});

function bent(g: number): number {
  return 0.7978845608 * (g + 0.044715 * g ** 3);
}

function expected(
  taps: readonly Tap[],
  gate: Float32Array,
  up: Float32Array,
  act: (g: number) => number,
  slope: (g: number) => number,
): Record<'normed' | 'inner' | 'gate' | 'up', Float64Array> {
  const of = (length: number): Float64Array => new Float64Array(length);
  const sums = { normed: of(32), inner: of(64), gate: of(64), up: of(64) };
  for (const { normed } of taps) {
    for (let at = 0; at < normed.length; at += 32) {
      const x = normed.subarray(at, at + 32);
      x.forEach((value, i) => (sums.normed[i]! += value ** 2));
      for (let i = 0; i < 64; i++) {
        const dot = (w: Float32Array): number =>
          x.reduce((sum, value, k) => sum + value * w[i * 32 + k]!, 0);
        const [g, u] = [dot(gate), dot(up)];
        sums.inner[i]! += (act(g) * u) ** 2;
        sums.gate[i]! += (slope(g) * u) ** 2;
        sums.up[i]! += act(g) ** 2;
      }
    }
  }
  return sums;
}
