import * as Type from 'typebox';
import type { Static } from 'typebox';
import { compareSection } from './compareSection.ts';
import { section, whole } from './configFields.ts';
import { DEFAULT_METHOD, methodNames } from './methods.ts';
import { searchSection } from './searchSection.ts';
import { sparsifySection } from './sparsifySection.ts';

const calibration = section('The text the per-layer statistics are gathered on.', {
  windows: whole(
    'Windows of text (count). More is steadier and proportionally slower. Paper: 128.',
    { default: 128, minimum: 1, maximum: 65_536 },
  ),
  length: whole('Length of a window (tokens); capped by the model. Paper: 2048.', {
    default: 2048,
    minimum: 8,
    maximum: 1_048_576,
  }),
});

const importance = section('How heads and neurons are ranked before the search.', {
  score: Type.Enum(['energy', 'obs', 'wanda', 'magnitude'], {
    default: 'energy',
    description:
      'The ranking (name). "energy": what a unit adds to the output of its block or to the attention logits. "obs": squared weight over the diagonal of the inverse Gram matrix, summed. "wanda": weight times input norm, summed. "magnitude": weight alone. Paper: obs.',
  }),
  damping: Type.Number({
    default: 0.01,
    exclusiveMinimum: 0,
    maximum: 10,
    description:
      'Added to the Gram diagonal before it is inverted (fraction of its mean). Larger is steadier and blurs the ranking. Paper: unstated, 0.01 is usual.',
  }),
});

const levels = section(
  'The widths at which every sublayer is refitted before the search; "method": "levels" only.',
  {
    diskGB: Type.Number({
      default: 20,
      exclusiveMinimum: 0,
      maximum: 100_000,
      description:
        'Most disk space that the refitted weights of a run may take (10⁹ bytes). With less, the search has fewer widths to choose from. Paper: none.',
    }),
  },
);

const reform = section(
  'Reforming the kept weights, once, after the search: they take over the work of those that went.',
  {
    method: Type.Enum(['leastSquares', 'admm', 'none'], {
      default: 'leastSquares',
      description:
        'How the kept columns of o_proj and down_proj are reformed (name). "leastSquares": the exact optimum in one solve. "admm": the iteration of the paper, corrected. "none": not at all. Paper: admm.',
    }),
    target: Type.Enum(['dense', 'layer'], {
      default: 'dense',
      description:
        'What a reformed layer should reproduce (name). "dense": the dense model, so errors of earlier blocks are repaired too. "layer": the old layer on the inputs it now sees. Paper: layer.',
    }),
    damping: Type.Union(
      [
        Type.Literal('auto'),
        Type.Number({ minimum: 0, maximum: 10 }),
        Type.Array(Type.Number({ minimum: 0, maximum: 10 }), { minItems: 1, maxItems: 32 }),
      ],
      {
        default: 'auto',
        description:
          'Added to the Gram diagonal of the solve (fraction of its mean): a number, or a list of which the best on held-back calibration tokens is taken; a weight matrix that none of them improves there stays as it is. "auto" tries 0.001, 0.01, 0.1, 1 and 10. Paper: unstated; its code: 0.1.',
      },
    ),
    rho: Type.Number({
      default: 1,
      exclusiveMinimum: 0,
      maximum: 1000,
      description:
        'ADMM penalty (no unit, on column-normalised inputs). Larger moves slower. Paper: 1.',
    }),
    iterations: whole('ADMM steps (count). Paper: 30.', {
      default: 30,
      minimum: 1,
      maximum: 10_000,
    }),
    windows: whole(
      'Calibration windows the reform uses (count). Default: calibration.windows. Paper: 128.',
      { minimum: 1, maximum: 65_536 },
    ),
  },
);

const evaluation = section('The final figures on held-out text.', {
  context: whole(
    'Window of the perplexity (tokens); capped by the model. Perplexities of different windows do not compare. Paper: 2048.',
    { default: 2048, minimum: 2, maximum: 1_048_576 },
  ),
  maxWindows: whole(
    'Windows to evaluate (count); 0 takes all of the text. A cap is for trying things out. Paper: all.',
    { default: 0, minimum: 0, maximum: 1_048_576 },
  ),
  random: Type.Boolean({
    default: true,
    description:
      'Also evaluate a random mask of the same size, the control every method must beat (switch). Paper: no.',
  }),
});

