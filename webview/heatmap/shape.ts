import type { UnitLayout } from '../../src/protocol/unitLayout.ts';
import type { Band, UnitWords } from './units.ts';

/** What is the same as long as the model is. */
export interface Shape {
  readonly layout: UnitLayout;
  readonly columns: readonly Band[];
  readonly words: UnitWords;
}
