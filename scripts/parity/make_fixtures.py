"""Writes test/parity/fixtures: what transformers computes, for the engine's tests to agree with.

    python make_fixtures.py              # all of them, with scripts/bundled-model/requirements.txt installed
    python make_fixtures.py opt-small    # only the named ones

Each fixture is a JSON file beside (for the random models) a tiny checkpoint of the same name. The
random models are drawn from a fixed seed with weights large enough that a wrong rotation, a
forgotten bias or a swapped head changes the logits in the first digit. Everything is float32 on
the CPU; numbers are rounded to seven significant digits.
"""

import argparse
import json
import math
import platform
import shutil
from pathlib import Path

import numpy
import safetensors
import tokenizers
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, OPTConfig, OPTForCausalLM

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "test" / "parity" / "fixtures"
EXAMPLES = ROOT / "examples"
TOKENS = 48    # in each fixture's sequence
CONTEXT = 256  # of the bundled models' perplexity
VERSIONS = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__, "safetensors": safetensors.__version__, "numpy": numpy.__version__}

TINY = dict(vocab_size=64, hidden_size=32, num_hidden_layers=2, bos_token_id=0, eos_token_id=0, pad_token_id=0)
LLAMA = dict(TINY, num_attention_heads=4, num_key_value_heads=4, head_dim=8, intermediate_size=48, rms_norm_eps=1e-5,
             max_position_embeddings=128, rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
GQA = dict(LLAMA, num_key_value_heads=2, tie_word_embeddings=True)
# A head of eight has four rotated pairs. With this base their wavelengths are 6.3, 19.9, 62.8 and 198.7,
# and llama3 keeps what is below 32/4, stretches what is above 32/1 and blends between: every branch is taken.
LLAMA3_ROPE = {"rope_type": "llama3", "rope_theta": 100.0, "factor": 4.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 32}

# name: class, configuration, type of the stored weights, size limit of a shard
RANDOM_MODELS = {
    "llama-mha-untied": (LlamaForCausalLM, LlamaConfig(**LLAMA, tie_word_embeddings=False), torch.float32, None),
    "llama-gqa-tied-bf16": (LlamaForCausalLM, LlamaConfig(**GQA), torch.bfloat16, None),
    "llama3-rope": (LlamaForCausalLM, LlamaConfig(**dict(GQA, rope_parameters=LLAMA3_ROPE)), torch.float32, None),
    "llama-sharded": (LlamaForCausalLM, LlamaConfig(**GQA), torch.bfloat16, "12KB"),
    "opt-small": (OPTForCausalLM, OPTConfig(
        **TINY, num_attention_heads=4, ffn_dim=64, word_embed_proj_dim=32, max_position_embeddings=128,
        do_layer_norm_before=True, activation_function="relu", enable_bias=True, tie_word_embeddings=True,
        dropout=0.0, attention_dropout=0.0), torch.float16, None),
}
BUNDLED = ["tiny-llama", "tiny-opt"]


def draw(model, seed):
    """Weights, gains and biases at random, the gains about one, nothing at zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(0, 0.3, generator=generator)
            if weight.dim() == 1 and name.endswith("weight"):
                weight.add_(1)


def rounded(numbers):
    """Seven significant digits, as short as JSON can write them."""
    if isinstance(numbers, torch.Tensor):
        numbers = numbers.tolist()
    return [rounded(n) for n in numbers] if isinstance(numbers, list) else float(f"{numbers:.7g}")


@torch.no_grad()
def forward(model, ids):
    """The logits at every position, and how surprised each made the model of the next token."""
    logits = model(input_ids=torch.tensor([ids])).logits[0].float()
    surprise = -torch.log_softmax(logits.double(), -1)[:-1].gather(1, torch.tensor(ids)[1:, None])[:, 0]
    return logits, surprise


def write(name, fixture):
    FIXTURES.mkdir(parents=True, exist_ok=True)
    path = FIXTURES / f"{name}.json"
    path.write_text(json.dumps({"name": name, "versions": VERSIONS, **fixture}, separators=(",", ":")) + "\n")
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes")


def as_before_version_5(path):
    """Say it as the checkpoints on the Hub do, with rope_theta, rope_scaling and torch_dtype at the top."""
    config = json.loads(path.read_text())
    scaling = config.pop("rope_parameters")
    config["rope_theta"], config["rope_scaling"] = scaling.pop("rope_theta"), scaling
    config["torch_dtype"] = config.pop("dtype")
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def random_model(name):
    kind, config, dtype, shard = RANDOM_MODELS[name]
    folder = FIXTURES / name
    shutil.rmtree(folder, ignore_errors=True)
    model = kind(config)
    draw(model, seed=1)
    model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    for file in folder.iterdir():
        file.chmod(0o644)
    if name == "llama3-rope":
        as_before_version_5(folder / "config.json")

    reloaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.randint(0, config.vocab_size, (TOKENS,), generator=torch.Generator().manual_seed(2)).tolist()
    logits, surprise = forward(reloaded, ids)
    write(name, {"model": f"test/parity/fixtures/{name}", "stored": str(dtype).removeprefix("torch."),
                 "ids": ids, "logits": rounded(logits), "nll": rounded(surprise)})


def bundled_model(name):
    """The last logits only, to stay small; the tokenizer's golden tokens; the perplexity in the model card."""
    folder = EXAMPLES / name
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = (EXAMPLES / "text" / "heldout.txt").read_text()
    tokens = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    ids = tokens[1000 : 1000 + TOKENS]
    logits, surprise = forward(model, ids)

    windows = [tokens[i : i + CONTEXT] for i in range(0, len(tokens) - CONTEXT + 1, CONTEXT)]
    surprises = [forward(model, window)[1] for window in windows]
    write(name, {
        "model": f"examples/{name}", "stored": "float16", "ids": ids,
        "lastLogits": rounded(logits[-3:]), "nll": rounded(surprise),
        "heldout": {
            "file": "examples/text/heldout.txt", "tokens": len(tokens), "firstTokens": tokens[:200],
            "context": CONTEXT, "windows": len(windows), "predictions": len(windows) * (CONTEXT - 1),
            "firstWindowMeanNll": rounded(surprises[0].mean()),
            "perplexity": rounded(math.exp(torch.cat(surprises).mean())),
        },
    })


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", help=f"of {', '.join([*RANDOM_MODELS, *BUNDLED])}")
    names = options.parse_args().names or [*RANDOM_MODELS, *BUNDLED]
    torch.set_num_threads(2)
    for name in names:
        (random_model if name in RANDOM_MODELS else bundled_model)(name)


if __name__ == "__main__":
    main()
