import * as Type from 'typebox';
import type { Static } from 'typebox';
import { mapNames } from './sparsityRecord.ts';

const runId = Type.String({ minLength: 1, maxLength: 200 });
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
  mask: Type.Object({ run: runId, mask: maskRefSchema }),
  frequency: Type.Object({ run: runId }),
  importance: Type.Object({ run: runId }),
  layerScores: Type.Object({ run: runId, layer: Type.Integer({ minimum: 0, maximum: 4095 }) }),
  sparsity: Type.Object({ run: runId }),
  weightPattern: Type.Object({
    run: runId,
    block: Type.Integer({ minimum: 0, maximum: 4095 }),
    map: Type.Enum([...mapNames]),
  }),
  config: Type.Object({ run: runId }),
  editConfig: Type.Object({
    run: runId,
    path: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 4 }),
    value: Type.Union([
      Type.String({ maxLength: 4096 }),
      Type.Number(),
      Type.Boolean(),
      Type.Null(),
    ]),
  }),
  act: Type.Object({
    run: runId,
    action: Type.Enum([...panelActions]),
    subnet: Type.Optional(subnetKey),
  }),
} as const;

/** What a dashboard sends with a request. */
export type PanelParams<K extends keyof typeof panelParams> = Readonly<
  Static<(typeof panelParams)[K]>
>;
