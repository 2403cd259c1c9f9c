"""Trains the demo model's tokenizer and writes it in the form of Phi-3's files."""
import argparse
import json
import random
from collections import Counter
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from text import dialogue

BASE = 4032  # ids below; the added tokens follow, as 32000 and on in Phi-3
SEED = 3
ADDED = ["<|endoftext|>", "<|assistant|>", "<|placeholder1|>", "<|placeholder2|>", "<|placeholder3|>", "<|placeholder4|>",
         "<|system|>", "<|end|>", "<|placeholder5|>", "<|placeholder6|>", "<|user|>"]
END_OF_TEXT, ASSISTANT, SYSTEM, END, USER = (BASE + ADDED.index(t) for t in ("<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"))
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}")


def learn_pieces(dialogues):
    """(pieces, merges) of a BPE in which no merge crosses a space, a digit or a sign."""
    r = random.Random(SEED)
    lines = [line for _ in range(dialogues) for _, text in dialogue(r) for line in text.split("\n")]
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
        pre_tokenizers.Split(Regex("[^▁A-Za-z]"), "isolated"),
    ])
    alphabet = ["▁"] + [chr(c) for c in range(33, 127)]
    spaces = ["▁▁", "▁▁▁▁"]
    trainer = trainers.BpeTrainer(vocab_size=BASE - 259 - len(spaces), initial_alphabet=alphabet, limit_alphabet=len(alphabet),
                                  min_frequency=2, show_progress=False, special_tokens=[])
    words.train_from_iterator(lines, trainer)
    model = json.loads(words.to_str())["model"]
    merges = [tuple(m) for m in model["merges"]] + [("▁", "▁"), ("▁▁", "▁▁")]
    pieces = [p for p, _ in sorted(model["vocab"].items(), key=lambda item: item[1])] + spaces
    return pieces, merges


def added(identity, content, special=True, rstrip=False):
    return {"id": identity, "content": content, "single_word": False, "lstrip": False, "rstrip": rstrip, "normalized": False, "special": special}


def build(dialogues):
    pieces, merges = learn_pieces(dialogues)
    # Letters come after the merged pieces, as in SentencePiece files.
    single = [p for p in pieces if len(p) == 1]
    merged = [p for p in pieces if len(p) > 1]
    order = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + merged + single
    while len(order) < BASE:  # a small sample may yield fewer pieces
        order.append(f"<unused{len(order)}>")
    assert len(order) == BASE and len(set(order)) == BASE, len(order)
    tokens = [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>", special=False, rstrip=True), added(BASE, "<|endoftext|>")]
    tokens += [added(BASE + i, t, rstrip=True) for i, t in enumerate(ADDED) if i]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                                                            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}],
                           "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {}},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                                                      {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": True, "byte_fallback": True, "ignore_merges": False, "vocab": {p: i for i, p in enumerate(order)},
                  "merges": [f"{x} {y}" for x, y in merges]},
    }


def write(folder, tokenizer, context):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def dump(name, value):
        (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1 if name == "tokenizer.json" else 2) + "\n", encoding="utf-8")

    dump("tokenizer.json", tokenizer)
    dump("tokenizer_config.json", {
        "add_bos_token": False, "add_eos_token": False,
        "added_tokens_decoder": {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in tokenizer["added_tokens"]},
        "bos_token": "<s>", "chat_template": CHAT_TEMPLATE, "clean_up_tokenization_spaces": False, "eos_token": "<|endoftext|>", "legacy": False,
        "model_max_length": context, "pad_token": "<|endoftext|>", "padding_side": "left", "sp_model_kwargs": {}, "tokenizer_class": "LlamaTokenizer",
        "unk_token": "<unk>", "use_default_system_prompt": False})
    plain = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    dump("special_tokens_map.json", {name: {"content": content, **plain} for name, content in
                                     (("bos_token", "<s>"), ("eos_token", "<|endoftext|>"), ("pad_token", "<|endoftext|>"), ("unk_token", "<unk>"))})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--dialogues", type=int, default=60000)
    options = parser.parse_args()
    tokenizer = build(options.dialogues)
    write(options.folder, tokenizer, 2048)
    loaded = Tokenizer.from_file(str(Path(options.folder) / "tokenizer.json"))
    r = random.Random(99)
    texts = [text for _ in range(2000) for _, text in dialogue(r)]
    counts = Counter(i for t in texts for i in loaded.encode(t).ids)
    characters = sum(map(len, texts))
    print(f"{len(tokenizer['model']['merges'])} merges, {characters / sum(counts.values()):.2f} characters a token, {len(counts)} ids in use")


if __name__ == "__main__":
    main()
