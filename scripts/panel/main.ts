import { parseArgs } from 'node:util';
import { RECORDED } from '../../test/fixtures/recordedRuns.ts';
import { startPanelServer } from '../../test/webview/panelServer.ts';
import { recordedPanels } from '../../test/webview/recordedPanels.ts';

/** Events a second that a run goes on by with --live; a comparison gets one row a second. */
const PER_SECOND = 10;

const { values } = parseArgs({ options: { live: { type: 'boolean' }, port: { type: 'string' } } });
const runs = recordedPanels();
const live = new Set<string>();
const server = await startPanelServer(
  {
    list: runs.list,
    find: (name) => {
      if (values.live === true) live.add(name);
      return runs.find(name);
    },
  },
  Number(values.port ?? 0),
);
let ticks = 0;
const timer = setInterval(() => {
  ticks++;
  if (values.live === true && ticks % PER_SECOND === 0) {
    for (const comparison of server.comparisons) comparison.next();
  }
  for (const name of live) {
    const { state } = RECORDED.get(name) ?? {};
    const goesOn = state === 'running' || state === 'starting';
    if (!goesOn || !runs.recorded(name).next()) live.delete(name);
  }
}, 1000 / PER_SECOND);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    clearInterval(timer);
    void server.close().then(() => runs.close());
  });
}
console.log(`Dashboards of recorded runs and comparisons: ${server.url}`);
console.log('Reload a page after "npm run build" to see it built anew. Ctrl-C ends.');
if (values.live !== true) {
  console.log('With --live, what has not ended goes on while you look.');
}
