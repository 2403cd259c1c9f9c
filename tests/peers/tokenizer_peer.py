#!/usr/bin/env python3
"""Holds philo's tokenizer against PyPI's `tokenizers`: same ids and same text for published vectors and random strings.

    tests/peers/tokenizer_peer.py --program build/release/bin/philo_tokenize_lines [--llama-cpp ARCHIVE] [--strings 10000]

The vectors and the vocabulary of Phi-3 come from the source archive of PyPI's llama-cpp-python (ggml-vocab-phi-3.gguf and the
.inp/.out files beside it), which pip downloads into a temporary folder unless --llama-cpp names one. The byte-level tokenizers of
Phi-4-mini's and Phi-4's shape are trained here on random text.
"""
import argparse
import glob
import json
import os
import random
import struct
import subprocess
import sys
import tarfile
import tempfile

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
          r"\s+(?!\S)|\s+")
CL100K_POSSESSIVE = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|"
                     r"\s+(?!\S)|\s+")


# --- the GGUF vocabulary ------------------------------------------------------------------------------------------------------
def read_gguf_metadata(data):
    at = 0

    def take(form):
        nonlocal at
        value = struct.unpack_from("<" + form, data, at)[0]
        at += struct.calcsize("<" + form)
        return value

    def text():
        nonlocal at
        size = take("Q")
        at += size
        return data[at - size:at].decode("utf-8")

    forms = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            inner, count = take("I"), take("Q")
            return [value(inner) for _ in range(count)]
        return take(forms[kind])

    assert data[:4] == b"GGUF"
    at = 8
    take("Q")
    entries = take("Q")
    return {text(): value(take("I")) for _ in range(entries)}


def phi3_tokenizer(metadata):
    """The tokenizer.json of Phi-3: merges in the order of the scores of what they make (as transformers converts SentencePiece)."""
    pieces, scores = metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.scores"]
    vocabulary = {piece: i for i, piece in enumerate(pieces[:32000])}
    merges = []
    for piece, i in vocabulary.items():
        local = []
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in vocabulary and right in vocabulary:
                local.append((left, right, scores[i]))
        merges.extend(sorted(local, key=lambda m: (vocabulary[m[0]], vocabulary[m[1]])))
    merges.sort(key=lambda m: m[2], reverse=True)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[(a, b) for a, b, _ in merges], unk_token="<unk>", fuse_unk=True,
                                     byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    plain = {"<unk>", "<s>", "<|endoftext|>"}
    for i in [0, 1, 2] + list(range(32000, 32011)):
        content = pieces[i]
        tokenizer.add_tokens([AddedToken(content, special=content != "</s>", rstrip=content not in plain, normalized=False)])
        assert tokenizer.token_to_id(content) == i, (content, i)
    return tokenizer, len(merges)


def published_vectors(folder):
    inputs = open(glob.glob(folder + "/*phi-3.gguf.inp")[0], encoding="utf-8", newline="").read().split("\n__ggml_vocab_test__\n")
    outputs = open(glob.glob(folder + "/*phi-3.gguf.out")[0], encoding="utf-8").read().split("\n")[:len(inputs)]
    assert len(inputs) == len(outputs) == 47, (len(inputs), len(outputs))
    return list(zip(inputs, [[int(x) for x in line.split()] for line in outputs]))


# --- random text --------------------------------------------------------------------------------------------------------------
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "     \t", "\n\r", ".,;:!?'\"-_/\\()[]{}<>|@#$%^&*+=~`",
    "éüñçßÀÖıİſKǅ", "дежзийклмн", "αβγδεΣσς", "你好世界语言模型", "あいうえおカキクケコ", "한국어텍스트", "ابتثجحخ", "हिन्दीक्षि", "ไทยภาษา",
    "\u0301\u0308\u0327\u093f\u20dd", "\u00a0\u2003\u3000\u2028\u0085\u200b\ufeff", "٠١٢३४²½Ⅷ㊿", "😀🎉👩‍👩‍👧🇩🇪🏽", "▁▁", "\x00\x01\x1c\x1f\x7f",
    "ﬁﬂﬆ", "𝔸𝒷𝟘𐍈𠀀",
]
CHUNKS = ["'s", "'S", "'ſ", "'ll", "'LL", "'re", "'Ve", "'t ", "don't", "I'M", "</s>", "<s>", "<|end|>", "<|user|>\n", " <|assistant|> ",
          "<|end", "|>", "<0x0A>", "<unk>", "   ", "\n\n", "\r\n", "http://", "//\n/", "1234567", " the", "  \n  x"]


def random_text(generator, limit=60):
    out = []
    while sum(map(len, out)) < generator.randint(0, limit):
        kind = generator.random()
        if kind < 0.72:
            alphabet = generator.choice(ALPHABETS)
            out.append("".join(generator.choice(alphabet) for _ in range(generator.randint(1, 8))))
        elif kind < 0.9:
            out.append(generator.choice(CHUNKS))
        else:
            code_point = generator.randrange(0x110000)
            if not 0xD800 <= code_point < 0xE000:
                out.append(chr(code_point))
    return "".join(out)


