import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { rawSafetensors, takeApart } from '../../fixtures/rawSafetensors.ts';
import {
  checkRefusal,
  renameTensors,
  WEIGHTS,
  withConfig,
  type RefusedModel,
} from '../../fixtures/refusedModel.ts';

const models: readonly RefusedModel[] = [
  {
    name: 'an adapter that was not merged',
    spoil: (dir) =>
      renameTensors(dir, (name) => name.replace('q_proj.weight', 'q_proj.lora_A.weight')),
    is: /adapter that is not merged/,
    action: /merge_and_unload/,
  },
  {
    name: 'weights of GPTQ without a word in config.json',
    spoil: (dir) => renameTensors(dir, (name) => name.replace('proj.weight', 'proj.qweight')),
    is: /quantised \(GPTQ or AWQ\)/,
    action: /original checkpoint/,
  },
  {
    name: 'weights of bitsandbytes',
    spoil: (dir) =>
      renameTensors(dir, (name) => name.replace('up_proj.weight', 'up_proj.weight.absmax')),
    is: /quantised \(bitsandbytes\)/,
    action: /original checkpoint/,
  },
  ...[
    [{ quant_method: 'gptq', bits: 4 }, /quantised \("gptq", 4 bits\)/, /original checkpoint/],
    [{ quant_method: 'awq', bits: 4 }, /quantised \("awq", 4 bits\)/, /original checkpoint/],
    [{ quant_method: 'fp8' }, /quantised \("fp8"\)/, /original checkpoint/],
    [
      { quant_method: 'bitsandbytes', load_in_4bit: true },
      /4 bits/,
      /remove "quantization_config"/,
    ],
  ].map(([section, is, action]) => ({
    name: `a config of ${JSON.stringify(section)}`,
    spoil: withConfig({ quantization_config: section }),
    is: is as RegExp,
    action: action as RegExp,
  })),
  {
    name: 'weights of a type that is not one of numbers with a point',
    spoil: async (dir) => {
      const path = join(dir, WEIGHTS);
      const { header, data } = takeApart(await readFile(path));
      header['model.norm.weight']!.dtype = 'I32';
      await writeFile(path, rawSafetensors(header, data));
    },
    is: /quantised: model\.safetensors stores tensor "model\.norm\.weight" as "I32"/,
    action: /original checkpoint/,
  },
  ...(
    [
      ['bert', /type "bert", an encoder/],
      ['t5', /an encoder with a decoder/],
      ['mixtral', /a mixture of experts/],
      ['falcon', /type "falcon", an architecture that cannot be pruned yet/],
    ] as const
  ).map(([type, is]) => ({
    name: `a model of type ${type}`,
    spoil: withConfig({ model_type: type }),
    is,
    action: /Supported values of "model_type" are llama, .* and opt/,
  })),
  {
    name: 'a model of images and text',
    spoil: withConfig({
      model_type: 'llava',
      text_config: { model_type: 'llama' },
      vision_config: {},
    }),
    is: /several kinds of input around a language model of type "llama"/,
    action: /language model alone/,
  },
  {
    name: 'an export of ours without its masks',
    spoil: withConfig({ model_type: 'subnet_llama' }),
    is: /has no "subnet", so the folder holds no sliced checkpoint/,
    action: /Restore the folder/,
  },
  {
    name: 'a model whose type is missing',
    spoil: withConfig({ model_type: undefined }),
    is: /does not say what model this is/,
    action: /llama, .* and opt/,
  },
  {
    name: 'a model whose type is the name of a class',
    spoil: withConfig({ model_type: 'LlamaForCausalLM' }),
    is: /the name of a class, "LlamaForCausalLM"/,
    action: /Set it to "llama"/,
  },
  {
    name: 'a model whose type is the name of a class of a family with another spelling',
    spoil: withConfig({ model_type: 'GPTNeoXForCausalLM' }),
    is: /the name of a class, "GPTNeoXForCausalLM"/,
    action: /Set it to "gpt_neox"/,
  },
  {
    name: 'a head that is neither there nor tied',
    spoil: withConfig({ tie_word_embeddings: undefined }),
    is: /no output head.*does not tie it/,
    action: /set "tie_word_embeddings" to true/,
  },
  {
    name: 'a classifier',
    options: { tied: false },
    spoil: (dir) =>
      renameTensors(dir, (name) => (name === 'lm_head.weight' ? 'score.weight' : name)),
    is: /it classifies or scores texts \(tensor "score\.weight"\)/,
    action: /causal language model/,
  },
  {
    name: 'fewer blocks than config.json announces',
    spoil: withConfig({ num_hidden_layers: 5 }),
    is: /announces 5 blocks, but the weights hold only 2/,
    action: /set "num_hidden_layers" to 2/,
  },
  {
    name: 'fewer blocks of a GPT-2 than config.json announces',
    options: { family: 'gpt2' },
    spoil: withConfig({ n_layer: 5 }, { family: 'gpt2' }),
    is: /announces 5 blocks, but the weights hold only 2/,
    action: /set "n_layer" to 2/,
  },
  {
    name: 'names as torch.compile writes them',
    spoil: (dir) => renameTensors(dir, (name) => `_orig_mod.${name}`),
    is: /begin with "_orig_mod\.", as torch\.compile/,
    action: /without the wrapper of torch\.compile/,
  },
  {
    name: 'names as PEFT writes them',
    spoil: (dir) => renameTensors(dir, (name) => `base_model.model.${name}`),
    is: /as PEFT writes them/,
    action: /without the wrapper of PEFT/,
  },
  {
    name: 'the language part of a larger model',
    spoil: (dir) => renameTensors(dir, (name) => `model.language_model.${name}`),
    is: /a model of several kinds of input/,
    action: /language model alone/,
  },
  {
    name: 'a vocabulary that was made larger',
    spoil: withConfig({ vocab_size: 95 }),
    is: /does not fit the weights.*\[95, 32\].*\[96, 32\]/,
    action: /Set "vocab_size" to 96/,
  },
  {
    name: 'a variant that we do not compute',
    spoil: withConfig({ rope_scaling: { rope_type: 'longrope', factor: 2 } }),
    is: /variant of the architecture is not supported.*rope_scaling has "rope_type" of "longrope"/,
    action: /Use another checkpoint/,
  },
  {
    name: 'rotary positions on a part of the dimensions, beside a scaling of the older form',
    spoil: withConfig({ partial_rotary_factor: 0.5, rope_scaling: { type: 'linear', factor: 2 } }),
    is: /"partial_rotary_factor" of 0\.5/,
    action: /Use another checkpoint/,
  },
  {
    name: 'a config.json in UTF-16',
    spoil: (dir) => writeFile(join(dir, 'config.json'), '\uFEFF{}', 'utf16le'),
    is: /config\.json is stored in UTF-16; JSON has to be UTF-8/,
    action: /again/,
  },
  {
    name: 'an empty config.json',
    spoil: (dir) => writeFile(join(dir, 'config.json'), ''),
    is: /^config\.json is empty\./,
    action: /again/,
  },
];

describe('a refusal says what the model is and what to do', () => {
  for (const model of models) test(`for ${model.name}`, () => checkRefusal(model));
});
