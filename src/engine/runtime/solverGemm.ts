import { throwIfAborted } from '../../protocol/errors.ts';
import type { Matrix } from '../numeric/matrix.ts';
import { GraphBuilder } from '../onnx/graphBuilder.ts';
import { type Runtime, type Session, type Tensor, tensorOf } from './runtime.ts';

/** Which operands of a product are read transposed. */
export interface Transposed {
  readonly a?: boolean;
  readonly b?: boolean;
}

/**
 * Float64 matrix products written into memory of the caller, on ONNX Runtime.
 *
 * Each variant is one session of one Gemm node, made on first use and holding no weights.
 */
export class SolverGemm {
  readonly #runtime: Runtime;
  readonly #sessions = new Map<string, Promise<Session>>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** out = op(A)·op(B). `out` is overwritten and must not overlap A or B. */
  async multiply(
    a: Matrix,
    b: Matrix,
    out: Matrix,
    signal: AbortSignal | undefined,
    transposed: Transposed = {},
  ): Promise<void> {
    const session = await this.#session(transposed, false);
    await runGently(session, { a: tensor(a), b: tensor(b) }, tensor(out), signal);
  }

  /** out −= op(A)·op(B), in place. `out` must not overlap A or B. */
  async subtract(
    a: Matrix,
    b: Matrix,
    out: Matrix,
    signal: AbortSignal | undefined,
    transposed: Transposed = {},
  ): Promise<void> {
    const session = await this.#session(transposed, true);
    // The Gemm kernel first copies C into its output, here onto itself, and then accumulates there.
    const c = tensor(out);
    await runGently(session, { a: tensor(a), b: tensor(b), c }, c, signal);
  }

  /** Frees the native sessions; later products make new ones. */
  async release(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of sessions) await (await session).release();
  }

  #session(transposed: Transposed, subtract: boolean): Promise<Session> {
    const { a = false, b = false } = transposed;
    const key = `${a} ${b} ${subtract}`;
    let session = this.#sessions.get(key);
    if (session === undefined) {
      session = this.#runtime.session(gemmGraph(a, b, subtract));
      this.#sessions.set(key, session);
    }
    return session;
  }
}

function gemmGraph(transposeA: boolean, transposeB: boolean, subtract: boolean): Uint8Array {
  const graph = new GraphBuilder('gemm');
  const inputs = [
    graph.input('a', 'float64', ['a0', 'a1']),
    graph.input('b', 'float64', ['b0', 'b1']),
  ];
  if (subtract) inputs.push(graph.input('c', 'float64', ['rows', 'columns']));
  const product = graph.op('Gemm', inputs, {
    transA: transposeA ? 1n : 0n,
    transB: transposeB ? 1n : 0n,
    alpha: { float: subtract ? -1 : 1 },
    beta: { float: 1 },
  });
  graph.output('y', product, 'float64', ['rows', 'columns']);
  return graph.build();
}

/** One native call: it blocks the event loop, so the loop gets a turn before it. */
async function runGently(
  session: Session,
  feeds: Readonly<Record<string, Tensor>>,
  out: Tensor,
  signal: AbortSignal | undefined,
): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  throwIfAborted(signal);
  await session.run(feeds, { y: out });
}

function tensor(matrix: Matrix): Tensor {
  return tensorOf(matrix.data, [matrix.rows, matrix.columns]);
}
