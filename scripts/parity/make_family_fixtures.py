"""Writes test/parity/fixtures/FAMILY/NAME: tiny random checkpoints and what transformers computes.

    python make_family_fixtures.py              # all of them
    python make_family_fixtures.py qwen3        # one family
    python make_family_fixtures.py qwen3/tied   # one checkpoint

Each folder is a checkpoint and expected.json: the ids of one text, the logits at every position, the
loss of each next token, and the greedy continuation. The oracle reads the checkpoint from disk and
runs in float32 with eager attention on the CPU. Weights are drawn from a fixed seed, large enough that a
wrong rotation, a forgotten bias or a swapped head changes the logits in the first digit. Shapes are
awkward on purpose: odd numbers of blocks, grouped heads, heads whose width is not hidden / heads,
windows shorter than the text, padded vocabularies. One checkpoint of a family has its configuration as
the Hub has it, written by transformers 4 with defaults left out.
"""

import argparse
import base64
import copy
import json
import platform
import shutil
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import transformers
from transformers.utils import logging
from transformers import AutoConfig, AutoModelForCausalLM

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "test" / "parity" / "fixtures"
TOKENS = 40
GREEDY = 8
VERSIONS = {"python": platform.python_version(), "torch": torch.__version__,
            "transformers": transformers.__version__, "safetensors": safetensors.__version__}

IDS = dict(bos_token_id=1, eos_token_id=2, pad_token_id=0)
# Three blocks, four query heads, two key/value heads of width 12 in a model of width 32.
BASE = dict(IDS, vocab_size=67, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
            head_dim=12, intermediate_size=40, rms_norm_eps=1e-5, max_position_embeddings=64,
            tie_word_embeddings=False)
WITHOUT_WIDTH = {key: value for key, value in BASE.items() if key != "head_dim"}
LAYER_NORMS = {key: value for key, value in WITHOUT_WIDTH.items() if key not in ("num_key_value_heads", "rms_norm_eps")}
OPT = dict(IDS, vocab_size=67, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, ffn_dim=40,
           max_position_embeddings=64, word_embed_proj_dim=32, dropout=0.0, attention_dropout=0.0)
WINDOWED = ["sliding_attention", "full_attention", "sliding_attention"]
YARN = dict(rope_type="yarn", rope_theta=1000.0, factor=4.0, original_max_position_embeddings=16)


def rope(theta=10000.0, **more):
    return {"rope_type": "default", "rope_theta": theta, **more}


def longrope(pairs, **more):
    return {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0 + 0.1 * i for i in range(pairs)],
            "long_factor": [1.5 + 0.7 * i for i in range(pairs)], **more}


