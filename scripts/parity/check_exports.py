"""Proves that exported checkpoints behave in transformers as a stock model with their masks does.

Run by hand, never by the product. It makes tiny models, prunes and exports them with the command
line (npm run build first), loads each export and compares it with a stock model of the source's
sizes that has zeros where the subnet has nothing:
    python scripts/parity/check_exports.py [case ...]
Needs torch, transformers, peft, accelerate, tokenizers and onnxruntime. Last run with torch 2.15.0,
peft 0.21.2 and transformers 4.57.6, 5.0.0 and 5.24.0: all checks passed.
"""

import copy
import hashlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
import traceback
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
warnings.filterwarnings("ignore")

import numpy  # noqa: E402
import onnxruntime  # noqa: E402
import peft  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from peft import LoraConfig, PeftModel, get_peft_model  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers  # noqa: E402
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer  # noqa: E402
from transformers import Gemma2Config, Gemma3TextConfig, GemmaConfig, GPT2Config  # noqa: E402
from transformers import GPTNeoXConfig, LlamaConfig, MistralConfig  # noqa: E402
from transformers import OPTConfig, Phi3Config, PreTrainedTokenizerFast  # noqa: E402
from transformers import Qwen2Config, Qwen3Config, SmolLM3Config  # noqa: E402
from transformers import Trainer, TrainingArguments  # noqa: E402

if hasattr(transformers.utils.logging, "disable_progress_bar"):
    transformers.utils.logging.disable_progress_bar()

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLI = ["node", os.path.join(ROOT, "dist", "cli.cjs")]
VOCAB = 320
VERSION = tuple(int(number) for number in transformers.__version__.split(".")[:2])
# Another order of float32 additions moves logits of about 5 by 1e-5, a wrong row by over 0.1.
CLOSE = 1e-4
STRICT = {"rtol": CLOSE, "atol": CLOSE}

LLAMA = dict(
    vocab_size=VOCAB,
    hidden_size=48,
    intermediate_size=52,
    num_hidden_layers=3,
    num_attention_heads=6,
    num_key_value_heads=2,
    head_dim=12,
    max_position_embeddings=128,
    tie_word_embeddings=False,
    pad_token_id=0,
)
OPT = dict(
    vocab_size=VOCAB,
    hidden_size=36,
    ffn_dim=50,
    num_hidden_layers=3,
    num_attention_heads=4,
    max_position_embeddings=128,
    word_embed_proj_dim=36,
    dropout=0.0,
    pad_token_id=0,
)
GPT2 = dict(
    vocab_size=VOCAB,
    n_embd=36,
    n_inner=50,
    n_layer=3,
    n_head=4,
    n_positions=128,
    resid_pdrop=0.0,
    embd_pdrop=0.0,
    attn_pdrop=0.0,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)
# Heads of 2 rotary pairs and 12 dimensions that are not rotated: transformers 5.0.0 reads any other
# share than 0.25 from its own configurations as 0.25.
NEOX = dict(
    vocab_size=VOCAB,
    hidden_size=64,
    intermediate_size=52,
    num_hidden_layers=3,
    num_attention_heads=4,
    max_position_embeddings=128,
    rotary_pct=0.25,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)
# Heads as wide as the model divided by them, for families without a field for their width.
HALVES = {**{name: value for name, value in LLAMA.items() if name != "head_dim"}, "hidden_size": 48}
PHI3 = {"bos_token_id": 1, "eos_token_id": 2, "original_max_position_embeddings": 16}
SIX = {"num_hidden_layers": 6}
# As OPT-350M has it: norms behind the sublayers, and an embedding narrower than the stream.
POST_NORM = {"do_layer_norm_before": False, "word_embed_proj_dim": 20}
WINDOWS = {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 1}
TIED = {"tie_word_embeddings": True}
CAPS = {"attn_logit_softcapping": 3.0, "final_logit_softcapping": 4.0, "query_pre_attn_scalar": 7}
KINDS = {
    "sliding_window": 9,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    "rope": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e5},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e3},
    },
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}

LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0, 1.1, 1.2, 1.3],
    "long_factor": [1.5, 2.5, 4.0, 8.0],
}
PARTIAL = {"rope_theta": 10000.0, "partial_rotary_factor": 0.75}

# Masks that no short search is sure to find: heads of all widths, and what the blocks lose besides.
RAGGED = {"masks": {1: "head", 2: "nothing"}}
FIRST = {"masks": {0: "attention", 1: "mlp", 2: "head"}}
ALL = {"masks": {0: "attention", 1: "both", 2: "attention"}}
# Whole blocks only, of six; the first and last of those that go lie beside each other.
DEPTH = {"masks": {0: "whole", 1: "both", 2: "whole", 3: "both", 4: "both", 5: "whole"}}

