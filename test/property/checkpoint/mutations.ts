import fc from 'fast-check';
import { rawSafetensors, takeApart } from '../../fixtures/rawSafetensors.ts';

/** A way to spoil a file. */
export type Mutation = (file: Uint8Array) => Uint8Array;

/** Numbers that break careless arithmetic. */
const nastyNumber = fc.oneof(
  fc.constantFrom(-1, 0, 1, 1.5, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 - 1, 1e300, -0, 4096, 65536),
  fc.integer({ min: -10, max: 100_000 }),
);

const nastyValue = fc.oneof(
  nastyNumber,
  fc.constantFrom(null, true, '', 'F16', 'I64', '__proto__', [], {}, [[]]),
  fc.array(nastyNumber, { maxLength: 10 }),
  fc.jsonValue({ maxDepth: 2 }),
);

const bitFlips: fc.Arbitrary<Mutation> = fc
  .array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 1, maxLength: 8 })
  .map((flips) => (file) => {
    const copy = file.slice();
    for (const [place, bit] of flips) copy[place % copy.length]! ^= 1 << bit;
    return copy;
  });

const truncation: fc.Arbitrary<Mutation> = fc
  .nat()
  .map((place) => (file) => file.slice(0, place % file.length));

const extension: fc.Arbitrary<Mutation> = fc
  .uint8Array({ minLength: 1, maxLength: 64 })
  .map((junk) => (file) => Uint8Array.from([...file, ...junk]));

/** Flips, cuts and additions anywhere in a file. */
export const byteMutation: fc.Arbitrary<Mutation> = fc.oneof(bitFlips, truncation, extension);

const lengthLie: fc.Arbitrary<Mutation> = fc
  .oneof(...[20_000n, 100_000_000n, 2n ** 64n - 1n].map((max) => fc.bigInt({ min: 0n, max })))
  .map((length) => (file) => {
    const copy = file.slice();
    new DataView(copy.buffer).setBigUint64(0, length, true);
    return copy;
  });

const entryChange: fc.Arbitrary<Mutation> = fc
  .tuple(fc.nat(), fc.constantFrom('dtype', 'shape', 'data_offsets', 'extra'), nastyValue)
  .map(([place, field, value]) => (file) => {
    const { header, data } = takeApart(file);
    const names = Object.keys(header);
    const entry = header[names[place % names.length]!] as Record<string, unknown>;
    entry[field] = value;
    return rawSafetensors(header, data);
  });

/** Moves the borders between tensors: overlaps, gaps, spans that do not fit the shape. */
const offsetShift: fc.Arbitrary<Mutation> = fc
  .tuple(fc.nat(), fc.integer({ min: -64, max: 64 }), fc.integer({ min: -64, max: 64 }))
  .map(([place, begin, end]) => (file) => {
    const { header, data } = takeApart(file);
    const entries = Object.values(header).filter((entry) => entry.data_offsets !== undefined);
    const { data_offsets: offsets } = entries[place % entries.length]!;
    offsets[0] += begin;
    offsets[1] += end;
    return rawSafetensors(header, data);
  });

const strangeHeader: fc.Arbitrary<Mutation> = fc
  .oneof(
    fc.jsonValue().map((value) => JSON.stringify(value)),
    fc.nat(50_000).map((depth) => '['.repeat(depth)),
    fc.nat(50_000).map((depth) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)),
    fc.nat(20_000).map((count) => JSON.stringify({ a: { shape: Array(count).fill(1) } })),
    fc.nat(2000).map((count) => {
      const empty = { dtype: 'U8', shape: [0], data_offsets: [0, 0] };
      return JSON.stringify(
        Object.fromEntries(Array.from({ length: count }, (_, i) => [i, empty])),
      );
    }),
  )
  .map((header) => (file) => rawSafetensors(header, takeApart(file).data));

/** Everything a safetensors file can have wrong. */
export const safetensorsMutation: fc.Arbitrary<Mutation> = fc.oneof(
  byteMutation,
  lengthLie,
  entryChange,
  offsetShift,
  strangeHeader,
);

