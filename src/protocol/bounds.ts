// The largest sizes that any file may announce, in one place: whoever reads numbers from a file and
// allocates by them (configurations, records of runs, layouts of units) takes its bounds from here.
// Each is several times what the largest public dense models have.

/** Blocks of a model; the deepest public models have about 130. */
export const MOST_LAYERS = 4096;

/** Any one size of a model: width, vocabulary, positions, neurons of a block. */
export const MOST_SIZE = 1 << 24;

/** Heads of a block. */
export const MOST_HEADS = 65_536;

/** Dimensions of a head. */
export const MOST_HEAD_DIM = 65_536;

/**
 * Prunable units of a whole model: a picture or a score of all of them takes so many numbers. A dense
 * model of 405 billion parameters has 7 million.
 */
export const MOST_UNITS = 1 << 25;

/** Parameters of a whole model. */
export const MOST_PARAMETERS = 2 ** 42;

/**
 * Tensors of a model folder; dense models have about ten for each block, and quantised ones some thirty.
 * A window of the editor reads them in one go.
 */
export const MOST_TENSORS = 1 << 14;

/** JSON header of a safetensors file, or list of its tensors, bytes; a tensor takes about 120. */
export const MOST_HEADER_BYTES = 1 << 22;

/** Levels of JSON: files of models and runs have about 12, and deep recursion ends a process. */
export const MOST_JSON_DEPTH = 128;

/** The sizes of a model that memory is allocated by. */
export interface ModelSizes {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly intermediate: number;
  readonly vocab: number;
  /** Width of the rows of the embedding table where it is not `hidden`. */
  readonly embeddingWidth?: number;
  /** Query/key units of a head, where a record says so; at most `headDim` in a model. */
  readonly qkUnits?: number;
}

/**
 * What is too large about a model whose sizes are fine one by one: files that announce such products
 * are damaged or hostile.
 * @returns what was expected and found; undefined when everything is within bounds
 */
export function excessOf(model: ModelSizes): { expected: string; found: string } | undefined {
  const { layers, hidden, heads, kvHeads, headDim, intermediate, vocab } = model;
  const units = layers * (kvHeads * ((model.qkUnits ?? headDim) + headDim) + intermediate);
  if (units > MOST_UNITS) {
    return { expected: `at most ${MOST_UNITS} prunable units`, found: `${units}` };
  }
  const block = 2 * (heads + kvHeads) * headDim + 3 * intermediate;
  const { embeddingWidth: width = hidden } = model;
  const projections = width === hidden ? 0 : 2 * hidden * width;
  const parameters = hidden * layers * block + 2 * vocab * width + projections;
  if (parameters > MOST_PARAMETERS) {
    return { expected: `at most ${MOST_PARAMETERS} parameters`, found: `${parameters}` };
  }
  return undefined;
}