# Name: the source model's configuration, what the run config says, whether stock code builds it.
CASES = {
    "llama": (LlamaConfig, {**LLAMA}, {"ratio": 0.6}, False),
    "llama_tied_masks": (LlamaConfig, {**LLAMA}, {"ratio": 0.6, "attention": "tied"}, False),
    "llama_biases_tied_head": (
        LlamaConfig,
        {**LLAMA, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
        {"ratio": 0.5},
        False,
    ),
    "llama_scaled_rope": (
        LlamaConfig,
        {**LLAMA, "num_key_value_heads": 6, "rope": LLAMA3},
        {"ratio": 0.5},
        False,
    ),
    "llama_tiny_rest": (LlamaConfig, {**LLAMA, "attention_bias": True}, {"ratio": 0.05}, False),
    "llama_ragged": (LlamaConfig, {**LLAMA, "num_key_value_heads": 3}, RAGGED, False),
    "llama_first_removed": (LlamaConfig, {**LLAMA, "attention_bias": True}, FIRST, False),
    "llama_no_attention": (LlamaConfig, {**LLAMA}, ALL, False),
    "llama_pruned_again": (LlamaConfig, {**LLAMA}, {"first": RAGGED, "ratio": 0.7}, False),
    "llama_depth": (LlamaConfig, {**LLAMA, "num_hidden_layers": 6}, DEPTH, True),
    "llama_whole": (LlamaConfig, {**LLAMA}, {"ratio": 1, "reform": {"method": "none"}}, True),
    "mistral": (MistralConfig, {**LLAMA, "sliding_window": 9}, RAGGED, False),
    "mistral_depth": (MistralConfig, {**LLAMA, **SIX, "sliding_window": 9}, DEPTH, True),
    "qwen2": (Qwen2Config, {**HALVES, **WINDOWS}, RAGGED, False),
    "qwen2_depth": (Qwen2Config, {**HALVES, **SIX, **WINDOWS}, DEPTH, True),
    "qwen3": (Qwen3Config, {**LLAMA, **WINDOWS, "attention_bias": True}, RAGGED, False),
    "qwen3_search": (Qwen3Config, {**LLAMA}, {"ratio": 0.6}, False),
    "qwen3_depth": (Qwen3Config, {**LLAMA, **SIX, **WINDOWS}, DEPTH, True),
    "smollm3": (SmolLM3Config, {**HALVES, "no_rope_layers": [1, 0, 1]}, RAGGED, False),
    "smollm3_depth": (SmolLM3Config, {**HALVES, **SIX, "no_rope_layer_interval": 2}, DEPTH, True),
    "gemma": (GemmaConfig, {**LLAMA, **TIED}, RAGGED, False),
    "gemma_depth": (GemmaConfig, {**LLAMA, **SIX, **TIED}, DEPTH, True),
    "gemma2": (Gemma2Config, {**LLAMA, **TIED, **CAPS, "sliding_window": 9}, RAGGED, False),
    "gemma2_first_removed": (Gemma2Config, {**LLAMA, **TIED, **CAPS}, FIRST, False),
    "gemma2_depth": (Gemma2Config, {**LLAMA, **SIX, **TIED, "sliding_window": 9}, DEPTH, True),
    "gemma3": (Gemma3TextConfig, {**LLAMA, **TIED, **KINDS}, RAGGED, False),
    "gemma3_first_removed": (Gemma3TextConfig, {**LLAMA, **TIED, **KINDS}, FIRST, False),
    "gemma3_depth": (Gemma3TextConfig, {**LLAMA, **SIX, **TIED, "sliding_window": 9}, DEPTH, True),
    "phi3": (Phi3Config, {**HALVES, **PHI3, "sliding_window": 9}, RAGGED, False),
    "phi3_longrope": (Phi3Config, {**HALVES, **PHI3, "rope": LONGROPE}, RAGGED, False),
    "phi3_partial": (
        Phi3Config,
        {**HALVES, **PHI3, "rope": {"rope_type": "default", **PARTIAL}},
        RAGGED,
        False,
    ),
    "phi3_search": (Phi3Config, {**HALVES, **PHI3}, {"ratio": 0.6}, False),
    "phi3_depth": (Phi3Config, {**HALVES, **PHI3, **SIX, "rope": LONGROPE}, DEPTH, True),
    "gpt2": (GPT2Config, {**GPT2}, {"ratio": 0.6}, False),
    "gpt2_untied": (
        GPT2Config,
        {**GPT2, "n_inner": None, "tie_word_embeddings": False, "activation_function": "relu"},
        RAGGED,
        False,
    ),
    "gpt2_first_removed": (GPT2Config, {**GPT2}, FIRST, False),
    "gpt2_no_attention": (GPT2Config, {**GPT2}, ALL, False),
    "gpt2_depth": (GPT2Config, {**GPT2, "n_layer": 6}, DEPTH, True),
    "gpt_neox": (GPTNeoXConfig, {**NEOX}, RAGGED, False),
    "gpt_neox_search": (GPTNeoXConfig, {**NEOX}, {"ratio": 0.6}, False),
    "gpt_neox_tied_masks": (
        GPTNeoXConfig,
        {**NEOX, "tie_word_embeddings": True},
        {"ratio": 0.6, "attention": "tied"},
        False,
    ),
    "gpt_neox_sequential": (
        GPTNeoXConfig,
        {**NEOX, "use_parallel_residual": False, "attention_bias": False},
        FIRST,
        False,
    ),
    "gpt_neox_first_removed": (GPTNeoXConfig, {**NEOX}, FIRST, False),
    "gpt_neox_no_attention": (GPTNeoXConfig, {**NEOX}, ALL, False),
    "gpt_neox_pruned_again": (GPTNeoXConfig, {**NEOX}, {"first": FIRST, "ratio": 0.7}, False),
    "gpt_neox_depth": (GPTNeoXConfig, {**NEOX, **SIX}, DEPTH, True),
    "opt": (OPTConfig, {**OPT}, {"ratio": 0.6}, False),
    "opt_no_biases": (
        OPTConfig,
        {
            **OPT,
            "enable_bias": False,
            "tie_word_embeddings": False,
            "activation_function": "gelu",
        },
        {"ratio": 0.6},
        False,
    ),
    "opt_tiny_rest": (OPTConfig, {**OPT}, {"ratio": 0.05}, False),
    "opt_ragged": (OPTConfig, {**OPT}, RAGGED, False),
    "opt_first_removed": (OPTConfig, {**OPT}, FIRST, False),
    "opt_no_attention": (OPTConfig, {**OPT}, ALL, False),
    "opt_depth": (OPTConfig, {**OPT, "num_hidden_layers": 6}, DEPTH, True),
    "opt_post_norm": (OPTConfig, {**OPT, **POST_NORM}, {"ratio": 0.6}, False),
    "opt_post_norm_first_removed": (OPTConfig, {**OPT, **POST_NORM}, FIRST, False),
    "opt_post_norm_no_attention": (OPTConfig, {**OPT, **POST_NORM}, ALL, False),
    "opt_post_norm_depth": (OPTConfig, {**OPT, **POST_NORM, **SIX}, DEPTH, False),
    "opt_post_norm_whole": (
        OPTConfig,
        {**OPT, **POST_NORM},
        {"ratio": 1, "reform": {"method": "none"}},
        True,
    ),
    "opt_projected": (
        OPTConfig,
        {**OPT, "word_embed_proj_dim": 28, "tie_word_embeddings": False},
        RAGGED,
        False,
    ),
    "opt_no_final_norm": (OPTConfig, {**OPT, "_remove_final_layer_norm": True}, RAGGED, False),
}


def text(words=6000):
    """Generated words, the same on every run."""
    numbers = numpy.random.default_rng(3)
    parts = ["ka", "lo", "mi", "ren", "tu", "sha", "vel", "or", "in", "dra", "pe", "quo", "zi"]
    bag = ["".join(numbers.choice(parts, numbers.integers(1, 4))) for _ in range(300)]
    return " ".join(bag[min(299, int(numbers.exponential(50)))] for _ in range(words))


def write_tokenizer(folder, words):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=["<pad>", "<s>", "</s>"],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator([words], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
    }
    write_json(os.path.join(folder, "tokenizer_config.json"), settings)


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def rope_fields(rope):
    """Rotary scaling under the name that the installed transformers reads."""
    if VERSION >= (5, 0):
        return {"rope_parameters": rope}
    if "full_attention" in rope:
        base = rope["sliding_attention"]["rope_theta"]
        return {**rope_fields(rope["full_attention"]), "rope_local_base_freq": base}
    scaling = dict(rope)
    fields = {
        name: scaling.pop(name) for name in ("rope_theta", "partial_rotary_factor") if name in rope
    }
    kind = scaling["rope_type"]
    if kind == "longrope":
        # Phi-3 takes three fields and no others.
        scaling["type"] = scaling.pop("rope_type")
    return {**fields, "rope_scaling": None if kind == "default" else scaling}


def make_source(folder, config_class, fields, words):
    """A random model large enough in every part that each part changes the logits."""
    fields = dict(fields)
    rope = fields.pop("rope", None)
    if rope is not None:
        fields.update(rope_fields(rope))
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config_class(**fields))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
            else:
                is_table = "embed" in name or name.endswith(("wte.weight", "wpe.weight"))
                parameter.copy_(torch.randn_like(parameter) * (0.5 if is_table else 0.15))
    model.save_pretrained(folder)
    write_tokenizer(folder, words)


