import type { UnitLayout } from '../../src/protocol/unitLayout.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { onChange } from '../dom.ts';
import { allUnitsRows, type AllUnitsRows } from './allUnitsRows.ts';
import { bitAt } from './bitPlanes.ts';
import type { HeatmapState } from './heatmapState.ts';
import { rowHeightFor } from './overviewGeometry.ts';
import type { Legend, Planes } from './picture.ts';
import { subnetsOf, unitSentence } from './readout.ts';
import { createStripView, type StripCell } from './stripView.ts';
import { bandsOf, unitAt, type UnitWords } from './units.ts';

/** What a picture of all units shows. */
export interface AllUnitsScene {
  readonly state: HeatmapState;
  readonly layout: UnitLayout;
  readonly words: UnitWords;
  readonly planes: Planes;
  readonly legend: Legend;
  readonly theme: CanvasTheme;
  /** False while its plane is not there or does not fit. */
  readonly ready: boolean;
  readonly title: string;
}

/** Every unit of every layer. */
export interface AllUnitsView {
  readonly element: HTMLElement;
  show(scene: AllUnitsScene): void;
  focus(): void;
  dispose(): void;
}

/** What such a picture tells. */
export interface AllUnitsEvents {
  readonly onText: (text: string | null, spoken: boolean) => void;
  readonly onOpen: (layer: number) => void;
}

/** Time of a frame that may go into filling rows, ms. */
const FILL_MS = 8;

/** Makes a picture of all units. */
export function createAllUnitsView(events: AllUnitsEvents): AllUnitsView {
  let scene: AllUnitsScene | null = null;
  let frame = 0;
  const strip = createStripView({
    onCell: (cell, byKeyboard) => {
      events.onText(cell === null ? null : sentence(cell), byKeyboard);
    },
    onEnter: ({ row }) => {
      events.onOpen(row);
    },
    onEscape: () => undefined,
  });
  const draw = onChange((ready: boolean, layout: UnitLayout, ..._: readonly unknown[]) => {
    if (scene === null) return;
    const { state, words, planes, legend, theme, title } = scene;
    cancelAnimationFrame(frame);
    const none = { subject: NONE, reference: NONE, importance: NONE, frequency: NONE };
    const ratio = window.devicePixelRatio;
    const given = ready ? planes : none;
    const all = allUnitsRows(state.mode, given, layout, legend, theme, ratio);
    const pitch = rowHeightFor(layout.layers);
    strip.show({
      ...{ cells: layout.perLayer, rows: all.rows, bands: bandsOf(layout), words, theme },
      sizes: { gutter: 34, rowHeight: pitch - 1, rowGap: 1 },
      ...{ byRow: true, sorted: false, rowTitle: 'Block' },
      summary: `${title} ${layout.layers} blocks of ${layout.perLayer} units.`,
    });
    fill(all);
  });
  return {
    element: strip.element,
    show(next) {
      scene = next;
      const { state, layout, words, planes, legend, theme, ready } = next;
      const { subject, reference, importance, frequency } = planes;
      const values = [subject.value, reference.value, importance.value, frequency.value];
      draw(ready, layout, words, legend, theme, state.mode, window.devicePixelRatio, ...values);
    },
    focus: strip.focus,
    dispose() {
      cancelAnimationFrame(frame);
      strip.dispose();
    },
  };

  function fill(all: AllUnitsRows): void {
    const done = all.fill(performance.now() + FILL_MS);
    strip.redraw();
    if (!done) {
      frame = requestAnimationFrame(() => {
        fill(all);
      });
    }
  }

  function sentence({ cell, row }: StripCell): string {
    if (scene === null) return '';
    const { state, layout, words, planes, ready } = scene;
    const at = row * layout.perLayer + cell;
    const bits = (plane: Uint8Array | null): boolean | null =>
      plane?.length === layout.layers * layout.bytesPerLayer
        ? bitAt(plane, layout, row, cell)
        : null;
    const { subject, reference, importance, frequency } = planes;
    const shares = ready ? frequency.value : null;
    const facts = {
      ...{ layer: row, unit: unitAt(layout, cell), kept: bits(subject.value) },
      rank: ready ? (importance.value?.[at] ?? null) : null,
      keptBy:
        shares === null
          ? null
          : { subnets: subnetsOf(shares.shares[at] ?? 0, shares.subnets), of: shares.subnets },
      ...{ before: bits(reference.value), reference: state.referenceName },
    };
    return unitSentence(facts, words);
  }
}

const NONE = { value: null, loading: false, failed: null };
