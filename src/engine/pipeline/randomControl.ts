import { blockBudget } from '../model/cost.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { Subnet } from '../model/subnet.ts';
import { rngFor } from '../numeric/rng.ts';
import { randomSubnet } from '../search/baseline.ts';
import { encodeSubnet } from '../subnet/encode.ts';
import type { RunContext } from './runContext.ts';

/**
 * The random subnet on the budget that a run compares its own with, kept as `masks/random.json`.
 * @returns  null when the config asks for none
 */
export function randomControl({ config, folder }: RunContext, shape: ModelShape): Subnet | null {
  if (!config.evaluation.random) return null;
  const problem = { shape, masks: config.attention, budget: blockBudget(shape, config.ratio) };
  const random = randomSubnet(problem, rngFor(config.seed, 'random control'));
  folder.writeMasks('random', encodeSubnet(random));
  return random;
}
