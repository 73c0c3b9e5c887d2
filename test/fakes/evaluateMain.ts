import { evaluateModel } from '../../src/engine/pipeline/evaluateModel.ts';

// Evaluates the model of its first argument on the text of its second and prints the report.
const [path = '', text = ''] = process.argv.slice(2);
const request = { path, text, context: 32, maxWindows: 4, device: 'cpu' } as const;
const { signal } = new AbortController();
console.log(JSON.stringify(await evaluateModel(request, { signal, emit: () => undefined })));
