"""Trains the bundled models from nothing but a seed, and writes them as Hugging Face checkpoints.

    python train.py text                 # examples/text: calibration.txt, heldout.txt, shifted.txt
    python train.py llama --minutes 20   # examples/tiny-llama
    python train.py opt --minutes 10     # examples/tiny-opt

The texts (training, calibration, held out, shifted) come from corpus.py with seeds of their own and
share no document. Training text is made as it is needed and read once; it is not committed.
"""

import argparse
import json
import math
import re
import signal
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.functional import cross_entropy
from transformers import (AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, OPTConfig, OPTForCausalLM,
                          PreTrainedTokenizerFast)

import corpus

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
END = "<|endoftext|>"
VOCABULARY = 2048
CONTEXT = 256  # of the perplexities; training alternates with windows twice as long
WARMUP, PLATEAU = 100, 0.7  # of the learning rate: steps, and the part of all steps before it falls
TRAINED = 16_000_000  # bytes of training text: more than either model has read
BOOK = 64      # documents between two end-of-text tokens in the training stream

CONFIGS = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=128, num_hidden_layers=8, num_attention_heads=4, num_key_value_heads=2,
        head_dim=32, intermediate_size=384, tie_word_embeddings=True, max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, rms_norm_eps=1e-5,
        bos_token_id=0, eos_token_id=0, pad_token_id=0)),
    "opt": lambda: OPTForCausalLM(OPTConfig(
        vocab_size=VOCABULARY, hidden_size=96, word_embed_proj_dim=96, num_hidden_layers=4, num_attention_heads=4,
        ffn_dim=384, max_position_embeddings=512, do_layer_norm_before=True, activation_function="relu",
        enable_bias=True, tie_word_embeddings=True, dropout=0.0, attention_dropout=0.0,
        bos_token_id=0, eos_token_id=0, pad_token_id=0)),
}
RESIDUAL_WRITERS = ("o_proj.weight", "down_proj.weight", "out_proj.weight", "fc2.weight")


# ---------------------------------------------------------------------------------------------
# Text and tokens


def held_out():
    return corpus.text("held out", 120_000)


def calibration():
    return corpus.text("calibration", 400_000, avoid=set(corpus.split(held_out())))


def shifted():
    """Held-out text of another mix: only the registers that the other texts have least of."""
    length, trained = 0, set(corpus.split(held_out())) | set(corpus.split(calibration()))
    for document in training_documents():
        trained.add(document)
        length += len(document) + 2
        if length >= TRAINED:
            return corpus.text("shifted", 60_000, avoid=trained, mix=corpus.RARE_REGISTERS)


def training_documents():
    """Documents without end, none of them in the held-out or the calibration text."""
    return corpus.documents("training", avoid=set(corpus.split(held_out())) | set(corpus.split(calibration())))


def training_books():
    """Endless training text, in pieces of BOOK documents."""
    stream = training_documents()
    while True:
        yield "\n\n".join(next(stream) for _ in range(BOOK)) + "\n"


