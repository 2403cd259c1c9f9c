"""A tokenizer of the form of Phi-3's with 304 pieces: bytes, letters and a few merges."""

import json
import os

from tokenizers import Tokenizer

MERGES = ["▁ t", "h e", "▁t he", "▁ a", "i n", "e r", "o n", "a n", "r e", "n d", "▁a nd", "▁ s", "▁ w", "o u", "▁ c", "l l", "in g"]
LETTERS = ["▁"] + [chr(ord("a") + i) for i in range(26)]
PIECES = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + LETTERS + [merge.replace(" ", "") for merge in MERGES]
SPECIALS = ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"]
FIRST_SPECIAL = len(PIECES)
ROWS = 320  # rows of the embedding: more than there are tokens, as in the released models
BOS = 1
END_OF_TEXT = FIRST_SPECIAL
STOP_TOKENS = [FIRST_SPECIAL, FIRST_SPECIAL + 1, FIRST_SPECIAL + 3]
TEMPLATE = ("{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}"
            "{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
            "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}")


def added(index, text, special=True, rstrip=False):
    return {"id": index, "content": text, "single_word": False, "lstrip": False, "rstrip": rstrip, "normalized": False, "special": special}


def tokens():
    first = [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>", special=False, rstrip=True)]
    return first + [added(FIRST_SPECIAL + i, text, rstrip=i > 0) for i, text in enumerate(SPECIALS)]


def write(folder):
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens(),
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                                                           {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}],
                           "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {}},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                                                     {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": {piece: index for index, piece in enumerate(PIECES)}, "merges": MERGES}}
    settings = {
        "add_bos_token": False, "add_eos_token": False,
        "added_tokens_decoder": {str(token["id"]): {key: value for key, value in token.items() if key != "id"} for token in tokens()},
        "bos_token": "<s>", "chat_template": TEMPLATE, "clean_up_tokenization_spaces": False, "eos_token": "<|endoftext|>", "legacy": False,
        "model_max_length": 512, "pad_token": "<|endoftext|>", "padding_side": "left", "sp_model_kwargs": {},
        "tokenizer_class": "LlamaTokenizer", "unk_token": "<unk>", "use_default_system_prompt": False}
    for name, value in (("tokenizer.json", tokenizer), ("tokenizer_config.json", settings)):
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
            json.dump(value, file, ensure_ascii=False, indent=1 if name == "tokenizer_config.json" else None, separators=None if name == "tokenizer_config.json" else (",", ":"))
            file.write("\n")
    read = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    assert read.decode(read.encode("the sand ring, é").ids) == "the sand ring, é"