const exportForms = section('What is written at the end; every file is reloaded and compared.', {
  checkpoint: Type.Boolean({
    default: true,
    description: 'Write a small Hugging Face checkpoint (switch). Paper: no.',
  }),
  onnx: Type.Boolean({
    default: true,
    description: 'Write an ONNX decoder with a key/value cache (switch). Paper: no.',
  }),
  dtype: Type.Enum(['source', 'float32', 'float16', 'bfloat16'], {
    default: 'source',
    description:
      'Number format of the written weights (name). "source" keeps that of each tensor of the model; "float32" is the most exact and the largest. Paper: float16.',
  }),
  compressed: Type.Boolean({
    default: true,
    description:
      'Write sparse weights without their zeros, as values and bit masks (switch). Applies when "sparsify" is on. Paper: no.',
  }),
  quantise: Type.Enum(['none', 'int8', 'int4'], {
    default: 'none',
    description:
      'Integers that the linear maps of the ONNX decoder are stored as (name). "none" keeps "dtype". Paper: none.',
  }),
  groupSize: whole(
    'Neighbouring weights that share one scale when "quantise" is on (count; a power of two). Smaller is more exact and larger. Paper: none.',
    { default: 32, minimum: 16, maximum: 256 },
  ),
});

/** The one source of the run config: its JSON Schema, type, defaults, checker and documentation. */
export const runConfigSchema = Type.Object(
  {
    $schema: Type.Optional(
      Type.String({
        description: 'Where an editor finds this schema (path or URL). Has no effect on the run.',
      }),
    ),
    model: Type.String({
      minLength: 1,
      description:
        'Folder of the model (path, relative to this file) with config.json, tokenizer.json and *.safetensors.',
    }),
    ratio: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      description:
        'Share of the prunable block parameters to KEEP (fraction, above 0, at most 1). Lower values give a smaller, faster, less accurate model. Paper: 0.5 to 0.9.',
    }),
    text: Type.String({
      minLength: 1,
      description:
        'Calibration text (path, relative to this file; UTF-8). Take text like that the model will see. Of a long text the first part is read: 16 times the tokens that the windows need, at least 4,000,000. Paper: WikiText2, training split.',
    }),
    heldout: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Text of the final figures (path). Default: the last tenth of what is read of "text", which is then used for nothing else; "text" is read whole when "evaluation.maxWindows" is 0. Paper: WikiText2, test split.',
      }),
    ),
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 60,
        description: 'Name of the run (words). Default: the name of this file.',
      }),
    ),
    seed: Type.Optional(
      whole('Start of every random choice (integer); the same seed gives the same run.', {
        default: 0,
        minimum: 0,
        maximum: 4_294_967_295,
      }),
    ),
    device: Type.Optional(
      Type.Enum(['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml'], {
        default: 'auto',
        description:
          'Where the model runs (name). "auto" takes the fastest that passes a self-test; a named one must work. Paper: one A100.',
      }),
    ),
    threads: Type.Optional(
      whole('CPU threads (count); 0 takes one per physical core. More than that is slower.', {
        default: 0,
        minimum: 0,
        maximum: 1024,
      }),
    ),
    method: Type.Optional(
      Type.Enum([...methodNames], {
        default: DEFAULT_METHOD,
        description:
          'How the subnet is found (name). "levels": every sublayer is refitted at a row of widths first, and a search by switches chooses among these. "paper": masks are scored and evolved, and refitted once at the end. Paper: paper.',
      }),
    ),
    calibration,
    levels,
    importance,
    attention: Type.Optional(
      Type.Enum(['decoupled', 'tied'], {
        default: 'decoupled',
        description:
          'Whether query/key and value/output units of a head are chosen apart or by one mask (name). Paper: tied.',
      }),
    ),
    search: searchSection,
    reform,
    sparsify: sparsifySection,
    evaluation,
    export: exportForms,
    compare: compareSection,
  },
  {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Subnet Studio run',
    description:
      'Settings of one run (*.subnet.jsonc; comments and trailing commas are welcome). "Paper" is Shen et al. 2024, arXiv 2409.17372.',
    additionalProperties: false,
  },
);

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
type Complete<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]-?: Complete<T[K]> }
    : T;

/** A run config as the user writes it: three fields, everything else optional. */
export type RunConfig = DeepReadonly<Static<typeof runConfigSchema>>;

type CompleteSearch = Complete<NonNullable<RunConfig['search']>>;

/** A run config with every value present, absolute paths and presets expanded. */
export type ResolvedConfig = Omit<
  Complete<RunConfig>,
  '$schema' | 'heldout' | 'reform' | 'search' | 'compare'
> & {
  /** Absolute path, or null: the last tenth of `text`. */
  readonly heldout: string | null;
  readonly compare: Omit<Complete<NonNullable<RunConfig['compare']>>, 'shifted'> & {
    /** Absolute path, or null: rows are judged on the held-out text alone. */
    readonly shifted: string | null;
  };
  readonly search: Omit<CompleteSearch, 'ranges'> & {
    /** Null: the paper's range for the ratio and the number of blocks. */
    readonly ranges: {
      readonly [K in keyof CompleteSearch['ranges']]: CompleteSearch['ranges'][K] | null;
    };
  };
  readonly reform: Omit<Complete<NonNullable<RunConfig['reform']>>, 'damping'> & {
    /** Values to choose from, fractions of the mean Gram diagonal; at least one. */
    readonly damping: readonly number[];
  };
};