def export_case(work, name):
    """Exports a case. Returns the path of its source and the reports of the exports."""
    config_class, fields, settings, _ = CASES[name]
    folder, words = os.path.join(work, name), text()
    source = os.path.join(folder, "source")
    make_source(source, config_class, fields, words)
    return source, export(folder, source, settings, words)


def export(folder, source, settings, words):
    """
    Runs the command line on a source: a whole run, or an export of given masks; perhaps on the export of
    another run.
    """
    if "first" in settings:
        before = os.path.join(folder, "first")
        os.makedirs(before)
        source = export(before, source, settings["first"], words)["checkpoint"]["path"]
        settings = {name: value for name, value in settings.items() if name != "first"}
    masks = settings.get("masks")
    if masks is None:
        return run_cli(folder, source, settings, words)
    whole = {"ratio": 1, "reform": {"method": "none"}}
    path = run_cli(folder, source, whole, words)["subnet"]["path"]
    write_masks(path, source, masks)
    out = os.path.join(folder, "masked")
    return cli("export", path, "--form", "checkpoint", "onnx", "--out", out, "--json")


def run_cli(folder, source, settings, words):
    with open(os.path.join(folder, "text.txt"), "w", encoding="utf-8") as file:
        file.write(words)
    path = os.path.join(folder, "run.subnet.jsonc")
    config = {
        "model": source,
        "text": os.path.join(folder, "text.txt"),
        "calibration": {"windows": 8, "length": 32},
        "search": {"enabled": False},
        "evaluation": {"context": 32, "maxWindows": 4, "random": False},
        **settings,
    }
    write_json(path, config)
    return cli("run", path, "--out", os.path.join(folder, "runs"), "--json", "--device", "cpu")


def cli(*arguments):
    """Reports of the exports that a command of ours has written, by their form."""
    result = subprocess.run([*CLI, *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)}\n{result.stderr}")
    answer = json.loads(result.stdout.strip().splitlines()[-1])
    reports = answer["exports"] if isinstance(answer, dict) else answer
    return {report["form"]: report for report in reports}


