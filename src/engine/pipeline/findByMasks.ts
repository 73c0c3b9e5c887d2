import * as Type from 'typebox';
import { blockBudget } from '../model/cost.ts';
import type { Subnet } from '../model/subnet.ts';
import { initialSubnet } from '../search/baseline.ts';
import { encodeSubnet } from '../subnet/encode.ts';
import type { FoundSubnet } from './foundSubnet.ts';
import { randomControl } from './randomControl.ts';
import { reformStage } from './reformStage.ts';
import type { RunContext } from './runContext.ts';
import { type Scored, scoreStage } from './scoreStage.ts';
import { searchStage } from './searchStage.ts';
import type { TokenPlan } from './tokenPlan.ts';
import type { Workbench } from './workbench.ts';

/**
 * Finds a subnet by the paper's method: units are scored, masks on the budget evolved, and the weights
 * of the fittest refitted.
 * @throws EngineError as the stages do
 */
export async function findByMasks(
  run: RunContext,
  bench: Workbench,
  tokens: TokenPlan,
): Promise<FoundSubnet> {
  const { weights } = bench;
  const scored = await scoreStage(run, bench, tokens.calibration);
  const { initialised, random, budget } = await startSubnets(run, bench, scored);
  const subnet = await searchStage(run, bench, {
    ...{ scored, initial: initialised, budget },
    windows: tokens.search,
  });
  const searched = { weights, subnet };
  const reform = await reformStage(run, bench, { dense: weights, ...searched }, tokens.calibration);
  return {
    ...{ searched, reform, wasSearched: run.config.search.enabled, rotated: false },
    initialised: { weights, subnet: initialised },
    random: random === null ? null : { weights, subnet: random },
  };
}

/** The subnets that need no search, all on the budget. */
function startSubnets(
  run: RunContext,
  { weights: { shape } }: Workbench,
  { scores }: Scored,
): Promise<{ budget: number; initialised: Subnet; random: Subnet | null }> {
  const { config } = run;
  const budget = blockBudget(shape, config.ratio);
  const problem = { shape, masks: config.attention, budget };
  return run.stage('score', {
    kept: Type.Object({}),
    restore: () => {
      const initialised = initialSubnet(problem, scores);
      const random = randomControl(run, shape);
      run.folder.writeMasks('initialised', encodeSubnet(initialised));
      return { budget, initialised, random };
    },
    work: () => Promise.resolve({ budget }),
  });
}
