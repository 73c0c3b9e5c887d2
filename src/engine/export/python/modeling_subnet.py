"""Language models with heads and neurons pruned unevenly, for transformers 4.57 to 5.

Everything is the stock model of transformers except what depends on the pruned sizes: attention,
the MLP, and the block that holds them. The "subnet" section of config.json lists what each block
keeps.

Inside attention the heads of a block are padded with zeros to the width of its widest head.
Attention kernels and caches want heads of one width, and zeros change neither a score nor a sum.
A sublayer that was removed adds nothing to the hidden states.

Written by Subnet Studio. Tested with transformers 4.57.6, 5.0.0 and 5.24.0.
"""

from itertools import accumulate

import torch
import transformers
from torch import nn
from torch.nn import functional as F
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

if tuple(int(number) for number in transformers.__version__.split(".")[:2]) < (4, 57):
    raise ImportError(
        f"modeling_subnet.py needs transformers 4.57 or newer, but {transformers.__version__} is "
        'installed. Run: pip install --upgrade "transformers>=4.57"'
    )


def numbers(text):
    """The numbers that a range text names: "0-2,5" gives 0, 1, 2, 5."""
    found = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


def kept_heads(config, layer_idx):
    """Query/key units and value dimensions of each key/value head that a block keeps."""
    heads = config.subnet["masks"]["layers"][layer_idx]["heads"]
    kept = [(numbers(head["qk"]), numbers(head["vo"])) for head in heads]
    return [(units, values) for units, values in kept if units]


def kept_neurons(config, layer_idx):
    """Number of neurons that a block keeps."""
    return len(numbers(config.subnet["masks"]["layers"][layer_idx]["mlp"]))


def resized(stock, inputs, outputs):
    """A linear map in the place of a stock one, with a bias where that has one."""
    return nn.Linear(inputs, outputs, bias=stock.bias is not None)


def same(x):
    """Stands for a part of a removed sublayer: a function, which nothing takes for a module."""
    return x


def firsts(sizes):
    """Where each of the parts of these sizes begins."""
    return [0, *accumulate(sizes)][:-1]