def write_masks(path, source, losses):
    """Puts random masks into a config; blocks lose what `losses` says, "whole" ones nothing."""
    written, config = read_json(path), read_json(os.path.join(source, "config.json"))
    size = written["source"]["headDim"]
    units = size - rotary_pairs(config, size)
    units = 1 if norms_heads(config) else units
    numbers = numpy.random.default_rng(5)

    def some(count):
        kept = numbers.integers(1, count) if count > 1 else 1
        return sorted(numbers.choice(count, kept, replace=False).tolist())

    layers = []
    for index, dense in enumerate(written["subnet"]["layers"]):
        loss = losses.get(index)
        heads = [(some(units), some(size)) for _ in dense["heads"]]
        if loss == "head":
            heads[0] = ([], [])
        if loss in ("attention", "both"):
            heads = [([], []) for _ in heads]
        neurons = [] if loss in ("mlp", "both") else some(written["source"]["intermediate"])
        if loss == "whole":
            heads = [(list(range(units)), list(range(size))) for _ in heads]
            neurons = list(range(written["source"]["intermediate"]))
        layers.append((heads, neurons))
    texts = [
        {"heads": [{"qk": ranges(qk), "vo": ranges(vo)} for qk, vo in heads], "mlp": ranges(mlp)}
        for heads, mlp in layers
    ]
    written["subnet"] = {"key": key_of(layers), "layers": texts}
    fields = {**config, "subnet": {"head_dim": size}}
    tensors, block, total = load_file(os.path.join(source, "model.safetensors")), 0, 0
    for name, tensor in tensors.items():
        parts, at = split_name(name)
        if at is None:
            total += tensor.numel()
            continue
        heads, neurons = layers[int(parts[at])]
        of_attention = parts[at + 1] in ("self_attn", "attn", "attention", *attention_norms(config))
        # A norm behind a removed sublayer stays, everything else of it goes.
        stays = not config.get("do_layer_norm_before", True) and "norm" in parts[at + 1]
        stays = stays or bool(any(qk for qk, _ in heads) if of_attention else neurons)
        if not stays:
            continue
        rows = kept_rows(fields, texts[int(parts[at])]).get(".".join(parts[at + 1 : -1]))
        count, axis = tensor.numel(), pruned_axis(parts)
        if rows is not None and axis is not None:
            count = count // tensor.shape[axis] * len(rows)
        total += count
        block += 0 if rows is None else count
    written["parameters"].update(block=block, total=total)
    written["ratio"] = block / written["parameters"]["denseBlock"]
    write_json(path, written)


def ranges(numbers):
    return ",".join(str(number) for number in numbers)


def key_of(layers):
    """The name that Subnet Studio gives a subnet: a hash of all kept indices."""
    name = hashlib.sha256()
    for heads, neurons in layers:
        parts = [part for head in heads for part in head] + [neurons]
        layer = hashlib.sha256(numpy.array([len(parts), *map(len, parts)], "<u4").tobytes())
        for part in parts:
            layer.update(numpy.array(part, "<u4").tobytes())
        name.update(layer.hexdigest()[:16].encode())
    return name.hexdigest()[:16]


def numbers_of(ranges):
    runs = [run.partition("-") for run in ranges.split(",") if run]
    return [i for low, _, high in runs for i in range(int(low), int(high or low) + 1)]


def attention_norms(config):
    """Norms that go with attention."""
    names = ["input_layernorm", "self_attn_layer_norm", "ln_1"]
    if config["model_type"] in ("gemma2", "gemma3_text"):
        names.append("post_attention_layernorm")
    return names


def split_name(name):
    """The parts of a tensor's name and where among them its block's number is."""
    parts = name.split(".")
    lists = [i for i, part in enumerate(parts) if part in ("layers", "h")]
    return parts, lists[0] + 1 if lists else None


def rotary_pairs(config, size):
    """Rotary pairs of a head; dimensions behind them are units of their own."""
    if config["model_type"].removeprefix("subnet_") in ("opt", "gpt2"):
        return 0
    rope = config.get("rope_parameters") or {}
    beside = config.get("rotary_pct", config.get("partial_rotary_factor", 1.0))
    return int(size * rope.get("partial_rotary_factor", beside)) // 2


def norms_heads(config):
    """True where a head is one query/key unit, because its dimensions are normalised together."""
    return config["model_type"].removeprefix("subnet_") in ("qwen3", "gemma3_text")


def kept_rows(config, mask):
    """Dense rows that each map of a block keeps, by the names of Llama; others' are added."""
    block = config["subnet"]
    heads, size = config.get("num_attention_heads") or config["n_head"], block["head_dim"]
    group = heads // len(mask["heads"])
    pairs = rotary_pairs(config, size)
    rows = {"q": [], "k": [], "v": [], "o": []}
    by_head = []
    for index, head in enumerate(mask["heads"]):
        units, values = numbers_of(head["qk"]), numbers_of(head["vo"])
        turning = [unit for unit in units if unit < pairs]
        dims = turning + [unit + pairs for unit in units]
        if norms_heads(config) and units:
            dims = list(range(size))
        start = 3 * size * index
        by_head += [start + dim for dim in dims] + [start + size + dim for dim in dims]
        by_head += [start + 2 * size + value for value in values]
        rows["k"] += [index * size + dim for dim in dims]
        rows["v"] += [index * size + value for value in values]
        for query in range(index * group, (index + 1) * group):
            rows["q"] += [query * size + dim for dim in dims]
            rows["o"] += [query * size + value for value in values]
    neurons = numbers_of(mask["mlp"])
    keys = heads * size
    values = keys + len(mask["heads"]) * size
    fused = [*rows["q"], *(keys + k for k in rows["k"]), *(values + v for v in rows["v"])]
    ups = [config.get("intermediate_size", 0) + neuron for neuron in neurons]
    return {
        "self_attn.qkv_proj": fused,
        "mlp.gate_up_proj": neurons + ups,
        **{"attn.c_attn": fused, "attn.c_proj": rows["o"]},
        **{"attention.query_key_value": by_head, "attention.dense": rows["o"]},
        **{"mlp.dense_h_to_4h": neurons, "mlp.dense_4h_to_h": neurons},
        **{"mlp.c_fc": neurons, "mlp.c_proj": neurons},
        **{f"self_attn.{name}_proj": kept for name, kept in rows.items()},
        "self_attn.out_proj": rows["o"],
        **{f"mlp.{name}_proj": neurons for name in ("gate", "up", "down")},
        **{"fc1": neurons, "fc2": neurons},
    }