def make_tokenizer():
    """Byte-level BPE: it can spell any text, and knows the little world's words as single tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    books = training_books()
    tokenizer.train_from_iterator((next(books) for _ in range(300)), trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[END], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=END, eos_token=END, pad_token=END,
                                   model_max_length=512, clean_up_tokenization_spaces=False)


def encode(tokenizer, text):
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]


def training_batches(tokenizer, size):
    """The training stream in pieces of `size` tokens; every book is closed by <|endoftext|>."""
    tokens = []
    for book in training_books():
        tokens += encode(tokenizer, book) + [tokenizer.eos_token_id]
        while len(tokens) >= size:
            yield torch.tensor(tokens[:size])
            tokens = tokens[size:]


# ---------------------------------------------------------------------------------------------
# Measures


@torch.no_grad()
def perplexity(model, tokens, context=CONTEXT):
    """Contiguous windows that do not overlap, the tail dropped; context - 1 predictions in each."""
    windows = torch.tensor(tokens[: len(tokens) // context * context]).view(-1, context)
    total = 0.0
    for batch in windows.split(16):
        logits = model(input_ids=batch).logits[:, :-1].float()
        total += cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), reduction="sum").double().item()
    return math.exp(total / windows[:, 1:].numel())


def unigram_perplexity(counts, tokens, context=CONTEXT):
    """The same positions, predicted from how often each token occurs in the training text."""
    surprise = -np.log((counts + 1) / (counts + 1).sum())
    windows = np.array(tokens[: len(tokens) // context * context]).reshape(-1, context)
    return math.exp(surprise[windows[:, 1:]].mean())


@torch.no_grad()
def answers(model, tokenizer, text):
    """Of the questions in a text, how many the model answers as the text does, and of how many."""
    right = asked = 0
    for document in corpus.split(text):
        for question in re.finditer(r"Question: .* Answer:", document):
            before = encode(tokenizer, document[: question.end()])
            after = encode(tokenizer, document[question.end() :].split("\n")[0])
            if len(before) + len(after) <= 2 * CONTEXT:
                guesses = model(input_ids=torch.tensor([before + after])).logits[0].argmax(-1)
                right += guesses[len(before) - 1 : -1].tolist() == after
                asked += 1
    return right, asked


# ---------------------------------------------------------------------------------------------
# Training


def initialise(model):
    """Normal weights; what writes to the residual stream starts smaller, the deeper the model."""
    depth = model.config.num_hidden_layers
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2:
                weight.normal_(0, 0.02)
            if name.endswith(RESIDUAL_WRITERS):
                weight.div_(math.sqrt(2 * depth))
    for module in model.modules():  # OPT would otherwise give <|endoftext|>, also its padding, no gradient
        if isinstance(module, torch.nn.Embedding):
            module.padding_idx = None


def schedule(step, steps):
    """Up, along, and down to nothing. The end may be settled late: `steps` only matters from PLATEAU on."""
    if step < WARMUP:
        return (step + 1) / WARMUP
    return 1.0 if steps is None else min(1.0, (1 - step / steps) / (1 - PLATEAU))


def train(model, batches, peak, steps=None, minutes=None, compiled=True, report=50):
    """AdamW over the stream; decay on the matrices, none on gains and biases.

    Stops after `steps`, or settles on the number of steps that should take `minutes`. Ctrl-C brings
    the rate down from where it is, so that what was learnt so far is not wasted.
    """
    enough = []
    signal.signal(signal.SIGINT, lambda *_: enough.append(True))
    matrices = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    optimiser = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
                                  lr=peak, betas=(0.9, 0.95), fused=True)
    forward = torch.compile(model, dynamic=False) if compiled else model
    counts, started, smooth, step = np.zeros(VOCABULARY), time.time(), None, 0
    while steps is None or step < steps:
        tokens = next(batches)
        counts += np.bincount(tokens, minlength=VOCABULARY)
        length = 2 * CONTEXT if step % 4 == 3 else CONTEXT  # so that the second half of the positions is trained too
        windows = tokens.view(-1, length)
        for group in optimiser.param_groups:
            group["lr"] = peak * schedule(step, steps)
        with torch.autocast("cpu", torch.bfloat16):
            logits = forward(input_ids=windows).logits
        loss = cross_entropy(logits[:, :-1].flatten(0, 1).float(), windows[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
        elapsed = time.time() - started
        if steps is None and (enough or elapsed > PLATEAU * minutes * 60):
            steps = math.ceil(step / PLATEAU)
        if step % report == 0:
            print(f"step {step}/{steps or '?'}  loss {smooth:.4f}  {elapsed:.0f} s", flush=True)
    return step, elapsed, counts


def save(model, tokenizer, folder):
    for name, weight in model.named_parameters():
        assert weight.isfinite().all() and weight.abs().max() < 6e4, f"{name} does not fit in F16"
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "model.safetensors").chmod(0o644)


@torch.no_grad()
def continuation(model, tokenizer, prompt, length=60):
    ids = encode(tokenizer, prompt)
    for _ in range(length):
        ids.append(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax().item())
    return tokenizer.decode(ids)


CARD = """---
license: mit
language: en
library_name: transformers
pipeline_tag: text-generation
---

# {title}

{family} of {parameters:,} parameters that speaks of one little world: who gave the red lantern to
whom, what a cooper makes, how many figs are left. It comes with Subnet Studio so that there is a
model to prune as soon as the repository is cloned. It is good at its own text and knows no other.

| | |
| --- | --- |
| shape | {shape} |
| tokenizer | byte-level BPE, {vocabulary} tokens, `<|endoftext|>` between texts, nothing added when encoding |
| data | made by `scripts/bundled-model/corpus.py` from a seed; written by no one else |
| training | {steps:,} steps of {batch_tokens:,} tokens, {total:,} tokens in all, none seen twice; {minutes:.0f} minutes on one busy CPU core |
| weights | F16 safetensors, tied embeddings |
| licence | MIT |

