"""Loads a compressed checkpoint with the compressed-tensors library and compares it with the plain one.

Run by hand, never by the product:
    python scripts/parity/check_compressed.py DENSE_FOLDER COMPRESSED_FOLDER
Last run with compressed-tensors 0.14.0.1, transformers 4.57.6, torch 2.15.0 (all checks), and with
compressed-tensors 0.20.0, transformers 5.23.0 (the README's own expansion; that library no longer
reads these forms).
"""

import os
import re
import sys

import compressed_tensors
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM


def same_bits(a, b):
    # A negative zero is dropped with the others, so zeros are compared as numbers.
    return a.dtype == b.dtype and torch.equal(a, b)


def compare(what, expected, found):
    different = [name for name, tensor in expected.items() if not same_bits(tensor, found[name])]
    if different:
        raise SystemExit(f"{what}: {len(different)} tensors differ, e.g. {different[0]}")
    print(f"{what}: {len(expected)} tensors equal bit for bit")


def logits_of(model):
    tokens = torch.arange(5, 5 + 37 * 24, 37)[None] % model.config.vocab_size
    with torch.no_grad():
        return model(tokens).logits


def by_library(dense, folder, form):
    """Expands the file with the library's own code, without any model."""
    from compressed_tensors.compressors.base import BaseCompressor
    from compressed_tensors.config import SparsityCompressionConfig

    config = SparsityCompressionConfig.load_from_registry(form)
    compressor = BaseCompressor.load_from_registry(form, config=config)
    found = dict(compressor.decompress(os.path.join(folder, "model.safetensors")))
    compare("library", dense, found)


def by_transformers(reference, folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=reference.dtype).eval()
    if not torch.equal(logits_of(model), logits_of(reference)):
        raise SystemExit("transformers: logits differ")
    compare("transformers", reference.state_dict(), model.state_dict())
    print("transformers: logits equal")


def by_readme(dense, reference, folder):
    text = open(os.path.join(folder, "README.md"), encoding="utf-8").read()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    os.chdir(folder)
    names = {}
    exec(code, names)
    compare("README", dense, names["state"])
    if "model" in names:
        found = logits_of(names["model"].eval().float())
        if not torch.equal(found, logits_of(reference.float())):
            raise SystemExit("README: logits differ")
        print("README: logits equal")


def main(dense_folder, folder):
    versions = [compressed_tensors.__version__, transformers.__version__, torch.__version__]
    print("compressed-tensors {}, transformers {}, torch {}".format(*versions))
    dense = load_file(os.path.join(dense_folder, "model.safetensors"))
    config = transformers.PretrainedConfig.get_config_dict(folder)[0]
    form = config["quantization_config"]["sparsity_config"]["format"]
    reads_sparse = tuple(map(int, compressed_tensors.__version__.split(".")[:2])) < (0, 15)
    if reads_sparse:
        by_library(dense, folder, form)
    reference = AutoModelForCausalLM.from_pretrained(dense_folder, dtype="auto").eval()
    if reads_sparse and form == "sparse-24-bitmask":
        by_transformers(reference, folder)
    by_readme(dense, reference, folder)


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