INPUTS_PRUNED = ("o_proj", "out_proj", "down_proj", "fc2", "c_proj", "dense", "dense_4h_to_h")
INPUTS_FIRST = ("c_attn", "c_fc", "c_proj")


def pruned_axis(parts):
    """The axis along which a tensor of a map has units; none for biases of the hidden states."""
    if parts[-1] == "bias":
        return None if parts[-2] in INPUTS_PRUNED else 0
    return int((parts[-2] in INPUTS_PRUNED) != (parts[-2] in INPUTS_FIRST))


class Masked:
    """A stock model of the source's sizes with the tensors of an export where they belong."""

    def __init__(self, folder):
        written = read_json(os.path.join(folder, "config.json"))
        block = written["subnet"]
        own = ("subnet", "auto_map", "architectures", "torch_dtype", "dtype")
        self.config = {**written, **block["original"]}
        fields = {
            name: value
            for name, value in self.config.items()
            if name not in own and value is not None
        }
        fields = {**fields, "model_type": fields["model_type"].removeprefix("subnet_")}
        self.masks = block["masks"]["layers"]
        gone = [not any(h["qk"] for h in m["heads"]) and not m["mlp"] for m in self.masks]
        kept = [i for i in range(len(gone)) if not gone[i]]
        # Stock exports leave removed blocks out and number the others anew.
        self.numbers = kept if block["loadable"]["transformers"] else list(range(len(gone)))
        self.model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields)).float()
        # Newer versions call a head otherwise than files do.
        names = dict(self.model.named_modules())
        self.head = "lm_head.weight" if "lm_head" in names else "embed_out.weight"
        self.places = {}
        state = {name: torch.zeros_like(t) for name, t in self.model.state_dict().items()}
        for name, tensor in load_file(os.path.join(folder, "model.safetensors")).items():
            dense, index = self.place(name)
            state[dense][index] = tensor.float()
            self.places[name] = (dense, index)
        if self.model.config.tie_word_embeddings:
            tables = ("embed_tokens.weight", "embed_in.weight", "wte.weight")
            embedding = [name for name in state if name.endswith(tables)]
            state[self.head] = state[embedding[0]]
        # Norms of removed sublayers feed zeros; a variance of zero is fine, a gain of one too.
        self.model.load_state_dict(state)
        self.model.eval()

    def place(self, name):
        """Dense tensor of an exported one, and the index of its part there."""
        parts, at = split_name(name)
        if at is None:
            return self.head if name == "embed_out.weight" else name, slice(None)
        layer = self.numbers[int(parts[at])]
        dense = ".".join([*parts[:at], str(layer), *parts[at + 1 :]])
        rows = kept_rows(self.config, self.masks[layer]).get(".".join(parts[at + 1 : -1]))
        axis = pruned_axis(parts)
        if rows is None or axis is None:
            return dense, slice(None)
        return dense, (slice(None), rows) if axis == 1 else rows


def load(path, **options):
    options = {"trust_remote_code": True, "dtype": torch.float32, **options}
    return AutoModelForCausalLM.from_pretrained(path, **options).eval()


def near(ours, theirs, **options):
    torch.testing.assert_close(ours, theirs, **{**STRICT, **options})


def random_ids(seed, batch=2, length=24):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(5, VOCAB, (batch, length), generator=generator)