## Perplexity

On `examples/text/heldout.txt`, {heldout:,} tokens in {windows} windows of {context}: contiguous,
non-overlapping, no special tokens, the tail dropped, {predicted} predictions in each window, the F16 weights
evaluated in float32.

| | perplexity |
| --- | --- |
| this model | {dense:.4f} |
| the same at context 512 | {dense512:.4f} |
| unigram frequencies of the training text | {unigram:.2f} |

Of the {asked} questions in the held-out text it answers {right} word for word: it has the grammar and the
manner of every register, and how far it looks back for a name or a number is what that figure says.
The held-out text, `examples/text/calibration.txt` and the training text have no document in common.

## What it writes

Greedy, after "{prompt}":

> {sample}

## Making it again

```sh
pip install -r scripts/bundled-model/requirements.txt
python scripts/bundled-model/train.py text
python scripts/bundled-model/train.py {kind} --steps {steps}
```

The texts and the tokenizer come out byte for byte. The weights depend on the processor, on the number
of threads and on the version of PyTorch, so that the perplexity will differ a little.
"""
PROMPT = "Once there lived a weaver named Ivy in the town of Calder."


def card(folder, kind, tokenizer, steps, batch, minutes, counts):
    """Measure what was written to disk, and say so next to it."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    text = (EXAMPLES / "text" / "heldout.txt").read_text()
    tokens, (right, asked), config = encode(tokenizer, text), answers(model, tokenizer, text), model.config
    shape = (f"{config.num_hidden_layers} layers, hidden size {config.hidden_size}, {config.num_attention_heads} heads, "
             + (f"{config.num_key_value_heads} key/value heads of {config.head_dim}, MLP {config.intermediate_size}, RoPE, RMSNorm"
                if kind == "llama" else f"MLP {config.ffn_dim} with ReLU, learned positions, biases, LayerNorm first"))
    figures = dict(
        title=f"tiny-{kind}", family={"llama": "A Llama", "opt": "An OPT"}[kind], kind=kind, shape=shape, vocabulary=VOCABULARY,
        parameters=sum(p.numel() for p in model.parameters()), steps=steps, batch_tokens=batch * CONTEXT,
        total=steps * batch * CONTEXT, minutes=minutes, heldout=len(tokens), windows=len(tokens) // CONTEXT, context=CONTEXT,
        predicted=CONTEXT - 1, dense=perplexity(model, tokens), dense512=perplexity(model, tokens, 512),
        unigram=unigram_perplexity(counts, tokens), prompt=PROMPT, right=right, asked=asked,
        sample=continuation(model, tokenizer, PROMPT).replace("\n", "\n> "))
    (folder / "README.md").write_text(CARD.format(**figures))
    print(json.dumps({k: v for k, v in figures.items() if k not in ("prompt", "shape")}, indent=2))


def write_texts():
    folder = EXAMPLES / "text"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "heldout.txt").write_text(held_out())
    (folder / "calibration.txt").write_text(calibration())
    (folder / "shifted.txt").write_text(shifted())


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=["text", "llama", "opt"])
    options.add_argument("--steps", type=int, help="how long to train; the model card says how long it was")
    options.add_argument("--minutes", type=float, default=20, help="the same on the clock, if --steps is not given")
    options.add_argument("--batch", type=int, default=8, help="windows of 256 tokens in a step (half as many of 512 in every fourth)")
    options.add_argument("--rate", type=float, default=3e-3)
    options.add_argument("--out", type=Path, default=EXAMPLES, help="where tiny-llama or tiny-opt is made")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--threads", type=int, default=2, help="1 when the other cores are busy: a step waits for its slowest thread")
    options.add_argument("--no-compile", action="store_true", help="without torch.compile, which wants a C++ compiler")
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    if given.what == "text":
        return write_texts()
    folder = given.out / f"tiny-{given.what}"
    tokenizer = make_tokenizer()
    model = CONFIGS[given.what]()
    initialise(model)
    batches = training_batches(tokenizer, given.batch * CONTEXT)
    steps, seconds, counts = train(model, batches, given.rate, given.steps, given.minutes, not given.no_compile)
    save(model, tokenizer, folder)
    card(folder, given.what, tokenizer, steps, given.batch, seconds / 60, counts)


if __name__ == "__main__":
    main()
