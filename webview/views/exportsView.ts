import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { verifiedText } from '../../src/dashboard/model/verifiedText.ts';
import type { ExportReport } from '../../src/protocol/runRecord.ts';
import { exportTitles } from '../../src/protocol/runWords.ts';
import { integersOf } from '../data/sparseRun.ts';
import { createButton } from '../controls/button.ts';
import { el, icon, onChange, show } from '../dom.ts';
import { formatBytes, formatMs, shortKey } from '../format.ts';
import { firstRun } from '../store.ts';
import type { Page, View } from './view.ts';

const icons: Readonly<Record<ExportReport['form'], string>> = {
  subnet: 'json',
  checkpoint: 'folder-library',
  onnx: 'circuit-board',
  compressed: 'file-zip',
};

/** What was written, and whether it does what it should. */
export function createExportsView(page: Page): View {
  const list = el('ul', { class: 'exports' });
  const empty = el('p', {
    class: 'empty-words',
    text: 'Exported files are listed here. Each is loaded again and compared with the subnet that the search evaluated.',
  });
  const element = el(
    'section',
    { class: 'panel', aria: { label: 'Exports' } },
    el('div', { class: 'panel-head' }, el('h2', { text: 'Exports' })),
    empty,
    list,
  );
  const draw = onChange(
    (
      id: string,
      integers: string,
      exports: RunSnapshot['model']['exports'],
      subnets: RunSnapshot['model']['subnets'],
      searched: string | undefined,
    ) => {
      const all = [
        ...exports.map((report) => ({ report, key: searched ?? null })),
        ...Object.values(subnets).flatMap(({ key, exports: more }) =>
          more.map((report) => ({ report, key })),
        ),
      ];
      show(empty, all.length === 0);
      list.replaceChildren(
        ...all.map(({ report, key }) => itemOf({ page, id, integers, report, key })),
      );
    },
  );
  return {
    element,
    update(state) {
      const run = firstRun(state);
      if (run === undefined) return;
      const { exports, subnets } = run.model;
      draw(run.head.id, integersOf(run.head.config), exports, subnets, run.masks.searched);
    },
    dispose: () => undefined,
  };
}

interface Item {
  readonly page: Page;
  readonly id: string;
  /** What the decoder's weights are stored as; `none` for numbers. */
  readonly integers: string;
  readonly report: ExportReport;
  readonly key: string | null;
}

function itemOf({ page, id, integers, report, key }: Item): HTMLElement {
  const form = exportTitles[report.form];
  const quantised = report.form === 'onnx' && integers !== 'none';
  const name = quantised ? `${form}, ${integers} weights` : form;
  const file = report.path.split(/[\\/]/).at(-1) ?? report.path;
  const act = (action: 'openSubnetBeside' | 'insertLoader' | 'revealFolder') => (): void => {
    page.act(id, action, key ?? undefined);
  };
  const buttons = [
    ...(report.form === 'subnet'
      ? [
          createButton({
            ...{ label: 'Open Beside', icon: 'split-horizontal', look: 'secondary' },
            onPress: act('openSubnetBeside'),
          }),
        ]
      : []),
    ...(report.form === 'subnet' && key !== null
      ? [
          createButton({
            ...{ label: 'Insert Loader', icon: 'insert', look: 'secondary' },
            onPress: act('insertLoader'),
          }),
        ]
      : []),
    createButton({
      ...{ label: 'Reveal Run Folder', icon: 'folder-opened', look: 'icon' },
      onPress: act('revealFolder'),
    }),
  ];
  const times =
    report.prefillMs === null || report.decodeMs === null
      ? null
      : `Prefill ${formatMs(report.prefillMs)}, decoded token ${formatMs(report.decodeMs)}`;
  return el(
    'li',
    { class: 'export' },
    icon(icons[report.form]),
    el(
      'div',
      { class: 'export-words' },
      el(
        'div',
        { class: 'export-name' },
        el('strong', { text: name }),
        el('code', { text: file }),
        el('span', { class: 'quiet', text: formatBytes(report.bytes) }),
        key !== null && el('span', { class: 'quiet', text: `subnet ${shortKey(key)}` }),
      ),
      checked(report),
      report.loadable !== null &&
        verdict(
          report.loadable.transformers,
          'Loads in stock transformers.',
          report.loadable.reason,
        ),
      times !== null && el('div', { class: 'quiet', text: times }),
    ),
    el('div', { class: 'actions' }, ...buttons.map(({ element }) => element)),
  );
}

function checked({ form, verified }: ExportReport): HTMLElement | null {
  if (verified === null) {
    if (form !== 'subnet') return null;
    return el('div', {
      class: 'quiet',
      text: 'Describes the subnet to a loader; it holds no weights to verify.',
    });
  }
  const { maxDifference, tolerance } = verified;
  const text = verifiedText(verified).join(' ');
  return verdict(maxDifference <= tolerance, text, `Not verified. ${text}`);
}

function verdict(good: boolean, yes: string, no: string): HTMLElement {
  return el(
    'div',
    { class: `verdict ${good ? 'tone-good' : 'tone-warning'}` },
    icon(good ? 'pass' : 'info'),
    el('span', { text: good ? yes : no }),
  );
}
