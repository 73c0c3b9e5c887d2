import type { UnitLayout } from '../../src/protocol/unitLayout.ts';
import { count, percent } from '../draw/ticks.ts';
import { countBits, gainedBits } from './bitPlanes.ts';
import type { HeatmapState } from './heatmapState.ts';
import type { OverviewCell } from './overviewView.ts';
import type { Picture, Planes } from './picture.ts';
import { groupSentence } from './readout.ts';
import { bandName, type Band, type UnitWords } from './units.ts';
import type { Shape } from './shape.ts';

/** The sentence about a cell of the overview. */
export function cellSentence(
  { layer, column }: OverviewCell,
  state: HeatmapState,
  planes: Planes,
  picture: Picture | null,
  { layout, columns, words }: Shape,
): string {
  const band = columns[column]!;
  const bits = fitting(planes.subject.value, layout);
  const before = state.mode === 'difference' ? fitting(planes.reference.value, layout) : null;
  const share = picture?.shares.cells[layer * columns.length + column] ?? null;
  // One layer of a plane, which alone is looked at.
  const cut = (plane: Uint8Array): Uint8Array =>
    plane.subarray(layer * layout.bytesPerLayer, (layer + 1) * layout.bytesPerLayer);
  const within = (plane: Uint8Array): number => countBits(plane, layout, 0, band.start, band.end);
  return groupSentence({
    layer,
    name: groupName(band, columns, words),
    units: band.end - band.start,
    kept: bits === null ? null : within(cut(bits)),
    importance: picture?.mode === 'importance' ? share : null,
    frequency: picture?.mode === 'frequency' ? share : null,
    change:
      bits === null || before === null
        ? null
        : {
            gained: within(gainedBits(cut(bits), cut(before))),
            lost: within(gainedBits(cut(before), cut(bits))),
          },
    reference: state.referenceName,
  });
}

/** What the picture shows, in a sentence for those who do not see it. */
export function overviewSummary(
  picture: Picture | null,
  layout: UnitLayout,
  title: string,
): string {
  if (picture === null) return title;
  const { bars } = picture;
  let [low, high] = [0, 0];
  bars.forEach((value, layer) => {
    if (value < bars[low]!) low = layer;
    if (value > bars[high]!) high = layer;
  });
  const of = `${title} ${layout.layers} blocks by heads and groups of neurons.`;
  if (picture.mode === 'difference') return of;
  const [least, most] = [percent(bars[low]!), percent(bars[high]!)];
  return `${of} Block ${low} keeps least, ${least}; block ${high} keeps most, ${most}.`;
}

function groupName(band: Band, columns: readonly Band[], words: UnitWords): string {
  if (band.kind !== 'mlp') return bandName(band, words);
  const first = columns.find(({ kind }) => kind === 'mlp')!;
  const [from, to] = [band.start - first.start, band.end - first.start - 1];
  return from === to ? `neuron ${count(from)}` : `neurons ${count(from)} to ${count(to)}`;
}

function fitting(bits: Uint8Array | null, layout: UnitLayout): Uint8Array | null {
  return bits?.length === layout.layers * layout.bytesPerLayer ? bits : null;
}
