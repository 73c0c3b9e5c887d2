/**
 * What an export folder holds. Paths have forward slashes; relative ones are relative to the folder of
 * the code that names them, which then works from whatever folder it is started.
 */
export interface LoaderExports {
  /** subnet.json, which every export has. */
  readonly subnet: string;
  readonly checkpoint: {
    readonly path: string;
    /** It comes with code of its own, which transformers runs only when told to. */
    readonly runsOwnCode: boolean;
  } | null;
  /** model.onnx */
  readonly onnx: string | null;
  /** Folder with tokenizer.json: the checkpoint's, else the source model's; null when neither is there. */
  readonly tokenizer: string | null;
}

/** What code can load a subnet as. */
export type LoaderForm = 'transformers' | 'onnx' | 'masks';

/** Languages a snippet can be written in. */
export type LoaderLanguage = 'python' | 'typescript';

/** One snippet that can be written, for a list to choose from. */
export interface LoaderChoice {
  readonly form: LoaderForm;
  readonly label: string;
  readonly detail: string;
}

/** What can be loaded from an export folder in a language, the usual choice first. */
export function loaderChoices(
  language: LoaderLanguage,
  { checkpoint, onnx }: LoaderExports,
): readonly LoaderChoice[] {
  const choices: LoaderChoice[] = [];
  if (language === 'python' && checkpoint !== null) {
    const detail = checkpoint.runsOwnCode
      ? 'a PyTorch model to train or run; runs modeling_subnet.py of the export'
      : 'a PyTorch model to train or run';
    choices.push({ form: 'transformers', label: 'transformers', detail });
  }
  if (onnx !== null) {
    const label = language === 'python' ? 'onnxruntime' : 'onnxruntime-node';
    choices.push({ form: 'onnx', label, detail: 'a decoder with a cache, to generate text' });
  }
  const detail = 'which units of each block are kept, to mask a model of your own';
  choices.push({ form: 'masks', label: 'subnet.json', detail });
  return choices;
}

/**
 * Code that loads an exported subnet.
 * @param indent  blanks in front of every line but the first
 */
export function loaderSnippet(
  language: LoaderLanguage,
  form: LoaderForm,
  exports: LoaderExports,
  indent: string,
): string {
  const lines = linesOf(language, form, exports);
  return lines.map((line, i) => (i === 0 || line === '' ? line : indent + line)).join('\n');
}

function linesOf(
  language: LoaderLanguage,
  form: LoaderForm,
  exports: LoaderExports,
): readonly string[] {
  if (form === 'masks') {
    return language === 'python' ? pythonMasks(exports) : typescriptMasks(exports);
  }
  if (form === 'onnx') {
    return language === 'python' ? pythonOnnx(exports) : typescriptOnnx(exports);
  }
  return pythonTransformers(exports);
}

function pythonTransformers({ checkpoint }: LoaderExports): readonly string[] {
  const path = checkpoint?.path ?? '';
  const trust = checkpoint?.runsOwnCode === true;
  return [
    ...(isRelative(path) ? [PYTHON_IMPORT, ''] : []),
    'from transformers import AutoModelForCausalLM, AutoTokenizer',
    '',
    `subnet_path = ${pythonPath(path)}`,
    ...(trust
      ? ['# Runs modeling_subnet.py of that folder, which builds heads of uneven sizes.']
      : []),
    `subnet = AutoModelForCausalLM.from_pretrained(subnet_path${trust ? ', trust_remote_code=True' : ''})`,
    // Else transformers would ask whether it may run the module, which no tokenizer needs.
    `tokenizer = AutoTokenizer.from_pretrained(subnet_path${trust ? ', trust_remote_code=False' : ''})`,
  ];
}

function pythonOnnx({ onnx, tokenizer }: LoaderExports): readonly string[] {
  const onnxPath = onnx ?? '';
  const tokenizerPath = `${tokenizer}/tokenizer.json`;
  return [
    ...(isRelative(onnxPath) || (tokenizer !== null && isRelative(tokenizerPath))
      ? [PYTHON_IMPORT, '']
      : []),
    'import numpy as np',
    'import onnxruntime as ort',
    ...(tokenizer === null ? [] : ['from tokenizers import Tokenizer']),
    '',
    `session = ort.InferenceSession(${pythonPath(onnxPath)})`,
    ...(tokenizer === null
      ? []
      : [`tokenizer = Tokenizer.from_file(${pythonPath(tokenizerPath)})`]),
    '',
    '',
    'def generate(tokens, count):',
    '    """Continues token ids greedily."""',
    '    names = [output.name for output in session.get_outputs()]',
    '    feeds = {',
    '        value.name: np.zeros([1, 0, value.shape[2]], np.float32)',
    '        for value in session.get_inputs()',
    '        if value.name.startswith("past_") and value.name != "past_length"',
    '    }',
    '    tokens, new, past = list(tokens), list(tokens), 0',
    '    for _ in range(count):',
    '        feeds["input_ids"] = np.array([new], np.int64)',
    '        # Only a model without any attention is told the length of its past.',
    '        if any(value.name == "past_length" for value in session.get_inputs()):',
    '            feeds["past_length"] = np.array([past], np.int64)',
    '        past += len(new)',
    '        out = dict(zip(names, session.run(None, feeds)))',
    '        new = [int(out.pop("logits")[0, -1].argmax())]',
    '        tokens += new',
    '        feeds = {name.replace("present", "past"): value for name, value in out.items()}',
    '    return tokens',
  ];
}

