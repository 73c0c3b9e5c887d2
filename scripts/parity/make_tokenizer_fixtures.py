"""Writes test/parity/fixtures/tokenizers/kinds.json: small tokenizers of every kind, with the ids of the
Rust library. Models are shared between kinds to keep the file small. Run with any Python that has the
packages printed into the file: python scripts/parity/make_tokenizer_fixtures.py
"""

import base64
import io
import json
import os
import random
import tempfile

import sentencepiece
import tokenizers
import transformers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer

OUT = os.path.join(os.path.dirname(__file__), "..", "..", "test", "parity", "fixtures", "tokenizers")

SYLLABLES = ["ka", "lo", "mi", "ren", "tu", "sha", "vel", "or", "in", "dra", "pe", "zi"]
# Signs that trip ports of the library: odd spaces, marks, digits, contractions, ligatures, emoji.
SIGNS = (
    "it's I'LL we've naïve e\u0301 Straße İΣ привет 今天。天气 한국어 สวัสดี ½ ² ٣٤ Ⅷ 2024 x_1 foo() -> ``q''"
    " 🙂👩‍👧 ﬁ ﷽ ＡＢ"
).split(" ")
SPACES = [" ", " ", " ", " ", "  ", "\n", "\r\n", "\t", "\u0085", "\u00a0", "\u2003", "\u3000", "\ufeff"]


def words(seed, count, signs):
    r = random.Random(seed)
    bag = ["".join(r.choice(SYLLABLES) for _ in range(r.randint(1, 3))) for _ in range(40)]
    parts = []
    for i in range(count):
        parts.append(SIGNS[i % len(SIGNS)] if signs and i % 3 == 0 else r.choice(bag))
        parts.append(r.choice(SPACES if signs else [" ", " ", " ", "\n", ". "]))
    return "".join(parts)


# The first has few characters and clear counts, so that every training gives the same.
CORPUS = [words(1, 1500, False), words(2, 300, True)]
TEXT = words(3, 2 * len(SIGNS), True) + "\n\n \x00\x01\u200b\ufffd a  <s> an [INST]<|x|> ranan</s>\n"
BYTES = [f"<0x{i:02X}>" for i in range(256)]
SPECIAL = ["<unk>", "<s>", "</s>"]


def trained(model, trainer, pre=None, corpus=None):
    t = Tokenizer(model)
    if pre is not None:
        t.pre_tokenizer = pre
    t.train_from_iterator(corpus or CORPUS, trainer)
    return json.loads(t.to_str())["model"]


# By hand where a training would not give the same each time.


def unigram():
    """Syllables and pairs of them with and without a space, and every character of the corpus."""
    pieces = ["▁" + s for s in SYLLABLES] + SYLLABLES + ["▁" + a + b for a, b in zip(SYLLABLES, SYLLABLES[3:])]
    pieces += sorted(set("".join(CORPUS)) - set(pieces)) + ["▁"]
    vocab = [[token, 0.0] for token in SPECIAL] + [[piece, -3.5 - i / 16] for i, piece in enumerate(pieces)]
    return {"type": "Unigram", "unk_id": 0, "byte_fallback": False, "vocab": vocab}


def word_piece():
    tokens = SPECIAL + SYLLABLES + ["##" + s for s in SYLLABLES]
    tokens += [mark + c for c in "abdeiklmnoprstuvxz.'" for mark in ("", "##")]
    tokens = list(dict.fromkeys(tokens))
    plain = {"unk_token": "<unk>", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
    return {"type": "WordPiece", **plain, "vocab": {token: i for i, token in enumerate(tokens)}}


def with_affixes():
    """A BPE model by hand, with marks at the pieces inside of words and at their ends."""
    vocab = SPECIAL + [f"{a}{c}{b}" for c in "adeiklmnoprstuvxz" for a in ("", "##") for b in ("", "</w>")]
    merges = []
    for a, b in [("k", "##a"), ("r", "##e"), ("##r", "##e"), ("re", "##n"), ("##a", "##n</w>"), ("a", "##n</w>"), ("ka", "##l")]:
        vocab.append(a + b[2:])
        merges.append([a, b])
    base = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "fuse_unk": False, "byte_fallback": False}
    marks = {"continuing_subword_prefix": "##", "end_of_word_suffix": "</w>"}
    return {**base, **marks, "vocab": {token: i for i, token in enumerate(vocab)}, "merges": merges}


METASPACE = pre_tokenizers.Metaspace()
QUIET = {"show_progress": False}
MODELS = {
    "bytes": trained(
        models.BPE(),
        trainers.BpeTrainer(vocab_size=310, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **QUIET),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ),
    "characters": trained(
        models.BPE(unk_token="<unk>"),
        trainers.BpeTrainer(vocab_size=120, special_tokens=SPECIAL, **QUIET),
        METASPACE,
        CORPUS[:1],
    ),
    "fallback": trained(
        models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True),
        trainers.BpeTrainer(vocab_size=340, special_tokens=SPECIAL + BYTES, **QUIET),
        METASPACE,
        CORPUS[:1],
    ),
    "affixes": with_affixes(),
    "unigram": unigram(),
    "wordpiece": word_piece(),
    "wordlevel": trained(
        models.WordLevel(unk_token="<unk>"),
        trainers.WordLevelTrainer(vocab_size=60, special_tokens=SPECIAL, **QUIET),
        pre_tokenizers.WhitespaceSplit(),
    ),
}