/** Changes of any JSON file: values anywhere in it replaced, removed, doubled or nested; or bytes. */
export const anyJsonMutation: fc.Arbitrary<Mutation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .array(fc.tuple(fc.array(fc.nat(), { minLength: 1, maxLength: 6 }), change()), {
        minLength: 1,
        maxLength: 3,
      })
      .map((changes) => (file: Uint8Array) => {
        let json: unknown = JSON.parse(new TextDecoder().decode(file));
        for (const [path, changed] of changes) json = changedAt(json, path, changed);
        return new TextEncoder().encode(JSON.stringify(json) ?? 'null');
      }),
  },
  { weight: 1, arbitrary: byteMutation },
  {
    weight: 1,
    arbitrary: fc.nat(200_000).map((depth) => () => new TextEncoder().encode('['.repeat(depth))),
  },
);

/** As {@link anyJsonMutation}, of one line or bytes of a file of lines. */
export const anyLinesMutation: fc.Arbitrary<Mutation> = fc
  .tuple(fc.nat(), anyJsonMutation, fc.boolean())
  .map(([place, spoil, isLine]) => (file: Uint8Array) => {
    const lines = new TextDecoder().decode(file).split('\n').slice(0, -1);
    const at = place % lines.length;
    if (isLine) lines[at] = new TextDecoder().decode(spoil(new TextEncoder().encode(lines[at])));
    return new TextEncoder().encode(`${lines.join('\n')}\n`);
  });

type Change = (old: unknown) => unknown;

function change(): fc.Arbitrary<Change> {
  return fc.oneof(
    { weight: 3, arbitrary: nastyValue.map((value) => () => value) },
    { weight: 1, arbitrary: fc.constant(() => undefined) },
    { weight: 1, arbitrary: fc.constant((old: unknown) => [old, old]) },
    { weight: 1, arbitrary: fc.constant((old: unknown) => ({ layers: old, key: old })) },
    { weight: 1, arbitrary: fc.constant((old: unknown) => (typeof old === 'string' ? 7 : 'x')) },
  );
}

function changedAt(value: unknown, path: readonly number[], changed: Change): unknown {
  const [first = 0, ...rest] = path;
  if (typeof value !== 'object' || value === null) return changed(value);
  const keys = Object.keys(value);
  const key = keys[first % (keys.length + 1)];
  if (key === undefined) return changed(value);
  const inner = (value as Record<string, unknown>)[key];
  const next = rest.length === 0 ? changed(inner) : changedAt(inner, rest, changed);
  if (Array.isArray(value)) return value.map((one: unknown, i) => (String(i) === key ? next : one));
  return { ...value, [key]: next };
}

/** Changes of a JSON file: a field (also one level down) set to something else, or bytes. */
export function jsonMutation(fields: readonly string[]): fc.Arbitrary<Mutation> {
  const change = fc
    .array(fc.tuple(fc.constantFrom(...fields), nastyValue, fc.boolean()), {
      minLength: 1,
      maxLength: 3,
    })
    .map((changes) => (file: Uint8Array) => {
      let json = JSON.parse(new TextDecoder().decode(file)) as Record<string, unknown>;
      for (const [path, value, drop] of changes) {
        const [field = '', inner] = path.split('/');
        const owner = inner === undefined ? json : json[field];
        if (typeof owner !== 'object' || owner === null || Array.isArray(owner)) continue;
        // A copy, whose "__proto__" is a field like any other: values are shared between files.
        const copy: Record<string, unknown> = { ...owner, [inner ?? field]: value };
        if (drop) delete copy[inner ?? field];
        json = inner === undefined ? copy : { ...json, [field]: copy };
      }
      return new TextEncoder().encode(JSON.stringify(json));
    });
  return fc.oneof({ weight: 3, arbitrary: change }, { weight: 1, arbitrary: byteMutation });
}
