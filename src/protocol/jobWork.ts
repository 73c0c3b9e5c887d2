import * as Type from 'typebox';
import type { TSchema } from 'typebox';
import { decodeValue, shorten } from './decode.ts';
import { EngineError } from './errors.ts';
import type { JobWork } from './serviceApi.ts';

const path = Type.String({ minLength: 1, maxLength: 4096 });
const device = Type.Optional(Type.Enum(['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml']));
const seed = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));
const forms = Type.Array(Type.Enum(['checkpoint', 'onnx', 'compressed']), { maxItems: 3 });

/** Schema of every kind of work; one that is left out does not compile. */
const workSchemas: Readonly<Record<JobWork['kind'], TSchema>> = {
  run: Type.Object({
    configPath: path,
    overrides: Type.Optional(
      Type.Object({
        name: Type.Optional(Type.String({ maxLength: 200 })),
        device,
        seed,
        out: Type.Optional(path),
      }),
    ),
  }),
  resume: Type.Object({ runFolder: path, device }),
  evaluate: Type.Object({
    request: Type.Object({
      path,
      text: path,
      context: Type.Integer({ minimum: 2, maximum: 1_048_576 }),
      maxWindows: Type.Optional(Type.Integer({ minimum: 0 })),
      device,
    }),
  }),
  export: Type.Object({
    request: Type.Object({
      path,
      out: Type.Optional(path),
      forms,
      dtype: Type.Optional(Type.Enum(['source', 'float32', 'float16', 'bfloat16'])),
    }),
  }),
  subnet: Type.Object({
    request: Type.Object({
      runFolder: path,
      key: Type.String({ pattern: '^[0-9a-f]{16}$' }),
      reform: Type.Boolean(),
      evaluate: Type.Boolean(),
      forms,
      out: Type.Optional(path),
    }),
  }),
  compare: Type.Object({ request: Type.Object({ configPath: path, seed, device }) }),
};

/**
 * Checks work that came from a disk or from another program.
 * @throws EngineError `decode` naming what is wrong
 */
export function decodeWork(value: unknown, what: string): JobWork {
  const kind = kindOf(value);
  if (kind === undefined) {
    throw new EngineError('decode', {
      what,
      expected: `one of ${Object.keys(workSchemas).join(', ')}`,
      found: shorten(value),
      action: 'Update the extension; restart the editor.',
      sentence: `${what} is of a kind that this version does not know: ${shorten(value)}.`,
    });
  }
  return decodeValue(workSchemas[kind], value, what) as JobWork;
}

function kindOf(value: unknown): JobWork['kind'] | undefined {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined;
  const { kind } = value;
  if (typeof kind !== 'string' || !Object.hasOwn(workSchemas, kind)) return undefined;
  return kind as JobWork['kind'];
}