class PaddedHeads:
    """What the attention classes share: heads of different widths, padded to one width."""

    def set_heads(self, config, layer_idx, heads, group, pairs, fused=False):
        """
        heads: kept query/key units and value dimensions of each key/value head.
        group: query heads of each key/value head.
        pairs: rotary pairs of a stock head. Unit i below is the pair of dimensions i and i + pairs,
            units from there on are single dimensions, which are not rotated.
        fused: True where one map holds the query, key and value rows of head after head.
        """
        self.config, self.layer_idx, self.is_causal = config, layer_idx, True
        self.num_key_value_groups, self.pairs = group, pairs
        self.turning = [[unit for unit in units if unit < pairs] for units, _ in heads]
        sizes = [(len(t), len(u) - len(t)) for t, (u, _) in zip(self.turning, heads, strict=True)]
        qk = [2 * turning + still for turning, still in sizes]
        vo = [len(values) for _, values in heads]
        # A head that rotates is two halves: its pairs, and behind them what is not rotated.
        self.halves = 2 if pairs else 1
        self.turned = max(turning for turning, _ in sizes)
        still = max(still for _, still in sizes)
        self.mixed = pairs > 0 and still > 0
        widest = max(self.halves * self.turned + still, *vo)
        self.head_dim = widest + widest % self.halves
        self.cache_shape = (len(heads), self.head_dim)
        query_qk = [size for size in qk for _ in range(group)]
        query_vo = [size for size in vo for _ in range(group)]
        self.sizes = {"q": sum(query_qk), "k": sum(qk), "v": sum(vo), "o": sum(query_vo)}
        starts = {"q": firsts(query_qk), "k": firsts(qk), "v": firsts(vo)}
        ends = self.sizes
        if fused:
            whole = [2 * a + b for a, b in zip(qk, vo, strict=True)]
            starts = {"q": firsts(whole)}
            starts["k"] = [at + size for at, size in zip(starts["q"], qk, strict=True)]
            starts["v"] = [at + size for at, size in zip(starts["k"], qk, strict=True)]
            ends = dict.fromkeys("qkv", sum(whole))
        self.indices = {}
        query_sizes = [size for size in sizes for _ in range(group)]
        self.add_index("q_index", self.padding(query_sizes, starts["q"], ends["q"]))
        self.add_index("k_index", self.padding(sizes, starts["k"], ends["k"]))
        self.add_index("v_index", self.padding_of_values(vo, starts["v"], ends["v"]))
        self.add_index(
            "o_index",
            [head * self.head_dim + i for head, size in enumerate(query_vo) for i in range(size)],
        )

    def padding(self, sizes, starts, end):
        """
        Where each dimension of the padded heads comes from; one past the end stands for zero.
        sizes: pairs and other dimensions of each head.
        """
        index = []
        room = self.head_dim // self.halves - self.turned
        for (turning, still), start in zip(sizes, starts, strict=True):
            behind = start + self.halves * turning
            for half in range(self.halves):
                lower = start + half * turning
                index += [*range(lower, lower + turning)] + [end] * (self.turned - turning)
                others = [*range(behind, behind + still)][half * room : (half + 1) * room]
                index += others + [end] * (room - len(others))
        return index

    def padding_of_values(self, sizes, starts, end):
        """As padding, of value dimensions."""
        index = []
        for size, start in zip(sizes, starts, strict=True):
            index += [*range(start, start + size)] + [end] * (self.head_dim - size)
        return index

    def set_rotations(self):
        """Kept pairs turn at their original frequencies, which differ from head to head."""
        half, still = self.head_dim // 2, 2 * self.pairs
        rows = []
        for pairs in self.turning:
            filled = pairs + [0] * (self.turned - len(pairs))
            rows.append(2 * (filled + [still] * (half - self.turned)))
        if all(row == rows[0] for row in rows):
            rows = rows[:1]
        self.add_index("rotations", [place for row in rows for place in row])

    def rotated(self, query, key, cos, sin, rotate_half):
        """
        Heads turned by the angles of their pairs.
        cos, sin: of the stock model, [batch, time, 2 * pairs]; what is not rotated turns by zero.
        """
        cos, sin = self.angles(F.pad(cos, (0, 1), value=1.0)), self.angles(F.pad(sin, (0, 1)))
        query = query.unflatten(1, (-1, self.num_key_value_groups))
        query = query * cos[:, :, None] + rotate_half(query) * sin[:, :, None]
        return query.flatten(1, 2), key * cos + rotate_half(key) * sin

    def angles(self, table):
        """Cosines or sines of the padded heads, [batch, heads or 1, time, width]."""
        table = table.index_select(-1, self.rotations)
        return table.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def add_index(self, name, index):
        self.indices[name] = index
        self.register_buffer(name, torch.tensor(index), persistent=False)

    def fill_indices(self):
        """Buffers are not saved and loading leaves them empty, as with the rotary frequencies."""
        for name, index in self.indices.items():
            buffer = getattr(self, name)
            buffer.copy_(torch.tensor(index, device=buffer.device))

    def padded(self, x, index):
        """Heads of their own widths [batch, time, sum] as [batch, heads, time, width]."""
        if self.mixed or index.numel() != x.shape[-1]:
            return self.picked(F.pad(x, (0, 1)), index)
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def picked(self, x, index):
        """Heads from features behind which there is a zero."""
        return x.index_select(-1, index).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def attend(self, query, key, value, attention_mask, cache, kwargs):
        """The stock attention on padded heads; of its result the kept dimensions."""
        if cache is not None:
            # Caches of transformers 4 are told the position; later ones count by themselves.
            position = {"cache_position": kwargs.get("cache_position")}
            key, value = cache.update(key, value, self.layer_idx, position)
        kind = self.config._attn_implementation
        attention = self.eager if kind in (None, "eager") else ALL_ATTENTION_FUNCTIONS[kind]
        output, weights = attention(
            self,
            query,
            key,
            value,
            attention_mask,
            dropout=self.weights_dropout if self.training else 0.0,
            scaling=self.score_scaling,
            **kwargs,
        )
        output = output.flatten(2)
        if self.o_index.numel() != output.shape[-1]:
            output = output.index_select(-1, self.o_index)
        return output, weights