# family: name: (changes of the configuration, type of the stored weights, size limit of a shard, form of config.json)
CASES = {
    "llama": {
        "sizes-of-blocks": (dict(BASE, rope_parameters=rope(), per_layer_config={
            0: dict(intermediate_size=24), 2: dict(num_attention_heads=2, num_key_value_heads=1, intermediate_size=48)}),
                            "float32", None, "5"),
        "grouped-biases": (dict(BASE, attention_bias=True, mlp_bias=True, rope_parameters=rope()), "float32", None, "5"),
        "dynamic": (dict(BASE, tie_word_embeddings=True,
                         rope_parameters=rope(rope_type="dynamic", factor=2.0)), "bfloat16", None, "4"),
        "linear-sharded": (dict(BASE, rope_parameters=rope(rope_type="linear", factor=2.0)), "float16", "12KB", "5"),
        "yarn": (dict(BASE, rope_parameters=YARN), "bfloat16", None, "4"),
    },
    "mistral": {
        "window": (dict(BASE, sliding_window=9, rope_parameters=rope()), "bfloat16", None, "4"),
        "no-window-tied": (dict(BASE, sliding_window=None, tie_word_embeddings=True, num_hidden_layers=1,
                                rope_parameters=rope(1e6)), "float32", None, "5"),
        "default-width": (dict(WITHOUT_WIDTH, sliding_window=64, rope_parameters=rope()), "float16", "12KB", "4"),
    },
    "qwen2": {
        "biases": (dict(WITHOUT_WIDTH, rope_parameters=rope(1e6)), "bfloat16", None, "4"),
        "late-window-tied": (dict(WITHOUT_WIDTH, use_sliding_window=True, sliding_window=7, max_window_layers=1,
                                  tie_word_embeddings=True, rope_parameters=rope()), "float32", None, "4"),
        "unused-window": (dict(WITHOUT_WIDTH, use_sliding_window=False, sliding_window=7, max_window_layers=0,
                               num_key_value_heads=4, rope_parameters=YARN), "float16", "12KB", "5"),
    },
    "qwen3": {
        "grouped": (dict(BASE, rope_parameters=rope(1e6)), "bfloat16", None, "4"),
        "biases-tied": (dict(BASE, attention_bias=True, tie_word_embeddings=True, rope_parameters=rope()),
                        "float32", None, "5"),
        "window-sharded": (dict(BASE, use_sliding_window=True, sliding_window=6, max_window_layers=2,
                                rope_parameters=rope()), "float16", "12KB", "4"),
    },
    "smollm3": {
        "no-rope-layer": (dict(WITHOUT_WIDTH, no_rope_layers=[1, 0, 1], rope_parameters=rope(5e4)), "bfloat16", None, "5"),
        "interval-tied": (dict(WITHOUT_WIDTH, no_rope_layer_interval=2, tie_word_embeddings=True,
                               rope_parameters=rope()), "float32", None, "4"),
        "biases-sharded": (dict(WITHOUT_WIDTH, attention_bias=True, mlp_bias=True, no_rope_layers=[0, 1, 1],
                                use_sliding_window=True, sliding_window=6, rope_parameters=rope()),
                           "float16", "12KB", "5"),
    },
    "gemma": {
        "tied": (dict(BASE, tie_word_embeddings=True, rope_parameters=rope()), "bfloat16", None, "4"),
        "one-key-head": (dict(BASE, tie_word_embeddings=True, num_key_value_heads=1, head_dim=16,
                              rope_parameters=rope()), "float32", None, "5"),
        "sharded": (dict(BASE, tie_word_embeddings=True, num_hidden_layers=1, attention_bias=True,
                         rope_parameters=rope()), "float16", "6KB", "4"),
    },
    "gemma2": {
        "windows": (dict(BASE, tie_word_embeddings=True, sliding_window=7, query_pre_attn_scalar=10,
                         attn_logit_softcapping=5.0, final_logit_softcapping=3.0, rope_parameters=rope()),
                    "bfloat16", None, "4"),
        "default-caps": (dict(BASE, tie_word_embeddings=True, sliding_window=12, rope_parameters=rope()),
                         "float32", None, "5"),
        "no-caps": (dict(BASE, tie_word_embeddings=True, sliding_window=12, attn_logit_softcapping=None,
                         final_logit_softcapping=None, rope_parameters=rope()), "float16", "12KB", "5"),
    },
    "gemma3": {
        "two-bases": (dict(BASE, tie_word_embeddings=True, sliding_window=7, query_pre_attn_scalar=10,
                           layer_types=WINDOWED, rope_parameters={
                               "full_attention": rope(1e6, rope_type="linear", factor=8.0),
                               "sliding_attention": rope(1e4)}), "float32", None, "5"),
        "hub": (dict(BASE, tie_word_embeddings=True, sliding_window=5, num_hidden_layers=7,
                     rope_parameters={"full_attention": rope(1e6), "sliding_attention": rope(1e4)}),
                "bfloat16", None, "4"),
        "sharded": (dict(BASE, tie_word_embeddings=True, sliding_window=9, layer_types=WINDOWED,
                         rope_parameters={"full_attention": rope(1e5), "sliding_attention": rope(1e3)}),
                    "float16", "12KB", "5"),
    },
    "phi3": {
        "default": (dict(WITHOUT_WIDTH, sliding_window=9, rope_parameters=rope()), "bfloat16", None, "4"),
        "longrope-beyond": (dict(WITHOUT_WIDTH, original_max_position_embeddings=16,
                                 rope_parameters=longrope(4)), "float32", None, "4"),
        "longrope-within": (dict(WITHOUT_WIDTH, original_max_position_embeddings=48, tie_word_embeddings=True,
                                 rope_parameters=longrope(4)), "bfloat16", None, "5"),
        "partial": (dict(WITHOUT_WIDTH, hidden_size=64, original_max_position_embeddings=16,
                         rope_parameters=longrope(6, partial_rotary_factor=0.75)), "float16", "20KB", "5"),
    },
    "gpt2": {
        "tied": (dict(IDS, vocab_size=67, n_embd=32, n_layer=3, n_head=4, n_positions=64), "float32", None, "5"),
        "untied-inner": (dict(IDS, vocab_size=67, n_embd=32, n_layer=1, n_head=2, n_positions=64, n_inner=40,
                              activation_function="relu", tie_word_embeddings=False), "bfloat16", None, "4"),
        "bare-sharded": (dict(IDS, vocab_size=67, n_embd=32, n_layer=3, n_head=4, n_positions=48), "float16", "12KB", "bare"),
    },
    "gpt_neox": {
        "parallel": (dict(LAYER_NORMS, layer_norm_eps=1e-5, rope_parameters=rope(partial_rotary_factor=0.25)),
                     "float16", None, "4"),
        "sequential": (dict(LAYER_NORMS, layer_norm_eps=1e-5, use_parallel_residual=False,
                            rope_parameters=rope(partial_rotary_factor=1.0)), "float32", None, "5"),
        "no-attention-bias": (dict(LAYER_NORMS, layer_norm_eps=1e-5, attention_bias=False, tie_word_embeddings=True,
                                   rope_parameters=rope(partial_rotary_factor=0.5)), "bfloat16", "12KB", "5"),
    },
    "opt": {
        "tied": (dict(OPT), "float16", None, "4"),
        "gelu-untied": (dict(OPT, num_hidden_layers=1, activation_function="gelu", tie_word_embeddings=False),
                        "float32", None, "5"),
        "no-bias-sharded": (dict(OPT, enable_bias=False), "bfloat16", "12KB", "5"),
        # The form of the model of 350M.
        "post-norm-projected": (dict(OPT, do_layer_norm_before=False, word_embed_proj_dim=20), "float16", None, "4"),
        "post-norm-sharded": (dict(OPT, do_layer_norm_before=False, tie_word_embeddings=False), "bfloat16", "12KB", "5"),
        "projected-untied": (dict(OPT, word_embed_proj_dim=40, tie_word_embeddings=False), "float32", None, "5"),
        "no-final-norm": (dict(OPT, _remove_final_layer_norm=True), "float32", None, "5"),
    },
}
TYPES = {"gemma3": "gemma3_text"}