def part(value):
    """A normalizer or pre-tokenizer as it stands in a tokenizer.json."""
    if value is None or isinstance(value, dict):
        return value
    key = "normalizer" if isinstance(value, normalizers.Normalizer) else "pre_tokenizer"
    t = Tokenizer(models.BPE())
    setattr(t, key, value)
    return json.loads(t.to_str())[key]


def added(content, id, **flags):
    plain = dict.fromkeys(["single_word", "lstrip", "rstrip", "normalized", "special"], False)
    return {"id": id, "content": content, **plain, **flags}


def size(model):
    return len(MODELS[model]["vocab"])


N, P = normalizers, pre_tokenizers
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
BYTE_LEVEL = P.ByteLevel(add_prefix_space=False)
PLAIN_BYTES = P.ByteLevel(add_prefix_space=False, use_regex=False)


def charsmap(rules):
    """A map of characters as SentencePiece compiles it; its own of nmt_nfkc takes 240 kB."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "rules.tsv")
        with open(path, "w") as f:
            for source, target in rules.items():
                f.write("\t".join(" ".join(f"{ord(c):X}" for c in text) for text in (source, target)) + "\n")
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS[0].split("\n")),
            model_writer=model,
            vocab_size=60,
            hard_vocab_limit=False,
            normalization_rule_tsv=path,
            minloglevel=2,
        )
        spec = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue()).normalizer_spec
        return base64.b64encode(spec.precompiled_charsmap).decode()


CHARSMAP = charsmap({"ﬁ": "fi", "\u3000": " ", "Ａ": "A", "e\u0301": "é", "\u200b": ""})


def split(pattern, behavior, invert=False):
    return P.Sequence([P.Split(pattern, behavior, invert), PLAIN_BYTES])


def bytes_case(pre=BYTE_LEVEL, norm=None, **rest):
    return dict(model="bytes", pre_tokenizer=part(pre), normalizer=part(norm), **rest)


def case(model, pre, norm=None, **rest):
    return dict(model=model, pre_tokenizer=part(pre), normalizer=part(norm), **rest)


LLAMA2 = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
CASES = {
    # Pre-tokenizers.
    "ByteLevel": bytes_case(),
    "ByteLevel with a prefix": bytes_case(P.ByteLevel(add_prefix_space=True)),
    "Split as in Llama 3": bytes_case(split(Regex(LLAMA3), "isolated"), settings={"ignore_merges": True}),
    **{f"Split {b}": bytes_case(split(Regex(r"\s+|a"), b)) for b in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]},
    "Split inverted": bytes_case(split(Regex(r"\p{L}+|\s"), "removed", True)),
    "Split by a text": bytes_case(split("an", "merged_with_next")),
    "Digits one by one": bytes_case(P.Sequence([P.Digits(individual_digits=True), BYTE_LEVEL])),
    "Digits in runs": bytes_case(P.Sequence([P.Digits(individual_digits=False), BYTE_LEVEL])),
    "Punctuation": bytes_case(P.Sequence([P.Punctuation("contiguous"), BYTE_LEVEL])),
    "Whitespace": bytes_case(P.Sequence([P.Whitespace(), BYTE_LEVEL])),
    "WhitespaceSplit": bytes_case(P.Sequence([P.WhitespaceSplit(), BYTE_LEVEL])),
    "BertPreTokenizer": bytes_case(P.Sequence([P.BertPreTokenizer(), BYTE_LEVEL])),
    "CharDelimiterSplit": bytes_case(P.Sequence([P.CharDelimiterSplit("a"), BYTE_LEVEL])),
    "UnicodeScripts": bytes_case(P.Sequence([P.UnicodeScripts(), BYTE_LEVEL])),
    "FixedLength": bytes_case(P.Sequence([P.FixedLength(length=5), PLAIN_BYTES])),
    **{f"Metaspace {s} {'split' if w else 'whole'}": case("fallback", P.Metaspace(prepend_scheme=s, split=w)) for s in ["always", "first", "never"] for w in [True, False]},
    # Normalizers.
    **{n: bytes_case(norm=getattr(N, n)()) for n in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "BertNormalizer"]},
    "Strip": bytes_case(norm=N.Strip()),
    "ByteLevel as a normalizer": case("bytes", None, N.ByteLevel()),
    "Precompiled": case("unigram", METASPACE, {"type": "Precompiled", "precompiled_charsmap": CHARSMAP}),
    "Replace a pattern": bytes_case(norm=N.Sequence([N.Replace(Regex(r"\s{2,}"), " "), N.Replace("``", '"')])),
    "Prepend and Replace, as in Llama 2": case("fallback", None, LLAMA2),
    "Replace, then Split, as in Gemma": case("fallback", P.Split(" ", "merged_with_previous"), N.Replace(" ", "▁")),
    # Models.
    "BPE with unknown characters": case("characters", METASPACE),
    "BPE with unknown characters fused": case("characters", METASPACE, settings={"fuse_unk": True}),
    "BPE without an unknown token": case("characters", METASPACE, settings={"unk_token": None}),
    "BPE with affixes": case("affixes", P.Whitespace()),
    "Unigram": case("unigram", METASPACE),
    "Unigram in one word": case("unigram", None, LLAMA2),
    "WordPiece": case("wordpiece", P.BertPreTokenizer(), N.BertNormalizer()),
    "WordLevel": case("wordlevel", P.WhitespaceSplit()),
    # Added tokens.
    "added": bytes_case(added_tokens=[added("<|x|>", size("bytes"), special=True), added(" <s>", size("bytes") + 1), added("[INST]", size("bytes") + 2, normalized=True)]),
    "added that strip": bytes_case(added_tokens=[added("[INST]", size("bytes"), lstrip=True, rstrip=True), added("<|x|>", size("bytes") + 1, lstrip=True)]),
    "added single words": bytes_case(added_tokens=[added("an", size("bytes"), single_word=True), added("ran", size("bytes") + 1, single_word=True)]),
    "added and normalized": bytes_case(norm=N.Sequence([N.NFKC(), N.Lowercase()]), added_tokens=[added("[INST]", size("bytes"), normalized=True), added("AN", size("bytes") + 1, normalized=True)]),
    "added and prefixed": case("fallback", None, LLAMA2, added_tokens=[added("<s>", 1, normalized=True), added("</s>", 2)]),
    # Settings that must not matter for whole texts.
    "truncation and padding": bytes_case(top={"truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}, "padding": {"strategy": {"Fixed": 600}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "<unk>"}}),
}


def tokenizer_json(c):
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        **c.get("top", {}),
        "added_tokens": c.get("added_tokens", []),
        "normalizer": c["normalizer"],
        "pre_tokenizer": c["pre_tokenizer"],
        "post_processor": None,
        "decoder": None,
        "model": {**MODELS[c["model"]], **c.get("settings", {})},
    }


def ids_of(c):
    t = Tokenizer.from_str(json.dumps(tokenizer_json(c)))
    t.no_truncation()
    t.no_padding()
    return t.encode(TEXT, add_special_tokens=False).ids


def unigram_with_fallback():
    model = MODELS["unigram"]
    vocab = model["vocab"] + [[b, -12.0] for b in BYTES]
    return {"vocab": vocab, "byte_fallback": True}


CASES["Unigram with byte fallback"] = case("unigram", METASPACE, settings=unigram_with_fallback())

# What transformers makes of the files beside tokenizer.json.
DECLARED = {k: v for k, v in added("<|x|>", 0, special=True).items() if k != "id"}
FOLDERS = {
    "added_tokens_decoder": {"tokenizer_config.json": {"added_tokens_decoder": {str(size("bytes")): DECLARED}}},
    "a special token by name": {"tokenizer_config.json": {"bos_token": "<|x|>", "unk_token": "<unk>", "extra_special_tokens": ["[INST]"]}},
    "other flags": {
        "tokenizer_config.json": {"added_tokens_decoder": {"1": {**DECLARED, "content": "<s>", "lstrip": True, "rstrip": True}}},
    },
    "added_tokens.json": {
        "tokenizer_config.json": {},
        "added_tokens.json": {"[INST]": size("bytes") + 1, "<|x|>": size("bytes")},
        "special_tokens_map.json": {"bos_token": {"content": "<s>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}, "pad_token": "ranan"},
    },
}


def folder_ids(files):
    with tempfile.TemporaryDirectory() as d:
        base = {**tokenizer_json(CASES["ByteLevel"]), "added_tokens": [added("<s>", 1, special=True)]}
        config = {"tokenizer_class": "PreTrainedTokenizerFast", **files["tokenizer_config.json"]}
        for name, value in {"tokenizer.json": base, **files, "tokenizer_config.json": config}.items():
            with open(os.path.join(d, name), "w", encoding="utf-8") as f:
                json.dump(value, f)
        return AutoTokenizer.from_pretrained(d)(TEXT, add_special_tokens=False)["input_ids"]


fixture = {
    "versions": {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__, "sentencepiece": sentencepiece.__version__},
    "text": TEXT,
    "models": MODELS,
    "cases": {name: {**c, "ids": ids_of(c)} for name, c in CASES.items()},
    "folders": {name: {"files": files, "ids": folder_ids(files)} for name, files in FOLDERS.items()},
}
os.makedirs(OUT, exist_ok=True)
path = os.path.join(OUT, "kinds.json")
with open(path, "w", encoding="utf-8") as f:
    json.dump(fixture, f, ensure_ascii=False, separators=(",", ":"))
    f.write("\n")
print(f"{len(CASES)} kinds, {len(FOLDERS)} folders, {os.path.getsize(path)} bytes")