class RemovedAttention:
    """What the classes of removed attention share. The cache gets a one, to count positions."""

    cache_shape = (1, 1)

    def set_removed(self, config, layer_idx):
        self.config, self.layer_idx = config, layer_idx

    def forward(self, hidden_states, past_key_values=None, cache=None, **kwargs):
        batch, time = hidden_states.shape[:2]
        cache, total = past_key_values if cache is None else cache, time
        if cache is not None:
            # Static caches of older versions count the keys that are not zero.
            one = hidden_states.new_ones(batch, 1, time, 1)
            position = {"cache_position": kwargs.get("cache_position")}
            total = cache.update(one, one, self.layer_idx, position)[0].shape[-2]
        # Attention weights of no heads, where the stock model has weights to return.
        eager = self.config._attn_implementation in (None, "eager")
        weights = hidden_states.new_zeros(batch, 0, time, total) if eager else None
        return torch.zeros_like(hidden_states), weights


class SubnetModelMixin:
    """What the models share."""

    def _init_weights(self, module):
        # Stock classes look for maps that removed attention does not have.
        if not isinstance(module, RemovedAttention):
            super()._init_weights(module)
        if isinstance(module, PaddedHeads):
            module.fill_indices()

    def attentions(self):
        return [layer.self_attn for layer in self.get_decoder().layers]

    def _get_static_cache_init_shape(self):
        shapes = [attention.cache_shape for attention in self.attentions()]
        return [heads for heads, _ in shapes], [width for _, width in shapes]


# Part: llama

from transformers.models.llama import modeling_llama as llama  # noqa: E402
from transformers.models.llama.configuration_llama import LlamaConfig  # noqa: E402


class SubnetLlamaConfig(LlamaConfig):
    model_type = "subnet_llama"
    base_model_tp_plan = None


def rotary_pairs(config, width):
    """Pairs of a stock head that rotate: in some families not all of its dimensions do."""
    rope = getattr(config, "rope_parameters", None) or {}
    share = rope.get("partial_rotary_factor") or getattr(config, "partial_rotary_factor", None)
    return int(width * (share or 1)) // 2