def draw(model, seed, dtype):
    """Weights, gains and biases at random, gains about one (about zero where one is added), nothing at zero."""
    generator = torch.Generator().manual_seed(seed)
    adds_one = model.config.model_type.startswith("gemma")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(0, 0.3, generator=generator)
            if weight.dim() == 1 and name.endswith("weight") and not adds_one:
                weight.add_(1)
            weight.copy_(weight.to(dtype))


def hub_form(path):
    """The configuration as transformers 4 wrote it: older names, and defaults left out."""
    config = json.loads(path.read_text())
    config["torch_dtype"] = config.pop("dtype")
    family = config["model_type"]
    ropes = config.pop("rope_parameters", None)
    if family == "gemma3_text":
        whole, local = ropes["full_attention"], ropes["sliding_attention"]
        config.update(rope_theta=whole["rope_theta"], rope_local_base_freq=local["rope_theta"], rope_scaling=None)
        assert whole["rope_type"] == "default"
    elif ropes is not None:
        ropes = dict(ropes)
        theta = ropes.pop("rope_theta", 10000.0)
        part = ropes.pop("partial_rotary_factor", None)
        kind = ropes.pop("rope_type")
        if family == "gpt_neox":
            config.update(rotary_emb_base=theta, rotary_pct=part)
        else:
            config["rope_theta"] = theta
            if part is not None:
                config["partial_rotary_factor"] = part
        if kind == "longrope":
            config["original_max_position_embeddings"] = ropes.pop("original_max_position_embeddings")
        config["rope_scaling"] = None if kind == "default" else {"type": kind, **ropes}
    config.pop("layer_types", None)
    if family in ("mistral", "llama", "qwen2", "qwen3") and config.get("head_dim") is None:
        config.pop("head_dim", None)
    defaults = {"gemma": ["hidden_act", "hidden_activation", "tie_word_embeddings"],
                "gemma2": ["hidden_activation", "tie_word_embeddings"],
                "gemma3_text": ["hidden_activation", "tie_word_embeddings", "query_pre_attn_scalar"],
                "gpt2": ["layer_norm_epsilon", "scale_attn_weights"],
                "smollm3": ["no_rope_layers"],
                "llama": ["attention_bias", "mlp_bias", "hidden_act"], "mistral": ["hidden_act"],
                "qwen2": ["hidden_act"], "qwen3": ["attention_bias", "hidden_act"]}
    for field in defaults.get(family, []):
        config.pop(field, None)
    if family == "gemma":
        # The first release named the exact form and meant the one with tanh.
        config["hidden_act"] = "gelu"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def bare_names(folder):
    """GPT-2 as its first checkpoints have it: no "transformer." before names, mask buffers stored."""
    from safetensors.torch import load_file, save_file
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    tensors = {}
    for file in set(index["weight_map"].values()):
        tensors.update(load_file(folder / file))
        (folder / file).unlink()
    (folder / "model.safetensors.index.json").unlink()
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    positions = 48
    for layer in range(3):
        mask = torch.tril(torch.ones(positions, positions, dtype=torch.bool))[None, None]
        tensors[f"h.{layer}.attn.bias"] = mask.to(torch.uint8).contiguous()
        tensors[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4, dtype=torch.float32)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def build(family, fields, own):
    """
    The model of a configuration. Where blocks have values of their own, each is the stock block that these
    give: no class of these families in transformers 5.24 builds such a model from "per_layer_config".
    """
    def configured(**more):
        return AutoConfig.for_model(TYPES.get(family, family), **dict(fields, **more))

    model = AutoModelForCausalLM.from_config(configured())
    for layer, values in own.items():
        config = configured(**values)
        config._attn_implementation = "eager"
        model.model.layers[layer] = type(model.model.layers[layer])(config, layer)
    return model


