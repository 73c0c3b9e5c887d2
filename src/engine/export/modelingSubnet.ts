/** Name of the torch module written beside a checkpoint that stock code cannot build. */
export const MODELING_FILE = 'modeling_subnet.py';

/** Families the module can build, and its class for each. */
export const MODELING_CLASSES: ReadonlyMap<string, string> = new Map([
  ['llama', 'SubnetLlamaForCausalLM'],
]);

/**
 * The torch module, as Python text: a Llama whose heads and layers have the sizes that the `subnet`
 * block of config.json lists. Plain, for reading and checking; the ONNX form is the fast one.
 */
export function modelingSource(): string {
  return SOURCE;
}

const SOURCE = `"""A Llama subnet for transformers: blocks, heads and channels of any sizes.

Written by Subnet Studio. Sizes come from the "subnet" block of config.json; RoPE keeps the original
frequency of every kept pair and the softmax scale stays that of the original head width.
"""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import GenerationMixin, LlamaConfig, PreTrainedModel
from transformers.activations import ACT2FN
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.models.llama.modeling_llama import LlamaRMSNorm, LlamaRotaryEmbedding


def indices(text):
    """The numbers that a range text such as "0-2,5" names."""
    numbers = []
    for run in filter(None, text.split(",")):
        first, _, last = run.partition("-")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


class SubnetLlamaConfig(LlamaConfig):
    model_type = "subnet_llama"


class Head:
    """What one kept key/value head of a layer keeps."""

    def __init__(self, qk, vo):
        self.pairs, self.qk, self.vo = qk, 2 * len(qk), len(vo)


def rotate(x, cos, sin):
    low, high = x.chunk(2, dim=-1)
    return x * torch.cat((cos, cos), -1) + torch.cat((-high, low), -1) * torch.cat((sin, sin), -1)


class SubnetAttention(nn.Module):
    def __init__(self, config, heads, group, scale):
        super().__init__()
        hidden, bias = config.hidden_size, config.attention_bias
        self.heads, self.group, self.scale = heads, group, scale
        qk, vo = sum(h.qk for h in heads), sum(h.vo for h in heads)
        self.q_proj = nn.Linear(hidden, group * qk, bias=bias)
        self.k_proj = nn.Linear(hidden, qk, bias=bias)
        self.v_proj = nn.Linear(hidden, vo, bias=bias)
        self.o_proj = nn.Linear(group * vo, hidden, bias=bias)

    def forward(self, x, cos, sin, mask, past):
        parts_q = self.q_proj(x).split([self.group * h.qk for h in self.heads], -1)
        parts_k = self.k_proj(x).split([h.qk for h in self.heads], -1)
        parts_v = self.v_proj(x).split([h.vo for h in self.heads], -1)
        out, present = [], []
        for i, head in enumerate(self.heads):
            pairs = torch.tensor(head.pairs, device=x.device)
            c, s = cos[..., pairs].unsqueeze(1), sin[..., pairs].unsqueeze(1)
            q = parts_q[i].unflatten(-1, (self.group, head.qk)).transpose(1, 2)
            q, k = rotate(q, c, s), rotate(parts_k[i].unsqueeze(1), c, s)
            v = parts_v[i].unsqueeze(1)
            if past is not None:
                k, v = torch.cat((past[i][0], k), 2), torch.cat((past[i][1], v), 2)
            present.append((k, v))
            scores = q @ k.transpose(-1, -2) * self.scale + mask
            context = scores.float().softmax(-1).to(v.dtype) @ v
            out.append(context.transpose(1, 2).flatten(2))
        return self.o_proj(torch.cat(out, -1)), present


class SubnetMLP(nn.Module):
    def __init__(self, config, neurons):
        super().__init__()
        hidden, bias = config.hidden_size, config.mlp_bias
        self.gate_proj = nn.Linear(hidden, neurons, bias=bias)
        self.up_proj = nn.Linear(hidden, neurons, bias=bias)
        self.down_proj = nn.Linear(neurons, hidden, bias=bias)
        self.act = ACT2FN[config.hidden_act]

    def forward(self, x):
        return self.down_proj(self.act(self.gate_proj(x)) * self.up_proj(x))


class SubnetLayer(nn.Module):
    def __init__(self, config, masks, group, scale):
        super().__init__()
        heads = [Head(indices(h["qk"]), indices(h["vo"])) for h in masks["heads"] if h["qk"]]
        neurons = len(indices(masks["mlp"]))
        norm = lambda: LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.self_attn = SubnetAttention(config, heads, group, scale) if heads else None
        self.input_layernorm = norm() if heads else None
        self.mlp = SubnetMLP(config, neurons) if neurons else None
        self.post_attention_layernorm = norm() if neurons else None

    def forward(self, x, cos, sin, mask, past):
        present = None
        if self.self_attn is not None:
            update, present = self.self_attn(self.input_layernorm(x), cos, sin, mask, past)
            x = x + update
        if self.mlp is not None:
            x = x + self.mlp(self.post_attention_layernorm(x))
        return x, present


class SubnetCache:
    """Keys and values of every layer and head; generation only asks for its length."""

    is_compileable = False

    def __init__(self):
        self.layers, self.length = None, 0

    def get_seq_length(self, layer_idx=0):
        return self.length


class SubnetModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        subnet = config.subnet
        group = config.num_attention_heads // (config.num_key_value_heads or config.num_attention_heads)
        scale = subnet["head_dim"] ** -0.5
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            SubnetLayer(config, masks, group, scale) for masks in subnet["masks"]["layers"]
        )
        self.norm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.rotary_emb = LlamaRotaryEmbedding(config)


class SubnetLlamaForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = SubnetLlamaConfig
    base_model_prefix = "model"
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}
    _supports_cache_class = False

    def __init__(self, config):
        super().__init__(config)
        self.model = SubnetModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    @classmethod
    def _supports_default_dynamic_cache(cls):
        return False

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def set_input_embeddings(self, value):
        self.model.embed_tokens = value

    def get_output_embeddings(self):
        return self.lm_head

    def prepare_inputs_for_generation(self, input_ids, past_key_values=None, attention_mask=None, **kwargs):
        past = past_key_values.get_seq_length() if past_key_values is not None else 0
        return {"input_ids": input_ids[:, past:], "past_key_values": past_key_values, "use_cache": True,
                "attention_mask": attention_mask}

    def forward(self, input_ids, past_key_values=None, attention_mask=None, use_cache=None, labels=None,
                logits_to_keep=0, **kwargs):
        time = input_ids.shape[1]
        past = past_key_values.length if past_key_values is not None else 0
        total = past + time
        x = self.model.embed_tokens(input_ids)
        places = torch.arange(total, device=x.device)
        later = places[None, :] > places[past:, None]
        hidden = later[None, None]
        positions = places[past:][None].expand(input_ids.shape[0], -1)
        if attention_mask is not None and attention_mask.dim() == 2:
            padding = attention_mask[:, None, None, :total] == 0
            hidden = hidden | padding
            positions = (attention_mask[:, :total].long().cumsum(-1) - 1).clamp(min=0)[:, past:]
        mask = torch.zeros(hidden.shape, dtype=x.dtype, device=x.device)
        mask = mask.masked_fill(hidden, torch.finfo(x.dtype).min)
        cos, sin = self.model.rotary_emb(x, positions)
        half = cos.shape[-1] // 2
        cos, sin = cos[..., :half], sin[..., :half]
        presents = []
        for i, layer in enumerate(self.model.layers):
            state = past_key_values.layers[i] if past else None
            x, present = layer(x, cos, sin, mask, state)
            presents.append(present)
        x = self.model.norm(x)
        keep = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) and logits_to_keep else slice(None)
        logits = self.lm_head(x[:, keep])
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())
        cache = None
        if use_cache or past_key_values is not None:
            cache = past_key_values if past_key_values is not None else SubnetCache()
            cache.layers, cache.length = presents, total
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=cache)
`;
