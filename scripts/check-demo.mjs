// Judges the last line of `npm run demo -- --json`, read from stdin: every figure is there, and the
// four ways of making the same size order as they must.
// Usage: node scripts/check-demo.mjs < output
import { existsSync, readFileSync } from 'node:fs';

const NAMES = ['dense', 'initialised', 'searched', 'reformed', 'random'];
const FIELDS = ['params', 'blockParams', 'perplexity', 'bytes', 'prefillMs', 'decodeMs'];

const problems = [];
const demo = lastLine(readFileSync(0, 'utf8'));
checkFields();
if (problems.length === 0) checkFigures();
for (const problem of problems) console.error(`demo: ${problem}`);
if (problems.length > 0) process.exit(1);
console.log(`demo: ${ordered().join(' < ')}; the reform removes ${removedExcess()} of the excess.`);

function lastLine(output) {
  const line = output.trimEnd().split('\n').at(-1);
  try {
    return JSON.parse(line);
  } catch {
    console.error(`demo: the last line of stdout is not JSON: ${line.slice(0, 200)}`);
    return process.exit(1);
  }
}

function checkFields() {
  for (const name of NAMES) {
    for (const field of FIELDS) {
      const value = demo[name]?.[field];
      if (!(Number.isFinite(value) && value > 0)) problems.push(`${name}.${field} is ${value}`);
    }
  }
  if (!existsSync(String(demo.runFolder))) problems.push(`no run folder at ${demo.runFolder}`);
  const forms = (demo.exports ?? []).map(({ form }) => form);
  for (const form of ['subnet', 'checkpoint', 'onnx']) {
    if (!forms.includes(form)) problems.push(`no export "${form}" among ${forms.join(', ')}`);
  }
  for (const { form, path, verified } of demo.exports ?? []) {
    if (!existsSync(path)) problems.push(`no ${form} at ${path}`);
    if (form === 'subnet') continue;
    const exact = verified !== null && verified.maxDifference <= verified.tolerance;
    if (!exact) problems.push(`${form} is not verified: ${JSON.stringify(verified)}`);
  }
}

function checkFigures() {
  const order = ['dense', 'reformed', 'searched', 'initialised', 'random'];
  for (const [i, worse] of order.entries()) {
    const better = order[i - 1];
    if (better === undefined || demo[better].perplexity < demo[worse].perplexity) continue;
    problems.push(`perplexity of ${worse} is not above that of ${better}: ${ordered().join(', ')}`);
  }
  const sizes = new Set(order.slice(1).map((name) => demo[name].blockParams));
  if (sizes.size !== 1) problems.push(`block parameters differ: ${[...sizes].join(', ')}`);
  if (demo.reformed.bytes >= demo.dense.bytes) problems.push('the subnet is not smaller on disk');
  if (!(excess('reformed') <= excess('searched') / 2)) {
    problems.push('the reform does not halve the excess over the dense model');
  }
}

function ordered() {
  return NAMES.map((name) => [name, demo[name].perplexity])
    .sort(([, a], [, b]) => a - b)
    .map(([name, perplexity]) => `${name} ${perplexity.toFixed(2)}`);
}

function excess(name) {
  return demo[name].perplexity - demo.dense.perplexity;
}

function removedExcess() {
  return `${Math.round(100 * (1 - excess('reformed') / excess('searched')))}%`;
}