function pythonMasks({ subnet }: LoaderExports): readonly string[] {
  return [
    'import json',
    ...(isRelative(subnet) ? [PYTHON_IMPORT] : []),
    '',
    '',
    'def kept_units(text):',
    '    """The numbers that a range text such as "0-2,5" names."""',
    '    runs = [run.partition("-") for run in text.split(",") if run]',
    '    return [i for low, _, high in runs for i in range(int(low), int(high or low) + 1)]',
    '',
    '',
    `with open(${pythonPath(subnet)}, encoding="utf-8") as file:`,
    '    layers = json.load(file)["subnet"]["layers"]',
    '# For each block: of each key/value head the kept query/key units (under RoPE unit i is dimensions',
    '# i and i + head_dim/2) and value dimensions, then the kept neurons of the MLP. Where the file says',
    '# "values": "rotated", value dimensions are those of v_proj and o_proj in reformed.safetensors.',
    'kept = [',
    '    {',
    '        "qk": [kept_units(head["qk"]) for head in layer["heads"]],',
    '        "vo": [kept_units(head["vo"]) for head in layer["heads"]],',
    '        "mlp": kept_units(layer["mlp"]),',
    '    }',
    '    for layer in layers',
    ']',
  ];
}

function typescriptOnnx({ onnx }: LoaderExports): readonly string[] {
  const path = onnx ?? '';
  const isFound = isRelative(path);
  return [
    ...(isFound ? ["import { fileURLToPath } from 'node:url';"] : []),
    "import * as ort from 'onnxruntime-node';",
    '',
    ...(isFound ? [`const model = fileURLToPath(${urlOf(path)});`] : []),
    `const session = await ort.InferenceSession.create(${isFound ? 'model' : quote(path)});`,
    '',
    '/** Continues token ids greedily. */',
    'async function generate(tokens: readonly number[], count: number): Promise<number[]> {',
    '  const all = [...tokens];',
    '  const feeds: Record<string, ort.Tensor> = {};',
    '  for (const input of session.inputMetadata) {',
    '    if (!input.isTensor || !/^past_\\d/.test(input.name)) continue;',
    "    feeds[input.name] = new ort.Tensor('float32', [], [1, 0, Number(input.shape[2])]);",
    '  }',
    '  let fresh = all.slice();',
    '  for (let step = 0, past = 0; step < count; step++) {',
    "    feeds['input_ids'] = new ort.Tensor('int64', BigInt64Array.from(fresh, BigInt), [1, fresh.length]);",
    '    // Only a model without any attention is told the length of its past.',
    "    if (session.inputNames.includes('past_length')) {",
    "      feeds['past_length'] = new ort.Tensor('int64', BigInt64Array.of(BigInt(past)), [1]);",
    '    }',
    '    past += fresh.length;',
    '    const outputs = await session.run(feeds);',
    '    for (const [name, value] of Object.entries(outputs)) {',
    "      if (name !== 'logits') feeds[name.replace('present', 'past')] = value;",
    '    }',
    "    const logits = outputs['logits']!;",
    '    const last = (logits.data as Float32Array).subarray(-logits.dims[2]!);',
    '    fresh = [last.indexOf(last.reduce((most, value) => Math.max(most, value)))];',
    '    all.push(...fresh);',
    '  }',
    '  return all;',
    '}',
  ];
}

function typescriptMasks({ subnet }: LoaderExports): readonly string[] {
  return [
    "import { readFileSync } from 'node:fs';",
    '',
    '/** The numbers that a range text such as "0-2,5" names. */',
    'function keptUnits(text: string): number[] {',
    "  return text.split(',').filter(Boolean).flatMap((run) => {",
    "    const [low = 0, high = low] = run.split('-').map(Number);",
    '    return Array.from({ length: high - low + 1 }, (_, i) => low + i);',
    '  });',
    '}',
    '',
    'interface SubnetFile {',
    '  subnet: { layers: { heads: { qk: string; vo: string }[]; mlp: string }[] };',
    '}',
    `const file = JSON.parse(readFileSync(${isRelative(subnet) ? urlOf(subnet) : quote(subnet)}, 'utf8')) as SubnetFile;`,
    '// For each block: of each key/value head the kept query/key units (under RoPE unit i is dimensions',
    '// i and i + headDim / 2) and value dimensions, then the kept neurons of the MLP. Where the file says',
    '// "values": "rotated", value dimensions are those of v_proj and o_proj in reformed.safetensors.',
    'const kept = file.subnet.layers.map(({ heads, mlp }) => ({',
    '  qk: heads.map((head) => keptUnits(head.qk)),',
    '  vo: heads.map((head) => keptUnits(head.vo)),',
    '  mlp: keptUnits(mlp),',
    '}));',
  ];
}

const PYTHON_IMPORT = 'from pathlib import Path';

function isRelative(path: string): boolean {
  return !/^([A-Za-z]:)?[\\/]/.test(path);
}

/** An expression of a path; a relative one starts at the file that holds the code. */
function pythonPath(path: string): string {
  const text = JSON.stringify(path);
  return isRelative(path) ? `str(Path(__file__).resolve().parent / ${text})` : text;
}

function urlOf(path: string): string {
  const written = path.split('/').map(encodeURIComponent).join('/');
  return `new URL(${quote(written)}, import.meta.url)`;
}

function quote(path: string): string {
  return `'${path.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
