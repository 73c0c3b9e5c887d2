import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHarness, type OpenPanel } from '../../test/webview/harness.ts';
import { HOST_BYTES, PAGE_BYTES } from '../package/bundleBudgets.ts';
import { pageBytes } from '../package/pageBytes.ts';
import { atMost, figure, median, type Measurement } from './measurement.ts';

type RunningHarness = Extract<Awaited<ReturnType<typeof startHarness>>, { ok: true }>;

/** How often a panel is opened for one figure. */
const OPENINGS = 5;
/** Updates a second, and for how long they come. */
const PER_SECOND = 10;
const STREAM_SECONDS = 10;
/** Steps of a gesture, each about a frame. */
const STEPS = 90;

const LONG_TASKS = `(() => {
  window.longTasks = [];
  new PerformanceObserver((list) => {
    for (const { name, duration, startTime } of list.getEntries()) {
      // The window around the page stands for the editor, and is in the same process here.
      if (name !== 'cross-origin-ancestor') window.longTasks.push([startTime, duration]);
    }
  }).observe({ type: 'longtask' });
})()`;
/** Sixty frames a second, as exactly as a browser's clock tells them. */
const FRAME_MS = 17;
/** What the page does in each frame, ms. */
const WORK = `(() => {
  window.frameWork = [];
  const ask = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (draw) => ask((now) => {
    const begun = performance.now();
    draw(now);
    window.frameWork.push(performance.now() - begun);
  });
})()`;
const FRAMES = `(() => {
  window.frameTimes = [];
  let last = performance.now();
  const step = (now) => {
    window.frameTimes.push(now - last);
    last = now;
    window.frameHandle = requestAnimationFrame(step);
  };
  window.frameHandle = requestAnimationFrame(step);
})()`;

/** Sizes of the bundles that a window of the editor reads. */
export async function bundleBench(): Promise<Measurement[]> {
  const { size } = await stat(new URL('../../dist/extension.cjs', import.meta.url));
  return [
    atMost('size of extension.cjs', size / 1000, HOST_BYTES / 1000, 'KB'),
    atMost('script a dashboard reads first', pageBytes() / 1000, PAGE_BYTES / 1000, 'KB'),
  ];
}

/** Painting, streaming, panning and zooming on recorded runs. */
export async function webviewBench(): Promise<Measurement[]> {
  const harness = await startHarness();
  if (!harness.ok) throw new Error(harness.reason);
  try {
    return [
      ...(await paint(harness, 'mid', 'of 145 candidates')),
      ...(await paint(harness, 'huge', 'of 5,000 candidates, 80 layers × 28,672')),
      ...(await stream(harness, 'Overview')),
      ...(await stream(harness, 'Masks')),
      ...(await gestures(harness)),
      ...(await zeros(harness)),
    ];
  } finally {
    await harness.close();
  }
}

async function paint(harness: RunningHarness, run: string, words: string): Promise<Measurement[]> {
  const times: number[] = [];
  for (let i = 0; i < OPENINGS; i++) {
    const panel = await harness.open({ runs: [run], theme: 'dark' });
    times.push(await paintedAt(panel));
    await panel.close();
  }
  return [atMost(`first meaningful paint of a finished run ${words}`, median(times), 300, 'ms')];
}

/** Time from the start of the page to its own mark. */
async function paintedAt({ frame }: OpenPanel): Promise<number> {
  return frame.evaluate<number>(`new Promise((resolve) => {
    const look = () => {
      const [mark] = performance.getEntriesByName('subnet:painted');
      if (mark === undefined) setTimeout(look, 20);
      else resolve(mark.startTime);
    };
    look();
  })`);
}

async function stream(harness: RunningHarness, tab: string): Promise<Measurement[]> {
  const run = 'huge-running';
  const panel = await harness.open({ runs: [run], theme: 'dark' });
  await paintedAt(panel);
  await panel.frame.getByRole('tab', { name: tab }).click();
  await sleep(3000);
  await panel.frame.evaluate(LONG_TASKS);
  const recorded = harness.recorded(run);
  for (let i = 0; i < PER_SECOND * STREAM_SECONDS; i++) {
    recorded.next();
    await sleep(1000 / PER_SECOND);
  }
  const most = await longestTask(panel);
  await panel.close();
  const name = `longest block of the page while ${tab} takes ${PER_SECOND} updates a second`;
  return [atMost(name, most, 50, 'ms')];
}

/** Longest block that was long enough to be told of, 50 ms; 0 when there was none. */
async function longestTask({ frame }: OpenPanel): Promise<number> {
  const tasks = await frame.evaluate<[number, number][]>('window.longTasks');
  return tasks.reduce((most, [, duration]) => Math.max(most, duration), 0);
}

