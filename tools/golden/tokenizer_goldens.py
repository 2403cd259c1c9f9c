#!/usr/bin/env python3
"""Writes tests/data/tokenizer: small tokenizers of the forms that Phi models have, and what PyPI's `tokenizers` makes of texts.

    tools/golden/tokenizer_goldens.py tests/data/tokenizer
"""
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "peers"))
from tokenizer_peer import CL100K, O200K, ODD_CHUNKS, ODD_TOKENS, byte_fallback, byte_level, random_text  # noqa: E402
from tokenizers import Tokenizer, pre_tokenizers  # noqa: E402


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    generator = random.Random(20)
    metaspace = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    forms = {
        "byte_fallback": byte_fallback(generator, vocabulary_size=900, added=ODD_TOKENS),
        "metaspace": byte_fallback(generator, metaspace, vocabulary_size=900),
        "o200k": byte_level(O200K, generator, vocabulary_size=700, added=ODD_TOKENS),
        "cl100k": byte_level(CL100K, generator, vocabulary_size=700),
        "gpt2": byte_level(None, generator, vocabulary_size=400, prefix=True),
    }
    for name, tokenizer in forms.items():
        path = os.path.join(folder, name + ".json")
        data = json.loads(tokenizer.to_str())
        if name == "cl100k":  # the older spelling of merges
            data["model"]["merges"] = [" ".join(pair) for pair in data["model"]["merges"]]
        with open(path, "w", encoding="ascii") as out:
            json.dump(data, out, separators=(",", ":"))
            out.write("\n")
        tokenizer = Tokenizer.from_file(path)
        texts = ["", " ", "  ", "Hello world", "<|user|>\nHello<|end|>\n<|assistant|>\n"]
        texts += ["a" + chr(b) + "b" for b in range(256)]
        texts += [random_text(generator, 40) for _ in range(150)]
        texts += ["".join(generator.choice(ODD_CHUNKS) for _ in range(generator.randint(1, 6))) for _ in range(100)]
        size = tokenizer.get_vocab_size()
        ids = [[generator.randrange(min(size, 270)) if generator.random() < 0.7 else generator.randrange(size + 5)
                for _ in range(generator.randint(1, 10))] for _ in range(200)]
        cases = []
        for text in texts:
            case = {"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids}
            if tokenizer.encode(text).ids != case["ids"]:
                case["special"] = tokenizer.encode(text).ids
            cases.append(case)
        cases += [{"ids": each} for each in ids]
        for case in cases:
            case["decoded"] = tokenizer.decode(case["ids"], skip_special_tokens=False)
            case["skipped"] = tokenizer.decode(case["ids"], skip_special_tokens=True)
        with open(os.path.join(folder, name + ".golden.json"), "w", encoding="ascii") as out:
            out.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")


main()
