import * as Type from 'typebox';
import { fraction, probability, section, whole } from './configFields.ts';

/** Headroom of counts that only cost time: far above any sensible run, far below overflow. */
const MANY = 1_000_000;

const mutation = section('How likely a child changes, and in what (probabilities).', {
  depth: probability('That a block is switched on or off (probability). Paper: 0.1.'),
  ratio: probability('That a gene gets another kept fraction (probability). Paper: 0.1.'),
  mask: probability('That a mask swaps some of its units (probability). Paper: 0.3.'),
  initialRatio: probability(
    'As "ratio", for the first and the fresh children (probability). Paper: 0.3.',
  ),
  initialMask: probability(
    'As "mask", for the first and the fresh children (probability). Paper: 0.6.',
  ),
});

const ranges = section('What the search may choose from.', {
  attention: Type.Tuple([fraction('Lowest.'), fraction('Highest.'), fraction('Step.')], {
    description:
      'Kept fraction of an attention head (fractions: lowest, highest, step). Wider is freer and slower to search. Paper: by ratio, e.g. [0.6, 1, 0.01] at 0.5.',
  }),
  mlp: Type.Tuple([fraction('Lowest.'), fraction('Highest.'), fraction('Step.')], {
    description:
      'Kept fraction of an MLP (fractions: lowest, highest, step). Wider is freer and slower to search. Paper: by ratio, e.g. [0.1, 1, 0.05] at 0.5.',
  }),
  depth: Type.Tuple([fraction('Fewest.'), fraction('Most.')], {
    description:
      'Blocks a subnet may keep (fractions of all blocks: fewest, most; rounded up). [1, 1] never removes a block. Paper: by ratio, e.g. [0.875, 1] for LLaMA-7B at 0.5.',
  }),
});

/** The `search` section of the run config. Fields without a default take it from the preset. */
export const searchSection = section('The evolutionary search.', {
  enabled: Type.Boolean({
    default: true,
    description:
      'false skips the search and keeps the importance-initialised subnet (switch). Paper: true.',
  }),
  preset: Type.Enum(['methodA', 'quick'], {
    default: 'methodA',
    description:
      'Where search values that are not named come from (name). "methodA": the published numbers, about 5,100 evaluations. "quick": about 220 evaluations whose draws follow the scores, for a first look.',
  }),
  fitness: Type.Enum(['perplexity', 'kl'], {
    description:
      'What a child is judged by (name), smaller is better: its perplexity, or its KL divergence from the dense model. Paper: perplexity.',
  }),
  windows: whole(
    'Windows of text a child is judged on (count). More is slower and less noisy. Paper: "a few", 5 in its code.',
    { minimum: 1, maximum: 65_536 },
  ),
  length: whole('Length of such a window (tokens); capped by the model. Paper: 2048.', {
    minimum: 8,
    maximum: 1_048_576,
  }),
  population: whole('Children of a generation (count). Time grows with it. Paper: 100.', {
    minimum: 2,
    maximum: MANY,
  }),
  top: whole(
    'Best children that survive and become parents (count). Fewer converges faster. Paper: 10.',
    { minimum: 1, maximum: MANY },
  ),
  generations: whole('Generations after the first (count). Time grows with it. Paper: 50.', {
    minimum: 0,
    maximum: MANY,
  }),
  mutations: whole('Children of a generation made by mutation (count). Paper: 50.', {
    minimum: 0,
    maximum: MANY,
  }),
  crossovers: whole(
    'Children of a generation made by crossing two parents (count); the rest of the population are fresh, strongly mutated ones. Paper: 30.',
    { minimum: 0, maximum: MANY },
  ),
  mutation,
  alpha: Type.Number({
    minimum: 0,
    maximum: 1,
    description:
      'Share of its kept units a mutated mask keeps (fraction). 1 never changes a mask. Paper: 0.8.',
  }),
  patience: whole(
    'Generations without improvement after which the search ends (count); 0 never ends early. Paper: 0.',
    { minimum: 0, maximum: MANY },
  ),
  blockOrder: Type.Enum(['influence', 'tail'], {
    description:
      'Which blocks are removed first (name): those that change the hidden state least, or the last ones. Paper: unstated; its code: tail.',
  }),
  ranges,
});