class SubnetLlamaAttention(PaddedHeads, llama.LlamaAttention):
    """The stock attention, whose projections are smaller; what else it has stays."""

    eager = staticmethod(llama.eager_attention_forward)

    def __init__(self, config, layer_idx, heads):
        super().__init__(config, layer_idx)
        # A norm of heads needs all their dimensions: such a head is one unit.
        self.norms_heads = hasattr(self, "q_norm")
        if self.norms_heads:
            heads = [(list(range(self.head_dim // 2)), values) for _, values in heads]
        group = config.num_attention_heads // config.num_key_value_heads
        self.set_heads(config, layer_idx, heads, group, rotary_pairs(config, self.head_dim))
        self.score_scaling, self.weights_dropout = self.scaling, config.attention_dropout
        hidden = config.hidden_size
        # Some families have the three maps in one.
        self.fused = hasattr(self, "qkv_proj")
        if self.fused:
            self.qkv_sizes = [self.sizes[name] for name in "qkv"]
            self.qkv_proj = resized(self.qkv_proj, hidden, sum(self.qkv_sizes))
        else:
            self.q_proj = resized(self.q_proj, hidden, self.sizes["q"])
            self.k_proj = resized(self.k_proj, hidden, self.sizes["k"])
            self.v_proj = resized(self.v_proj, hidden, self.sizes["v"])
        self.o_proj = resized(self.o_proj, self.sizes["o"], hidden)
        self.set_rotations()
        # What stock classes with windows or caps hand on to the attention function.
        self.options = {}
        window = getattr(self, "sliding_window", getattr(config, "sliding_window", None))
        if window is not None:
            self.options["sliding_window"] = window

    def project(self, x):
        if self.fused:
            return self.qkv_proj(x).split(self.qkv_sizes, dim=-1)
        return self.q_proj(x), self.k_proj(x), self.v_proj(x)

    def forward(
        self,
        hidden_states,
        position_embeddings=None,
        attention_mask=None,
        past_key_values=None,
        cache=None,
        **kwargs,
    ):
        query, key, value = self.project(hidden_states)
        query, key = self.padded(query, self.q_index), self.padded(key, self.k_index)
        value = self.padded(value, self.v_index)
        if self.norms_heads:
            query, key = self.q_norm(query), self.k_norm(key)
        if getattr(self, "use_rope", True):
            cos, sin = position_embeddings
            query, key = self.rotated(query, key, cos, sin, llama.rotate_half)
        output, weights = self.attend(
            query,
            key,
            value,
            attention_mask,
            past_key_values if cache is None else cache,
            {**self.options, **kwargs},
        )
        return self.o_proj(output), weights


class RemovedLlamaAttention(RemovedAttention, llama.LlamaAttention):
    def __init__(self, config, layer_idx):
        nn.Module.__init__(self)
        self.set_removed(config, layer_idx)


class SubnetLlamaMLP(llama.LlamaMLP):
    def __init__(self, config, neurons):
        super().__init__(config)
        hidden, self.intermediate_size = config.hidden_size, neurons
        if hasattr(self, "gate_up_proj"):
            self.gate_up_proj = resized(self.gate_up_proj, hidden, 2 * neurons)
        else:
            self.gate_proj = resized(self.gate_proj, hidden, neurons)
            self.up_proj = resized(self.up_proj, hidden, neurons)
        self.down_proj = resized(self.down_proj, neurons, hidden)


class SubnetLlamaDecoderLayer(llama.LlamaDecoderLayer):
    def __init__(self, config, layer_idx):
        super().__init__(config, layer_idx)
        heads, neurons = kept_heads(config, layer_idx), kept_neurons(config, layer_idx)
        if heads:
            self.self_attn = SubnetLlamaAttention(config, layer_idx, heads)
        else:
            self.self_attn = RemovedLlamaAttention(config, layer_idx)
            del self.input_layernorm
            self.input_layernorm = same
        if neurons:
            self.mlp = SubnetLlamaMLP(config, neurons)
        else:
            del self.mlp, self.post_attention_layernorm
            self.mlp, self.post_attention_layernorm = torch.zeros_like, same


class SubnetLlamaModel(SubnetModelMixin, llama.LlamaModel):
    config_class = SubnetLlamaConfig
    _no_split_modules = ["SubnetLlamaDecoderLayer"]

    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList(
            SubnetLlamaDecoderLayer(config, i) for i in range(config.num_hidden_layers)
        )
        self.post_init()


class SubnetLlamaForCausalLM(SubnetModelMixin, llama.LlamaForCausalLM):
    config_class = SubnetLlamaConfig
    _no_split_modules = ["SubnetLlamaDecoderLayer"]

    def __init__(self, config):
        super().__init__(config)
        self.model = SubnetLlamaModel(config)
        self.post_init()


# Part: gpt_neox

from transformers.models.gpt_neox import modeling_gpt_neox as neox  # noqa: E402
from transformers.models.gpt_neox.configuration_gpt_neox import GPTNeoXConfig  # noqa: E402

if "lm_head.weight" in neox.GPTNeoXForCausalLM._tied_weights_keys:
    # Newer versions call the head of their class otherwise than their files do.
    from transformers.conversion_mapping import register_checkpoint_conversion_mapping
    from transformers.core_model_loading import WeightRenaming

    register_checkpoint_conversion_mapping(
        "SubnetGPTNeoXForCausalLM",
        [WeightRenaming(source_patterns=r"^embed_out\.", target_patterns="lm_head.")],
        overwrite=True,
    )


class SubnetGPTNeoXConfig(GPTNeoXConfig):
    model_type = "subnet_gpt_neox"
    base_model_tp_plan = None


class SubnetGPTNeoXAttention(PaddedHeads, neox.GPTNeoXAttention):
    """The stock attention, whose projections are smaller."""

    eager = staticmethod(neox.eager_attention_forward)

    def __init__(self, config, layer_idx, heads):
        super().__init__(config, layer_idx)
        pairs = self.rotary_ndims // 2
        self.set_heads(config, layer_idx, heads, group=1, pairs=pairs, fused=True)
        self.set_rotations()
        self.score_scaling, self.weights_dropout = self.scaling, config.attention_dropout
        hidden, rows = config.hidden_size, sum(self.sizes[name] for name in "qkv")
        self.query_key_value = resized(self.query_key_value, hidden, rows)
        self.dense = resized(self.dense, self.sizes["o"], hidden)

    def forward(
        self,
        hidden_states,
        attention_mask=None,
        layer_past=None,
        position_embeddings=None,
        **kwargs,
    ):
        features = F.pad(self.query_key_value(hidden_states), (0, 1))
        query, key = self.rotated(
            self.picked(features, self.q_index),
            self.picked(features, self.k_index),
            *position_embeddings,
            neox.rotate_half,
        )
        value = self.picked(features, self.v_index)
        output, weights = self.attend(query, key, value, attention_mask, layer_past, kwargs)
        return self.dense(output), weights


class RemovedGPTNeoXAttention(RemovedAttention, neox.GPTNeoXAttention):
    def __init__(self, config, layer_idx):
        nn.Module.__init__(self)
        self.set_removed(config, layer_idx)

    def forward(self, hidden_states, layer_past=None, **kwargs):
        return super().forward(hidden_states, cache=layer_past, **kwargs)


class SubnetGPTNeoXMLP(neox.GPTNeoXMLP):
    def __init__(self, config, neurons):
        super().__init__(config)
        hidden = config.hidden_size
        self.dense_h_to_4h = resized(self.dense_h_to_4h, hidden, neurons)
        self.dense_4h_to_h = resized(self.dense_4h_to_h, neurons, hidden)


class SubnetGPTNeoXLayer(neox.GPTNeoXLayer):
    """The stock block: a sublayer that was removed adds zeros, be it parallel or not."""

    def __init__(self, config, layer_idx):
        super().__init__(config, layer_idx)
        heads, neurons = kept_heads(config, layer_idx), kept_neurons(config, layer_idx)
        if heads:
            self.attention = SubnetGPTNeoXAttention(config, layer_idx, heads)
        else:
            self.attention = RemovedGPTNeoXAttention(config, layer_idx)
            del self.input_layernorm
            self.input_layernorm = same
        if neurons:
            self.mlp = SubnetGPTNeoXMLP(config, neurons)
        else:
            del self.mlp, self.post_attention_layernorm
            self.mlp, self.post_attention_layernorm = torch.zeros_like, same


class SubnetGPTNeoXMixin(SubnetModelMixin):
    def attentions(self):
        return [layer.attention for layer in self.base_model.layers]


class SubnetGPTNeoXModel(SubnetGPTNeoXMixin, neox.GPTNeoXModel):
    config_class = SubnetGPTNeoXConfig
    _no_split_modules = ["SubnetGPTNeoXLayer"]

    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList(
            SubnetGPTNeoXLayer(config, i) for i in range(config.num_hidden_layers)
        )
        self.post_init()


class SubnetGPTNeoXForCausalLM(SubnetGPTNeoXMixin, neox.GPTNeoXForCausalLM):
    config_class = SubnetGPTNeoXConfig
    _no_split_modules = ["SubnetGPTNeoXLayer"]

    def __init__(self, config):
        super().__init__(config)
        self.gpt_neox = SubnetGPTNeoXModel(config)
        self.post_init()


# Part: opt

from transformers.activations import ACT2FN  # noqa: E402
from transformers.models.opt import modeling_opt as opt  # noqa: E402
from transformers.models.opt.configuration_opt import OPTConfig  # noqa: E402


class SubnetOPTConfig(OPTConfig):
    model_type = "subnet_opt"
    base_model_tp_plan = None


class SubnetOPTAttention(PaddedHeads, opt.OPTAttention):
    eager = staticmethod(opt.eager_attention_forward)

    def __init__(self, config, layer_idx, heads):
        nn.Module.__init__(self)
        self.set_heads(config, layer_idx, heads, group=1, pairs=0)
        self.scaling = config.subnet["head_dim"] ** -0.5
        # The stock model scales queries before the product instead of scores after it.
        self.score_scaling, self.weights_dropout = 1.0, config.attention_dropout
        hidden, bias = config.hidden_size, config.enable_bias
        self.k_proj = nn.Linear(hidden, self.sizes["k"], bias=bias)
        self.v_proj = nn.Linear(hidden, self.sizes["v"], bias=bias)
        self.q_proj = nn.Linear(hidden, self.sizes["q"], bias=bias)
        self.out_proj = nn.Linear(self.sizes["o"], hidden, bias=bias)

    def forward(
        self,
        hidden_states,
        past_key_values=None,
        attention_mask=None,
        output_attentions=False,
        cache=None,
        **kwargs,
    ):
        query = self.padded(self.q_proj(hidden_states) * self.scaling, self.q_index)
        output, weights = self.attend(
            query,
            self.padded(self.k_proj(hidden_states), self.k_index),
            self.padded(self.v_proj(hidden_states), self.v_index),
            attention_mask,
            past_key_values if cache is None else cache,
            kwargs,
        )
        return self.out_proj(output), weights


class RemovedOPTAttention(RemovedAttention, opt.OPTAttention):
    def __init__(self, config, layer_idx):
        nn.Module.__init__(self)
        self.set_removed(config, layer_idx)


class SubnetOPTDecoderLayer(opt.OPTDecoderLayer):
    def __init__(self, config, layer_idx):
        super(opt.OPTDecoderLayer, self).__init__()
        self.embed_dim, self.dropout = config.hidden_size, config.dropout
        self.do_layer_norm_before = config.do_layer_norm_before
        affine = config.layer_norm_elementwise_affine
        heads, neurons = kept_heads(config, layer_idx), kept_neurons(config, layer_idx)
        if heads:
            self.self_attn = SubnetOPTAttention(config, layer_idx, heads)
            self.self_attn_layer_norm = nn.LayerNorm(self.embed_dim, elementwise_affine=affine)
        else:
            self.self_attn = RemovedOPTAttention(config, layer_idx)
            self.self_attn_layer_norm = same
        if neurons:
            self.activation_fn = ACT2FN[config.activation_function]
            self.fc1 = nn.Linear(self.embed_dim, neurons, bias=config.enable_bias)
            self.fc2 = nn.Linear(neurons, self.embed_dim, bias=config.enable_bias)
            self.final_layer_norm = nn.LayerNorm(self.embed_dim, elementwise_affine=affine)
        else:
            self.activation_fn = self.fc1 = self.final_layer_norm = same
            self.fc2 = torch.zeros_like


class SubnetOPTDecoder(SubnetModelMixin, opt.OPTDecoder):
    config_class = SubnetOPTConfig
    _no_split_modules = ["SubnetOPTDecoderLayer"]

    def __init__(self, config):
        super().__init__(config)
        self.layers = nn.ModuleList(
            SubnetOPTDecoderLayer(config, i) for i in range(config.num_hidden_layers)
        )
        self.post_init()


class SubnetOPTModel(SubnetModelMixin, opt.OPTModel):
    config_class = SubnetOPTConfig
    _no_split_modules = ["SubnetOPTDecoderLayer"]

    def __init__(self, config):
        super().__init__(config)
        self.decoder = SubnetOPTDecoder(config)
        self.post_init()


class SubnetOPTForCausalLM(SubnetModelMixin, opt.OPTForCausalLM):
    config_class = SubnetOPTConfig
    _no_split_modules = ["SubnetOPTDecoderLayer"]

    def __init__(self, config):
        super().__init__(config)
        self.model = SubnetOPTModel(config)
        self.post_init()


# Part: gpt2

from transformers.models.gpt2 import modeling_gpt2 as gpt2  # noqa: E402
from transformers.models.gpt2.configuration_gpt2 import GPT2Config  # noqa: E402
from transformers.pytorch_utils import Conv1D  # noqa: E402


class SubnetGPT2Config(GPT2Config):
    model_type = "subnet_gpt2"
    base_model_tp_plan = None


class SubnetGPT2Attention(PaddedHeads, gpt2.GPT2Attention):
    @staticmethod
    def eager(module, query, key, value, attention_mask, scaling, dropout=0.0, **kwargs):
        """That of the stock model takes the scale of scores from the width of heads."""
        scores = query @ key.transpose(-1, -2) * scaling
        if attention_mask is not None:
            scores = scores + attention_mask[..., : key.shape[-2]]
        weights = F.softmax(scores, dim=-1).type(value.dtype)
        weights = F.dropout(weights, p=dropout, training=module.training)
        return (weights @ value).transpose(1, 2), weights

    def __init__(self, config, layer_idx, heads):
        super().__init__(config, layer_idx=layer_idx)
        self.set_heads(config, layer_idx, heads, group=1, pairs=0)
        self.score_scaling = config.subnet["head_dim"] ** -0.5
        self.weights_dropout = config.attn_pdrop
        hidden = config.hidden_size
        self.split_sizes = [self.sizes[name] for name in "qkv"]
        self.c_attn = Conv1D(sum(self.split_sizes), hidden)
        self.c_proj = Conv1D(hidden, self.sizes["o"])

    def forward(
        self,
        hidden_states,
        past_key_values=None,
        attention_mask=None,
        use_cache=None,
        output_attentions=None,
        cache=None,
        **kwargs,
    ):
        query, key, value = self.c_attn(hidden_states).split(self.split_sizes, dim=-1)
        output, weights = self.attend(
            self.padded(query, self.q_index),
            self.padded(key, self.k_index),
            self.padded(value, self.v_index),
            attention_mask,
            past_key_values if cache is None else cache,
            kwargs,
        )
        return self.resid_dropout(self.c_proj(output)), weights


class RemovedGPT2Attention(RemovedAttention, gpt2.GPT2Attention):
    def __init__(self, config, layer_idx):
        nn.Module.__init__(self)
        self.set_removed(config, layer_idx)


class SubnetGPT2Block(gpt2.GPT2Block):
    def __init__(self, config, layer_idx):
        super().__init__(config, layer_idx)
        heads, neurons = kept_heads(config, layer_idx), kept_neurons(config, layer_idx)
        if heads:
            self.attn = SubnetGPT2Attention(config, layer_idx, heads)
        else:
            self.attn = RemovedGPT2Attention(config, layer_idx)
            del self.ln_1
            self.ln_1 = same
        if neurons:
            self.mlp = gpt2.GPT2MLP(neurons, config)
        else:
            del self.mlp, self.ln_2
            self.mlp, self.ln_2 = torch.zeros_like, same


class SubnetGPT2Mixin(SubnetModelMixin):
    def attentions(self):
        return [block.attn for block in getattr(self, "transformer", self).h]


class SubnetGPT2Model(SubnetGPT2Mixin, gpt2.GPT2Model):
    config_class = SubnetGPT2Config
    _no_split_modules = ["SubnetGPT2Block"]

    def __init__(self, config):
        super().__init__(config)
        self.h = nn.ModuleList(
            SubnetGPT2Block(config, i) for i in range(config.num_hidden_layers)
        )
        self.post_init()


class SubnetGPT2ForCausalLM(SubnetGPT2Mixin, gpt2.GPT2LMHeadModel):
    config_class = SubnetGPT2Config
    _no_split_modules = ["SubnetGPT2Block"]

    def __init__(self, config):
        super().__init__(config)
        self.transformer = SubnetGPT2Model(config)
        self.post_init()