/** The largest weight of a model of seven billion parameters, from the whole to single weights. */
async function zeros(harness: RunningHarness): Promise<Measurement[]> {
  const panel = await harness.open({ runs: ['wide-sparse'], theme: 'dark' });
  await paintedAt(panel);
  const { frame, page } = panel;
  await frame.evaluate(LONG_TASKS);
  await frame.getByRole('tab', { name: 'Sparsity' }).click();
  await frame.locator('.density tbody td').nth(2).click();
  await frame.locator('.pattern > .note', { hasText: '2:4 hardware' }).waitFor();
  const opening = await longestTask(panel);
  await sleep(1000);
  const canvas = frame.locator('.heat-plane canvas');
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  if (box === null) throw new Error('the pattern is not on screen');
  const { mouse } = page;
  const [x, y] = [box.x + box.width / 2, box.y + 150];
  await mouse.move(x, y);
  await frame.evaluate(WORK);
  const zoom = await framesDuring(panel, async () => {
    for (let i = 0; i < STEPS; i++) await mouse.wheel(0, i < STEPS / 2 ? -80 : 60);
  });
  const pan = await framesDuring(panel, async () => {
    await mouse.down();
    for (let i = 0; i < STEPS; i++) {
      await mouse.move(x + 200 * Math.sin(i / 10), y + 40 * Math.cos(i / 10));
    }
    await mouse.up();
  });
  const work = (await frame.evaluate<number[]>('window.frameWork')).filter((ms) => ms > 0.2);
  await panel.close();
  const name = 'zoom and pan of 4,096 × 11,008';
  const [between, spent] = [quantiles([...zoom.slice(1), ...pan.slice(1)]), quantiles(work)];
  return [
    atMost(`${name}: median time between frames`, between(0.5), FRAME_MS, 'ms'),
    atMost(`${name}: 95th percentile of it`, between(0.95), FRAME_MS, 'ms'),
    figure(`${name}: median work of a frame`, spent(0.5), 'ms'),
    figure(`${name}: 95th percentile of that work`, spent(0.95), 'ms'),
    // No bar: it is the browser that unpacks a message of 5.6 MB.
    figure('longest block of the page while that weight is opened', opening, 'ms'),
  ];
}

async function gestures(harness: RunningHarness): Promise<Measurement[]> {
  const panel = await harness.open({ runs: ['huge'], theme: 'dark' });
  await paintedAt(panel);
  await panel.frame.getByRole('tab', { name: 'Masks' }).click();
  await panel.frame
    .getByRole('button', { name: 'Every unit' })
    .or(panel.frame.getByRole('radio', { name: 'Every unit' }))
    .first()
    .click();
  const canvas = panel.frame.locator('canvas').filter({ visible: true }).first();
  await canvas.waitFor();
  await sleep(2000);
  const box = await canvas.boundingBox();
  if (box === null) throw new Error('the heatmap is not on screen');
  const { mouse } = panel.page;
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await panel.frame.evaluate(LONG_TASKS);
  await mouse.move(x, y);
  const zoom = await framesDuring(panel, async () => {
    for (let i = 0; i < STEPS; i++) await mouse.wheel(0, i < STEPS / 2 ? -60 : 30);
  });
  const pan = await framesDuring(panel, async () => {
    await mouse.down();
    for (let i = 0; i < STEPS; i++) {
      await mouse.move(x + 200 * Math.sin(i / 10), y + 40 * Math.cos(i / 10));
    }
    await mouse.up();
  });
  const most = await longestTask(panel);
  await panel.close();
  return [
    ...frameFigures('zooming', zoom),
    ...frameFigures('panning', pan),
    atMost('longest block of the page while zooming and panning', most, 50, 'ms'),
  ];
}

async function framesDuring(panel: OpenPanel, work: () => Promise<void>): Promise<number[]> {
  await panel.frame.evaluate(FRAMES);
  await work();
  await panel.frame.evaluate('cancelAnimationFrame(window.frameHandle)');
  return panel.frame.evaluate<number[]>('window.frameTimes');
}

/** @returns the value that a part of the times does not exceed */
function quantiles(times: readonly number[]): (part: number) => number {
  const sorted = [...times].sort((a, b) => a - b);
  return (part) => sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
}

function frameFigures(doing: string, times: readonly number[]): Measurement[] {
  const at = quantiles(times.slice(1));
  return [
    atMost(`median time between frames while ${doing} a mask`, at(0.5), 20, 'ms'),
    figure(`95th percentile of it while ${doing}`, at(0.95), 'ms'),
  ];
}
