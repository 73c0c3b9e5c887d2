import * as Type from 'typebox';
import { comparisonActions } from './comparisonPanelApi.ts';

/** Schemas of what the page of a comparison sends; the host trusts nothing that does not pass them. */
export const comparisonPanelParams = {
  openComparison: Type.Object({ protocol: Type.Integer() }),
  actOnComparison: Type.Object({ action: Type.Enum([...comparisonActions]) }),
} as const;