def byte_level(pattern, generator, vocabulary_size=3000, added=(), **options):
    tokenizer = Tokenizer(models.BPE(ignore_merges=options.get("ignore_merges", False)))
    if pattern is None:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=options.get("prefix", False), use_regex=True)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(pattern), options.get("behavior", "isolated"), options.get("invert", False)),
             pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    corpus = [random_text(generator, 400) for _ in range(1500)]
    trainer = trainers.BpeTrainer(vocab_size=vocabulary_size, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_tokens([AddedToken(text, special=True, normalized=False) for text in
                          ("<|endoftext|>", "<|endofprompt|>", "<|assistant|>", "<|end|>", "<|user|>", "<|system|>")])
    tokenizer.add_tokens(list(added))
    return tokenizer


def byte_fallback(generator, pre_tokenizer=None, vocabulary_size=2000, added=()):
    """Llama's kind, trained small: the vocabulary holds all byte tokens, so that every text is covered."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    corpus = [random_text(generator, 400) for _ in range(1500)]
    trained.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=vocabulary_size, show_progress=False, limit_alphabet=500))
    learned = json.loads(trained.to_str())["model"]
    pieces = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)]
    taken = set(pieces)
    pieces += [piece for piece in learned["vocab"] if piece not in taken]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in learned["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={piece: i for i, piece in enumerate(pieces)}, merges=merges, unk_token="<unk>",
                                     fuse_unk=True, byte_fallback=True))
    if pre_tokenizer is None:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="$A $B", special_tokens=[("<s>", 1), ("</s>", 2)])
    tokenizer.add_special_tokens(["<unk>", "<s>"])
    tokenizer.add_tokens([AddedToken("</s>", rstrip=True, normalized=False)])
    tokenizer.add_tokens([AddedToken(text, special=True, rstrip=True, normalized=False) for text in ("<|end|>", "<|user|>", "<|assistant|>")])
    tokenizer.add_tokens(list(added))
    return tokenizer


ODD_TOKENS = [AddedToken("word", single_word=True, normalized=False), AddedToken("[L]", lstrip=True, normalized=False),
              AddedToken("[R]", rstrip=True, normalized=False), AddedToken("[B]", lstrip=True, rstrip=True, single_word=True, normalized=False),
              AddedToken("  ", normalized=False), AddedToken("[N]", normalized=True), AddedToken("[Nx]", normalized=True, lstrip=True),
              AddedToken("[", normalized=False), AddedToken("é", normalized=False), AddedToken("<0x41>", normalized=False),
              AddedToken("a b", normalized=False)]
ODD_CHUNKS = ["word", "sword", " word ", "word²", "‍word", "[L]", " [L]", "[R]  ", "[B]", " [B] ", "  ", "    ", "[N]", "[Nx]", " [N] ", "[",
              "é", "<0x41>", "a b", "x", "\n", "_", "　", "▁[N]", "[N]▁"]


# --- comparison ---------------------------------------------------------------------------------------------------------------
def run_philo(program, folder, inputs):
    lines = "".join(json.dumps(x) + "\n" for x in inputs)
    done = subprocess.run([program, folder], input=lines.encode(), stdout=subprocess.PIPE)
    assert done.returncode == 0, "philo_tokenize_lines failed on " + folder
    answers = [json.loads(line) for line in done.stdout.decode().split("\n") if line]
    assert len(answers) == len(inputs), (len(answers), len(inputs))
    return answers


def compare(name, program, tokenizer, texts, generator, options):
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(folder + "/tokenizer.json")
        if options.merges_as_text:
            data = json.load(open(folder + "/tokenizer.json", encoding="utf-8"))
            if all(isinstance(m, list) and " " not in m[0] + m[1] for m in data["model"]["merges"]):
                data["model"]["merges"] = [" ".join(m) for m in data["model"]["merges"]]
            json.dump(data, open(folder + "/tokenizer.json", "w", encoding="utf-8"))
        tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
        size = tokenizer.get_vocab_size()
        byte_ids = [i for i in (tokenizer.token_to_id("<0x%02X>" % b) for b in range(256)) if i is not None]
        sequences = [[i] for i in range(size)] + [[i, 5, i] for i in range(0, size, 7)]
        for _ in range(options.strings // 2):
            ids = []
            for _ in range(generator.randint(0, 12)):
                pool = byte_ids if byte_ids and generator.random() < 0.6 else range(size + 20)
                ids += [generator.choice(pool) for _ in range(generator.randint(1, 4))]
            sequences.append(ids)
        failures = 0

        def check(what, given, found, expected):
            nonlocal failures
            if found != expected:
                failures += 1
                if failures <= 10:
                    print("%s: %s of %r:\n  found    %r\n  expected %r" % (name, what, given, found, expected))

        for text, answer in zip(texts, run_philo(program, folder, texts)):
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            check("ids", text, answer["ids"], ids)
            check("ids with specials", text, answer["special"], tokenizer.encode(text, add_special_tokens=True).ids)
            check("text", ids, answer["text"], tokenizer.decode(ids, skip_special_tokens=False))
            check("text without specials", ids, answer["skipped"], tokenizer.decode(ids, skip_special_tokens=True))
            check("streamed text", ids, answer["streamed"], tokenizer.decode(ids, skip_special_tokens=True))
        for ids, answer in zip(sequences, run_philo(program, folder, sequences)):
            check("text", ids, answer["text"], tokenizer.decode(ids, skip_special_tokens=False))
            check("text without specials", ids, answer["skipped"], tokenizer.decode(ids, skip_special_tokens=True))
            check("streamed text", ids, answer["streamed"], tokenizer.decode(ids, skip_special_tokens=True))
        # ids that no tokenizer has
        for answer in run_philo(program, folder, [[-1], [-2147483648], [2147483647], [size + 100000]]):
            check("text", "ids out of range", answer["text"], "")
        print("%-46s %6d texts, %6d id sequences: %s" % (name, len(texts), len(sequences), "same" if not failures else "%d DIFFER" % failures))
        return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--llama-cpp", help="a source archive of llama-cpp-python")
    parser.add_argument("--strings", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.merges_as_text = False
    generator = random.Random(options.seed)
    failures = 0

    with tempfile.TemporaryDirectory() as folder:
        archive = options.llama_cpp
        if not archive:
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps", "-d", folder,
                            "llama-cpp-python"], check=True)
            archive = glob.glob(folder + "/*.tar.gz")[0]
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                if "ggml-vocab-phi-3.gguf" in member.name and member.isfile():
                    with open(os.path.join(folder, os.path.basename(member.name)), "wb") as out:
                        out.write(tar.extractfile(member).read())
        phi3, merges = phi3_tokenizer(read_gguf_metadata(open(folder + "/ggml-vocab-phi-3.gguf", "rb").read()))
        assert merges == 61249, merges
        vectors = published_vectors(folder)
    with tempfile.TemporaryDirectory() as folder:
        phi3.save(folder + "/tokenizer.json")
        answers = run_philo(options.program, folder, [text for text, _ in vectors])
        wrong = [text for (text, ids), answer in zip(vectors, answers) if answer["ids"] != ids]
        print("Phi-3: %d of %d published vectors agree" % (len(vectors) - len(wrong), len(vectors)), wrong[:3])
        failures += len(wrong)

    every_byte = [chr(b) for b in range(256)] + ["a" + chr(b) + "b" for b in range(256)]
    texts = ["", " ", "  "] + every_byte + [random_text(generator) for _ in range(options.strings)]
    every_code_point = ["".join(map(chr, (c for c in range(first, first + 64) if not 0xD800 <= c < 0xE000))) for first in range(0, 0x30000, 64)]
    spaced = [" ".join(map(chr, (c for c in range(first, first + 64) if not 0xD800 <= c < 0xE000))) for first in range(0, 0x30000, 64)]
    odd = ["".join(generator.choice(ODD_CHUNKS) for _ in range(generator.randint(1, 8))) for _ in range(options.strings)]
    few = texts[:2000]
    runs = [
        ("Phi-3", phi3, texts + every_code_point),
        ("Phi-3's form, small", byte_fallback(generator), texts),
        ("the same as transformers 5 writes it", byte_fallback(generator, pre_tokenizers.Metaspace(prepend_scheme="first", split=False)), texts),
        ("Metaspace that splits", byte_fallback(generator, pre_tokenizers.Metaspace(prepend_scheme="always", split=True)), few),
        ("byte fallback, odd added tokens", byte_fallback(generator, added=ODD_TOKENS), odd),
        ("Metaspace, odd added tokens", byte_fallback(generator, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), added=ODD_TOKENS), odd),
        ("Phi-4-mini's form (o200k)", byte_level(O200K, generator), texts + every_code_point + spaced),
        ("Phi-4's form (cl100k)", byte_level(CL100K, generator), texts + every_code_point + spaced),
        ("cl100k with possessive quantifiers", byte_level(CL100K_POSSESSIVE, generator), texts),
        ("GPT-2's pattern", byte_level(None, generator), texts),
        ("GPT-2's pattern with a prefix space", byte_level(None, generator, prefix=True), few),
        ("byte level, odd added tokens", byte_level(CL100K, generator, added=ODD_TOKENS), odd),
        ("byte level, ignore_merges", byte_level(O200K, generator, ignore_merges=True), few),
    ]
    for behavior in ("removed", "isolated", "contiguous", "merged_with_previous", "merged_with_next"):
        for invert in (False, True):
            name = "Split %s%s" % (behavior, ", inverted" if invert else "")
            pattern = r"\s+|(?:\p{N}\P{N})+|[^\w\s]|[a-f]+?x|(?=k)\w{2,4}"
            runs.append((name, byte_level(pattern, generator, 600, behavior=behavior, invert=invert), few[:1500]))
    for name, tokenizer, inputs in runs:
        failures += compare(name, options.program, tokenizer, inputs, generator, options)
    options.merges_as_text = True
    failures += compare("Phi-3, merges as text", options.program, phi3, few, generator, options)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