def reload(folder, family, fields, own):
    """What was written, read from disk in float32."""
    if own:
        model = build(family, fields, own)
        model.load_state_dict(safetensors.torch.load_file(folder / "model.safetensors"))
        model.set_attn_implementation("eager")
        return model
    model, report = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not report["missing_keys"], report
    return model


def packed(tensor):
    return base64.b64encode(tensor.float().contiguous().numpy().tobytes()).decode()


@torch.no_grad()
def make(family, name):
    fields, dtype, shard, form = CASES[family][name]
    own = fields.get("per_layer_config", {})
    fields = {key: value for key, value in fields.items() if key != "per_layer_config"}
    folder = FIXTURES / family / name
    shutil.rmtree(folder, ignore_errors=True)
    model = build(family, fields, own)
    draw(model, seed=1, dtype=getattr(torch, dtype))
    drawn = copy.deepcopy(model).eval()
    model.to(getattr(torch, dtype)).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    if own:
        path = folder / "config.json"
        config = dict(json.loads(path.read_text()), per_layer_config={str(layer): own[layer] for layer in own})
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (folder / "generation_config.json").unlink(missing_ok=True)
    if form == "4":
        hub_form(folder / "config.json")
    if form == "bare":
        bare_names(folder)
    for file in folder.iterdir():
        file.chmod(0o644)

    reloaded = reload(folder, family, fields, own).eval()
    ids = torch.randint(3, fields["vocab_size"] - 2, (TOKENS,), generator=torch.Generator().manual_seed(2)).tolist()
    logits = reloaded(input_ids=torch.tensor([ids])).logits[0].float()
    drawn.set_attn_implementation("eager")
    same = drawn(input_ids=torch.tensor([ids])).logits[0]
    assert torch.allclose(same, logits, rtol=1e-5, atol=1e-5), (family, name, (same - logits).abs().max())
    losses = -torch.log_softmax(logits.double(), -1)[:-1].gather(1, torch.tensor(ids)[1:, None])[:, 0]
    greedy, margins = list(ids[:12]), []
    for _ in range(GREEDY):
        last = reloaded(input_ids=torch.tensor([greedy])).logits[0, -1].float()
        top = last.topk(2).values
        margins.append(float((top[0] - top[1]) / last.abs().max()))
        greedy.append(int(last.argmax()))
    path = folder / "expected.json"
    path.write_text(json.dumps({
        "family": family, "name": name, "versions": VERSIONS, "stored": dtype, "ids": ids,
        "logits": packed(logits), "losses": [float(f"{loss:.9g}") for loss in losses],
        "greedy": greedy, "margins": [float(f"{margin:.5g}") for margin in margins],
    }, separators=(",", ":")) + "\n")
    print(f"{path.relative_to(ROOT)}  {sum(file.stat().st_size for file in folder.iterdir()):,} bytes, loss {losses.mean():.3f}")


def main():
    every = [f"{family}/{name}" for family, cases in CASES.items() for name in cases]
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", help=f"families or checkpoints: {', '.join(every)}")
    wanted = options.parse_args().names or list(CASES)
    torch.set_num_threads(2)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    for case in every:
        if case in wanted or case.split("/")[0] in wanted:
            make(*case.split("/"))


if __name__ == "__main__":
    main()