class Checks:
    """Each method named "check_…" compares an export with its masked stock model."""

    def __init__(self, source, reports):
        self.source, self.path = source, reports["checkpoint"]["path"]
        self.onnx, self.loadable = reports["onnx"]["path"], reports["checkpoint"]["loadable"]
        self.masked = Masked(self.path)
        self.stock = self.masked.model
        self.ids = random_ids(1)
        # Stock Phi-3 of older versions branches on the length of a text, which can neither be compiled
        # nor go with a static cache.
        first = getattr(self.stock.config, "original_max_position_embeddings", None)
        self.branches = VERSION < (5, 24) and first is not None

    def both(self, **options):
        """The export and the masked stock model, computing attention in the same way."""
        ours = load(self.path, **options)
        self.stock.set_attn_implementation(ours.config._attn_implementation)
        return ours, self.stock

    def pair(self, *args, **kwargs):
        ours, theirs = self.both()
        with torch.no_grad():
            return ours(*args, **kwargs), theirs(*args, **kwargs)

    def check_logits(self):
        # Capped scores have no fused kernel.
        for kind in ("sdpa", "eager") if type(self.stock)._supports_sdpa else ("eager",):
            ours, theirs = self.both(attn_implementation=kind)
            assert ours.config._attn_implementation == kind
            with torch.no_grad():
                near(ours(self.ids).logits, theirs(self.ids).logits)

    def check_onnx(self):
        session = onnxruntime.InferenceSession(self.onnx, providers=["CPUExecutionProvider"])
        feeds = {"input_ids": self.ids[:1].numpy()}
        for one in session.get_inputs():
            if one.name == "past_length":
                feeds[one.name] = numpy.zeros([1], numpy.int64)
            elif one.name.startswith("past_"):
                feeds[one.name] = numpy.zeros([1, 0, one.shape[2]], numpy.float32)
        logits = torch.from_numpy(session.run(["logits"], feeds)[0])
        with torch.no_grad():
            # Fused kernels of older versions leave out the cap on scores.
            ours = load(self.path, attn_implementation="eager")
            near(ours(self.ids[:1]).logits, logits)

    def check_loading(self):
        model, info = AutoModelForCausalLM.from_pretrained(
            self.path, trust_remote_code=True, output_loading_info=True
        )
        found = {name: sorted(value) for name, value in info.items() if value}
        assert not found, found
        needs_code = type(model).__module__.startswith("transformers_modules")
        assert needs_code != self.loadable["transformers"]
        assert needs_code == self.loadable.get("ownCode", False)
        if needs_code:
            try:
                AutoModelForCausalLM.from_pretrained(self.path, trust_remote_code=False)
            except ValueError:
                return
            raise AssertionError("loaded without its code")
        near(load(self.path, trust_remote_code=False)(self.ids).logits, model(self.ids).logits)

    def check_base_model(self):
        if VERSION < (5, 0) and "gemma3" in self.stock.config.model_type:
            return  # Version 4 gives the base model of Gemma 3 random weights, the stock one too.
        base = AutoModel.from_pretrained(self.path, trust_remote_code=True, dtype=torch.float32)
        ours = load(self.path)
        with torch.no_grad():
            states = base.eval()(self.ids).last_hidden_state
            logits = ours.get_output_embeddings()(states)
            cap = getattr(ours.config, "final_logit_softcapping", None)
            near(logits if cap is None else cap * torch.tanh(logits / cap), ours(self.ids).logits)

    def check_attributes(self):
        """What a version of transformers gives its own model, ours must have too."""
        ours, theirs = self.both()
        for a, b in ((ours, theirs), (ours.get_decoder(), theirs.get_decoder())):
            missing = (set(vars(b)) | set(b._modules)) - (set(vars(a)) | set(a._modules))
            # Set by the first output of hidden states.
            missing.discard("_output_capturing_hooks_installed")
            assert not missing, missing

    def check_masks(self):
        ids, length = self.ids, self.ids.shape[1]
        padding = torch.ones_like(ids)
        padding[0, :7] = 0
        near(*(o.logits[padding.bool()] for o in self.pair(ids, attention_mask=padding)))
        right = torch.ones_like(ids)
        right[1, -5:] = 0
        near(*(o.logits[right.bool()] for o in self.pair(ids, attention_mask=right)))
        # Two documents in one sequence, as packed training data has them.
        allowed = torch.ones(length, length).tril().bool()
        allowed[10:, :10] = False
        mask = torch.zeros(2, 1, length, length).masked_fill(~allowed, torch.finfo().min)
        places = torch.cat((torch.arange(10), torch.arange(length - 10)))[None].expand(2, -1)
        packed = self.pair(ids, attention_mask=mask, position_ids=places)
        near(*(o.logits for o in packed))
        # A mask of one's own takes the place of the window, here as in stock models.
        if getattr(self.stock.config, "sliding_window", None) is None:
            alone = self.pair(ids[:, 10:])
            near(packed[0].logits[:, 10:], alone[0].logits)

    def check_positions(self):
        places = torch.cat((torch.arange(9), torch.arange(40, 55)))[None].expand(2, -1)
        ours, theirs = self.pair(self.ids, position_ids=places)
        near(ours.logits, theirs.logits)

    def check_embeddings_as_input(self):
        ours, theirs = self.both()
        embedded = ours.get_input_embeddings()(self.ids)
        with torch.no_grad():
            near(ours(inputs_embeds=embedded).logits, theirs(inputs_embeds=embedded).logits)

    def check_hidden_states(self):
        ours, theirs = self.pair(self.ids, output_hidden_states=True)
        kept = self.masked.numbers
        assert len(ours.hidden_states) == len(kept) + 1
        # A removed block passes on what it is given, so each kept block begins with the same.
        for i, layer in enumerate(kept):
            near(ours.hidden_states[i], theirs.hidden_states[layer])
        near(ours.hidden_states[-1], theirs.hidden_states[-1])

    def check_attentions(self):
        ours, theirs = self.both(attn_implementation="eager")
        with torch.no_grad():
            a = ours(self.ids, output_attentions=True).attentions
            b = theirs(self.ids, output_attentions=True).attentions
        assert len(a) == len(self.masked.numbers)
        for layer, weights in zip(self.masked.numbers, a, strict=True):
            heads = self.masked.masks[layer]["heads"]
            group = self.stock.config.num_attention_heads // len(heads)
            kept = [i * group + j for i, h in enumerate(heads) if h["qk"] for j in range(group)]
            assert weights.shape[1] == len(kept)
            near(weights, b[layer][:, kept])

    def check_tuples(self):
        for options in ({}, {"labels": self.ids}, {"output_hidden_states": True}):
            ours, theirs = self.pair(self.ids, return_dict=False, **options)
            assert isinstance(ours, tuple) and len(ours) == len(theirs), (len(ours), len(theirs))
            near(ours[0], theirs[0])

    def check_logits_to_keep(self):
        ours, theirs = self.pair(self.ids, logits_to_keep=3)
        # OPT of transformers 4 does not know the option: it gives the logits of all positions.
        known = "logits_to_keep" in inspect.signature(type(self.stock).forward).parameters
        kept = 3 if known else self.ids.shape[1]
        assert ours.logits.shape == theirs.logits.shape == (2, kept, VOCAB)
        near(ours.logits, theirs.logits)

    def check_loss(self):
        labels = self.ids.clone()
        labels[0, :9] = -100
        near(*(o.loss for o in self.pair(self.ids, labels=labels)))
        near(*(o.loss for o in self.pair(self.ids, labels=labels, num_items_in_batch=100)))

    def gradients(self, model, **options):
        model.train()
        model.zero_grad()
        model(self.ids, labels=self.ids, **options).loss.backward()
        found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        model.eval()
        return found

    def check_gradients(self):
        ours, theirs = self.both()
        a, b = self.gradients(ours), self.gradients(theirs)
        missing = [name for name, _ in ours.named_parameters() if name not in a]
        assert not missing, missing
        for name, gradient in a.items():
            dense, index = self.masked.place(name)
            near(gradient, b[dense][index])
        ours.gradient_checkpointing_enable()
        for name, gradient in self.gradients(ours, use_cache=False).items():
            near(gradient, a[name])

    def check_accumulation(self):
        """Trainer's loss and gradient norm in one batch and over four steps; the stock loss."""
        data = [{"input_ids": row, "labels": row} for row in random_ids(2, 4)]
        # Sequences of different lengths: a mean of means would differ from the mean of all.
        for row, cut in zip(data, (24, 9, 17, 5), strict=True):
            labels = row["labels"].clone()
            labels[cut:] = -100
            row["labels"] = labels
        logged = []
        for model, batch in ((load(self.path), 4), (load(self.path), 1), (self.stock, 1)):
            model = copy.deepcopy(model)
            arguments = TrainingArguments(
                tempfile.mkdtemp(),
                max_steps=1,
                per_device_train_batch_size=batch,
                gradient_accumulation_steps=4 // batch,
                logging_steps=1,
                max_grad_norm=1e9,
                save_strategy="no",
                report_to=[],
                use_cpu=True,
                disable_tqdm=True,
            )
            trainer = Trainer(model=model, args=arguments, train_dataset=data)
            with open(os.devnull, "w") as nowhere:
                shown, sys.stdout = sys.stdout, nowhere
                trainer.train()
                sys.stdout = shown
            log = trainer.state.log_history[0]
            logged.append((float(log["loss"]), float(log["grad_norm"])))
        at_once, in_steps, stock = (torch.tensor(numbers) for numbers in logged)
        near(in_steps, at_once, rtol=1e-3, atol=1e-3)
        # Trainer counts labels that nothing predicts where the name of a class does not say what loss
        # it has, as that of stock GPT-2.
        if getattr(self.stock, "loss_type", None) is not None:
            # The stock model also has gradients of biases that the subnet lost.
            near(in_steps[0], stock[0], rtol=1e-3, atol=1e-3)

    def check_generation(self):
        ours, theirs = self.both()
        ids, mask = self.ids.clone(), torch.ones_like(self.ids)
        ids[0, :6], mask[0, :6] = 0, 0
        fixed = {"max_new_tokens": 10, "min_new_tokens": 10, "pad_token_id": 0}
        modes = {
            "greedy": {"do_sample": False},
            "without a cache": {"do_sample": False, "use_cache": False},
            "static cache": {"do_sample": False, "cache_implementation": "static"},
            "sample": {"do_sample": True, "top_k": 20},
            "three samples": {"do_sample": True, "num_return_sequences": 3},
            "beams": {"do_sample": False, "num_beams": 3},
            "beams with a static cache": {
                "do_sample": False,
                "num_beams": 2,
                "cache_implementation": "static",
            },
            "repetition penalty": {"do_sample": False, "repetition_penalty": 1.3},
        }
        for name, options in modes.items():
            if self.branches and "cache_implementation" in options:
                continue
            for inputs, attention in ((ids, mask), (self.ids[:1], None)):
                found = []
                for model in (ours, theirs):
                    torch.manual_seed(7)
                    extra = {} if attention is None else {"attention_mask": attention}
                    if model is theirs:
                        # Static caches before 5.24 do not count keys of zeros, as masked ones are.
                        options = {**options, "cache_implementation": None}
                    found.append(model.generate(inputs, **extra, **fixed, **options))
                assert torch.equal(*found), name

    def check_cache_by_hand(self):
        ours, theirs = self.both()
        found = []
        for model in (ours, theirs):
            with torch.no_grad():
                first = model(self.ids[:, :9], use_cache=True)
                second = model(
                    self.ids[:, 9:], past_key_values=first.past_key_values, use_cache=True
                )
            assert second.past_key_values.get_seq_length() == self.ids.shape[1]
            found.append(second.logits)
        near(*found)

    def check_compilation(self):
        """The whole model as one graph, which static caches are made for."""
        if self.branches:
            return
        torch._dynamo.reset()
        ours = load(self.path)
        compiled = torch.compile(ours, fullgraph=True, backend="eager")
        with torch.no_grad():
            near(compiled(self.ids, use_cache=False).logits, ours(self.ids).logits)

    def check_saving(self):
        ours, folder = load(self.path), tempfile.mkdtemp()
        ours.save_pretrained(folder)
        again = load(folder)
        assert type(again).__name__ == type(ours).__name__
        before, after = ours.state_dict(), again.state_dict()
        assert list(before) == list(after)
        assert all(torch.equal(before[name], after[name]) for name in before)
        with torch.no_grad():
            near(again(self.ids).logits, ours(self.ids).logits, rtol=0, atol=0)

    def check_types_and_devices(self):
        plain = load(self.path)
        for dtype, allowed in ((torch.bfloat16, 0.2), (torch.float16, 0.03)):
            model = load(self.path, dtype=dtype)
            assert {p.dtype for p in model.parameters()} == {dtype}
            with torch.no_grad():
                logits = model(self.ids).logits
                assert logits.dtype == dtype
                near(logits.float(), plain(self.ids).logits, rtol=allowed, atol=allowed)
        old_name = AutoModelForCausalLM.from_pretrained(
            self.path, trust_remote_code=True, torch_dtype=torch.float16
        )
        assert old_name.dtype == torch.float16
        for where in ("cpu", "auto"):
            model = load(self.path, device_map=where)
            with torch.no_grad():
                near(model(self.ids).logits, plain(self.ids).logits)

    def check_embeddings_resized(self):
        ours = load(self.path)
        with torch.no_grad():
            before = ours(self.ids).logits
            ours.resize_token_embeddings(VOCAB + 5)
            after = ours(self.ids).logits
        assert after.shape[-1] == VOCAB + 5
        near(after[..., :VOCAB], before)
        if ours.config.tie_word_embeddings:
            head = ours.get_output_embeddings()
            assert head.weight is ours.get_input_embeddings().weight

    def check_lora(self):
        maps = "q_proj k_proj v_proj o_proj qkv_proj gate_proj up_proj down_proj gate_up_proj"
        others = "out_proj fc1 fc2 c_attn c_proj c_fc query_key_value dense"
        others += " dense_h_to_4h dense_4h_to_h"
        ends = {name.split(".")[-1] for name, _ in load(self.path).named_modules()}
        present = [name for name in f"{maps} {others}".split() if name in ends]
        settings = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=present)
        torch.manual_seed(0)
        model = get_peft_model(load(self.path), settings)
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-2)
        losses = []
        for _ in range(8):
            loss = model(input_ids=self.ids, labels=self.ids).loss
            losses.append(loss.item())
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        assert losses[-1] < losses[0] - 0.1, losses
        folder = tempfile.mkdtemp()
        model.save_pretrained(folder)
        again = PeftModel.from_pretrained(load(self.path), folder).eval()
        model.eval()
        with torch.no_grad():
            wanted = model(input_ids=self.ids).logits
            near(again(input_ids=self.ids).logits, wanted)
            near(again.merge_and_unload()(input_ids=self.ids).logits, wanted)
        trained = get_peft_model(load(self.path), settings)
        trained.enable_input_require_grads()
        trained.gradient_checkpointing_enable()
        trained.train()
        trained(input_ids=self.ids, labels=self.ids, use_cache=False).loss.backward()

    def check_tokenizer(self):
        # As it is declared: AutoTokenizer of transformers 5 takes another class for any Qwen2.
        theirs = PreTrainedTokenizerFast.from_pretrained(self.source)
        ours = AutoTokenizer.from_pretrained(self.path, trust_remote_code=False)
        line = "Kalo miren, tu! 12 <s> </s>"
        assert ours(line)["input_ids"] == theirs(line)["input_ids"]
        # That class names special tokens of its own, for the source as for its export.
        if type(ours) is not type(theirs):
            theirs = AutoTokenizer.from_pretrained(self.source)
            assert type(ours) is type(theirs)
        assert ours.special_tokens_map == theirs.special_tokens_map


