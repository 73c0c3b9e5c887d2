import type { Rng } from '../numeric/rng.ts';
import type { Genome } from './genome.ts';
import { repair } from './repair.ts';
import type { Terrain } from './terrain.ts';

/**
 * A child of two parents, exactly on budget: where both have a block, each of its genes comes from
 * either parent with equal chance; where only one has it, the whole block does, presence included.
 *
 * Deviation: the published code crosses parents of equal depth only, gene by gene; going block by
 * block lets parents of different depth meet.
 * @param repairNoise  noise in where the repair gives and takes, in nats
 * @source METHODS sections 1.1 and 1.3
 */
export function crossover(
  terrain: Terrain,
  a: Genome,
  b: Genome,
  rng: Rng,
  repairNoise: number,
): Genome {
  const present: boolean[] = [];
  const kept: Uint32Array[][] = [];
  for (const layer of terrain.pools.keys()) {
    const both = a.present[layer] === true && b.present[layer] === true;
    const donor = rng.uniform() < 0.5 ? a : b;
    present.push(donor.present[layer]!);
    kept.push(
      donor.kept[layer]!.map((units, p) => {
        if (!both) return units;
        return (rng.uniform() < 0.5 ? a : b).kept[layer]![p]!;
      }),
    );
  }
  return repair(terrain, { present, kept }, { rng, noise: repairNoise });
}
