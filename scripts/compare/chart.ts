import { type Figure, meanOf, TABLE_METHODS } from './figures.ts';

const PANEL = { width: 380, height: 300, left: 56, top: 34, right: 12, bottom: 42 };
const LEGEND_WIDTH = 130;
/** Loss below which a difference is drawn as this much, nats. */
const LEAST = 1e-3;
const COLOURS = ['#7f7f7f', '#8c564b', '#1f77b4', '#17becf', '#bcbd22', '#2ca02c', '#9467bd'];
const LOOKS: Readonly<Record<string, string>> = { paper: '#ff7f0e', ours: '#d62728' };

/**
 * Loss above the dense model's by the share that is kept, a panel for each text, as SVG. Points are
 * means over seeds; the vertical axis is logarithmic.
 */
export function chartOf(figures: readonly Figure[], title: string): string {
  const methods = TABLE_METHODS.filter(
    (method) => method !== 'dense' && figures.some((one) => one.method === method),
  );
  const domains = (['near', 'shifted'] as const).filter((domain) =>
    figures.some((one) => one.domain === domain),
  );
  const width = domains.length * PANEL.width + LEGEND_WIDTH;
  const panels = domains.map((domain, i) => {
    const own = figures.filter((one) => one.domain === domain);
    return `<g transform="translate(${i * PANEL.width} 0)">${panelOf(own, methods, domain)}</g>`;
  });
  const legend = methods.map((method, i) => {
    const y = PANEL.top + 10 + 20 * i;
    return `<path d="M4 ${y}h22" ${strokeOf(method)}/><text x="32" y="${y + 4}">${method}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${PANEL.height}" width="${width}" height="${PANEL.height}" font-family="sans-serif" font-size="11" role="img">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${PANEL.height}" fill="#fff"/>`,
    ...panels,
    `<g transform="translate(${domains.length * PANEL.width} 0)">${legend.join('')}</g>`,
    '</svg>\n',
  ].join('\n');
}

function panelOf(figures: readonly Figure[], methods: readonly string[], domain: string): string {
  const lines = methods.map((method) => ({ method, points: excessOf(figures, method) }));
  const all = lines.flatMap(({ points }) => points);
  const [low, high] = [
    Math.floor(Math.log10(Math.min(...all.map(({ excess }) => excess)))),
    Math.ceil(Math.log10(Math.max(...all.map(({ excess }) => excess)))),
  ];
  const ratios = [...new Set(all.map(({ ratio }) => ratio))].sort((a, b) => b - a);
  const { left, right, top, bottom, width, height } = PANEL;
  const x = (ratio: number): number => {
    const place = ratios.length === 1 ? 0.5 : ratios.indexOf(ratio) / (ratios.length - 1);
    return left + 10 + place * (width - left - right - 20);
  };
  const y = (excess: number): number =>
    top + ((high - Math.log10(excess)) / Math.max(1, high - low)) * (height - top - bottom);
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  return [
    `<text x="${left}" y="18" font-weight="bold">${domain} text</text>`,
    ...ticks.map(
      (tick) =>
        `<path d="M${left} ${place(y(tick))}H${width - right}" stroke="#ddd"/><text x="${left - 6}" y="${place(y(tick) + 4)}" text-anchor="end">${Number(tick.toPrecision(1))}</text>`,
    ),
    ...ratios.map(
      (ratio) =>
        `<text x="${place(x(ratio))}" y="${height - bottom + 18}" text-anchor="middle">${Math.round(100 * ratio)}%</text>`,
    ),
    `<text x="${(left + width) / 2}" y="${height - 8}" text-anchor="middle">kept block parameters</text>`,
    `<text transform="translate(12 ${height / 2}) rotate(-90)" text-anchor="middle">loss above dense, nats</text>`,
    ...lines.map(({ method, points }) => {
      const at = points.map(({ ratio, excess }) => `${place(x(ratio))} ${place(y(excess))}`);
      const dots = at.map((one) => {
        const [cx, cy] = one.split(' ');
        return `<circle cx="${cx}" cy="${cy}" r="2.5" fill="${colourOf(method)}"/>`;
      });
      return `<path d="M${at.join('L')}" fill="none" ${strokeOf(method)}/>${dots.join('')}`;
    }),
  ].join('');
}

/** Mean loss above the dense model's, nats, by ratio from most to least. */
function excessOf(
  figures: readonly Figure[],
  method: string,
): { readonly ratio: number; readonly excess: number }[] {
  const lossOf = (one: Figure): number => Math.log(one.perplexity ?? Infinity);
  const dense = meanOf(figures.filter((one) => one.method === 'dense').map(lossOf));
  const own = figures.filter((one) => one.method === method && one.perplexity !== null);
  return [...new Set(own.map(({ ratio }) => ratio))]
    .sort((a, b) => b - a)
    .map((ratio) => {
      const loss = meanOf(own.filter((one) => one.ratio === ratio).map(lossOf));
      return { ratio, excess: Math.max(LEAST, loss - dense) };
    });
}

function colourOf(method: string): string {
  return LOOKS[method] ?? COLOURS[(TABLE_METHODS.indexOf(method) - 1) % COLOURS.length]!;
}

function strokeOf(method: string): string {
  const strong = method in LOOKS;
  return `stroke="${colourOf(method)}" stroke-width="${strong ? 2.5 : 1.5}"`;
}

function place(value: number): number {
  return Number(value.toFixed(1));
}