HOSTILE = """import os
open(os.environ["MARKER"], "w").write(__name__)
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
class Mine(LlamaForCausalLM): pass
class MineConfig(LlamaConfig): pass
class MineTokenizer(PreTrainedTokenizerFast): pass
"""


def check_foreign_code(work, settings, stock):
    """Code that a source brings along must not run when its export is loaded as its README says."""
    folder, words = os.path.join(work, f"foreign_{stock}"), text()
    source, marker = os.path.join(folder, "source"), os.path.join(folder, "ran")
    elsewhere = os.path.join(folder, "elsewhere")
    make_source(source, LlamaConfig, {**LLAMA, "num_hidden_layers": 6}, words)
    os.makedirs(elsewhere)
    for place in (source, elsewhere):
        with open(os.path.join(place, "mine.py"), "w", encoding="utf-8") as file:
            file.write(HOSTILE)
    classes = {
        "AutoConfig": "mine.MineConfig",
        "AutoModelForCausalLM": "mine.Mine",
        "AutoTokenizer": [None, f"{elsewhere}--mine.MineTokenizer"],
    }
    for name in ("config.json", "tokenizer_config.json", "generation_config.json"):
        path = os.path.join(source, name)
        fields = read_json(path) if os.path.exists(path) else {}
        fields["auto_map"] = classes
        nested = {"auto_map": classes, "deep": [{"auto_map": classes}]}
        # transformers takes the first for the configuration of the model, and no field of the other.
        fields.update(text_config=nested, section={"deeper": nested})
        fields["custom_pipelines"] = {"text-generation": {"impl": "mine.Mine"}}
        if name == "tokenizer_config.json":
            fields["tokenizer_class"] = "MineTokenizer"
        write_json(path, fields)
    path = export(folder, source, settings, words)["checkpoint"]["path"]
    with open(os.path.join(path, "README.md"), encoding="utf-8") as file:
        readme = file.read()
    assert "is code of its author" in readme
    code = readme.split("```python\n")[1].split("```")[0]
    assert ("trust_remote_code=True" in code) != stock
    for name in os.listdir(path):
        if name.endswith(".json"):
            with open(os.path.join(path, name), encoding="utf-8") as file:
                assert "mine" not in file.read(), name
    environment = {**os.environ, "MARKER": marker}
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, cwd=path, env=environment, capture_output=True, text=True)
    assert shown.returncode == 0, f"the code of the README does not run\n{shown.stderr}"
    assert not os.path.exists(marker), "code of the source ran"


def main(wanted):
    versions = (transformers.__version__, torch.__version__, peft.__version__)
    print("transformers {}, torch {}, peft {}".format(*versions))
    torch.set_num_threads(2)
    passed = failed = 0

    def attempt(name, work):
        nonlocal passed, failed
        try:
            work()
            passed += 1
        except Exception:
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc(limit=4)}", flush=True)

    with tempfile.TemporaryDirectory() as work:
        for name, (*_, stock) in CASES.items():
            if wanted and name not in wanted:
                continue
            checks = Checks(*export_case(work, name))
            before = failed
            assert checks.loadable["transformers"] == stock, (name, checks.loadable)
            methods = [method for method in dir(checks) if method.startswith("check_")]
            for method in methods:
                attempt(f"{name}: {method}", getattr(checks, method))
            says = "stock classes" if stock else "modeling_subnet.py"
            print(f"{name}: {len(methods) - failed + before} of {len(methods)}, {says}", flush=True)
        for settings, stock in (({"ratio": 0.6}, False), (DEPTH, True)):
            name = f"foreign code, {'stock' if stock else 'own'} classes"
            if not wanted or "foreign" in wanted:
                attempt(name, lambda: check_foreign_code(work, settings, stock))  # noqa: B023
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
