import * as Type from 'typebox';
import type { Static } from 'typebox';
import { mapNames } from './sparsityRecord.ts';

/** What a snapshot calls its run; the host's own name for a run folder. */
const runKey = Type.String({ minLength: 1, maxLength: 200 });
const subnetKey = Type.String({ pattern: '^[0-9a-f]{16}$' });

/** Schema of {@link MaskRef}. */
export const maskRefSchema = Type.Union([
  Type.Object({
    kind: Type.Literal('named'),
    name: Type.Enum(['initialised', 'searched', 'random']),
  }),
  Type.Object({ kind: Type.Literal('candidate'), key: subnetKey }),
]);
/** A mask of a run. */
export type MaskRef = Readonly<Static<typeof maskRefSchema>>;

/** What may be asked for of a run, or of one of its subnets, by a button of the dashboard. */
export const panelActions = [
  'run',
  'pause',
  'resume',
  'keepBest',
  'delete',
  'openConfig',
  'openLog',
  'revealFolder',
  'reform',
  'evaluate',
  'export',
  'openSubnetBeside',
  'insertLoader',
  'compare',
] as const;
/** One of them. */
export type PanelAction = (typeof panelActions)[number];

/** Schemas of what a dashboard sends; the host trusts nothing that does not pass them. */
export const panelParams = {
  open: Type.Object({ protocol: Type.Integer() }),
  mask: Type.Object({ run: runKey, mask: maskRefSchema }),
  frequency: Type.Object({ run: runKey }),
  importance: Type.Object({ run: runKey }),
  layerScores: Type.Object({ run: runKey, layer: Type.Integer({ minimum: 0, maximum: 4095 }) }),
  sparsity: Type.Object({ run: runKey }),
  weightPattern: Type.Object({
    run: runKey,
    block: Type.Integer({ minimum: 0, maximum: 4095 }),
    map: Type.Enum([...mapNames]),
  }),
  config: Type.Object({ run: runKey }),
  editConfig: Type.Object({
    run: runKey,
    path: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 4 }),
    value: Type.Union([
      Type.String({ maxLength: 4096 }),
      Type.Number(),
      Type.Boolean(),
      Type.Null(),
    ]),
  }),
  act: Type.Object({
    run: runKey,
    action: Type.Enum([...panelActions]),
    subnet: Type.Optional(subnetKey),
  }),
} as const;

/** What a dashboard sends with a request. */
export type PanelParams<K extends keyof typeof panelParams> = Readonly<
  Static<(typeof panelParams)[K]>
>;
