"""Writes a checkpoint of the size of Phi-3-mini-4k with random weights: for measuring speed and memory without the real one.

    python tools/synthetic/phi3_mini.py FOLDER

7.6 GB of bfloat16 in four files, always the same bytes; needs numpy. The tokenizer has the real one's size and control tokens, but its
pieces beyond the bytes are placeholders.
"""

import json
import os
import sys

import numpy as np

HIDDEN, INTERMEDIATE, LAYERS, HEADS, HEAD_SIZE, ROWS = 3072, 8192, 32, 32, 96, 32064
SHARDS = 4
PIECE_ELEMENTS = 16 << 20
CONTROL = ["<|endoftext|>", "<|assistant|>", "<|placeholder1|>", "<|placeholder2|>", "<|placeholder3|>", "<|placeholder4|>", "<|system|>", "<|end|>",
           "<|placeholder5|>", "<|placeholder6|>", "<|user|>"]
CONFIG = {
    "architectures": ["Phi3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1, "embd_pdrop": 0.0,
    "eos_token_id": 32000, "hidden_act": "silu", "hidden_size": HIDDEN, "initializer_range": 0.02, "intermediate_size": INTERMEDIATE,
    "max_position_embeddings": 4096, "model_type": "phi3", "num_attention_heads": HEADS, "num_hidden_layers": LAYERS,
    "num_key_value_heads": HEADS, "original_max_position_embeddings": 4096, "pad_token_id": 32000, "resid_pdrop": 0.0, "rms_norm_eps": 1e-05,
    "rope_scaling": None, "rope_theta": 10000.0, "sliding_window": 2047, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    "transformers_version": "4.40.2", "use_cache": True, "vocab_size": ROWS}


def shapes():
    yield "model.embed_tokens.weight", (ROWS, HIDDEN)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (HIDDEN,)
        yield prefix + "mlp.down_proj.weight", (HIDDEN, INTERMEDIATE)
        yield prefix + "mlp.gate_up_proj.weight", (2 * INTERMEDIATE, HIDDEN)
        yield prefix + "post_attention_layernorm.weight", (HIDDEN,)
        yield prefix + "self_attn.o_proj.weight", (HIDDEN, HEADS * HEAD_SIZE)
        yield prefix + "self_attn.qkv_proj.weight", (3 * HEADS * HEAD_SIZE, HIDDEN)
    yield "model.norm.weight", (HIDDEN,)
    yield "lm_head.weight", (ROWS, HIDDEN)


def random_bfloat16(random, count):
    """Magnitudes between 2^-9 and 2^-5 with a random sign, root mean square 0.017: as raw bits, since nothing is faster."""
    bits = np.frombuffer(random.bytes(2 * count), np.uint16)
    exponent = 121 - ((bits >> 7) & 3)  # biased by 127
    return (bits & 0x807F) | (exponent << 7)


def write_shard(path, tensors, random):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        size = 2 * int(np.prod(shape, dtype=np.int64))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in tensors:
            count = int(np.prod(shape, dtype=np.int64))
            if len(shape) == 1:
                np.full(count, 0x3F80, np.uint16).tofile(file)  # 1.0
                continue
            for done in range(0, count, PIECE_ELEMENTS):
                random_bfloat16(random, min(PIECE_ELEMENTS, count - done)).tofile(file)
    return offset


def write_tokenizer(folder):
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + ["▁"]
    pieces += [f"▁piece{index}" for index in range(len(pieces), 32000)]
    added = [{"id": index, "content": text, "single_word": False, "lstrip": False, "rstrip": index > 32000, "normalized": False, "special": True}
             for index, text in [(0, "<unk>"), (1, "<s>"), *((32000 + i, text) for i, text in enumerate(CONTROL))]]
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                                                           {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": None, "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
                                                     {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True,
                  "byte_fallback": True, "ignore_merges": False, "vocab": {piece: index for index, piece in enumerate(pieces)}, "merges": []}}
    write_json(folder, "tokenizer.json", tokenizer)
    write_json(folder, "tokenizer_config.json", {
        "add_bos_token": False, "add_eos_token": False, "bos_token": "<s>", "clean_up_tokenization_spaces": False, "eos_token": "<|endoftext|>",
        "model_max_length": 4096, "pad_token": "<|endoftext|>", "tokenizer_class": "LlamaTokenizer", "unk_token": "<unk>",
        "chat_template": "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
                         "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"})


def write_json(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.write("\n")


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    tensors, random = list(shapes()), np.random.Generator(np.random.SFC64(3))
    per_shard, shard, filled, shards = sum(np.prod(shape, dtype=np.int64) for _, shape in tensors) / SHARDS, [], 0, []
    for name, shape in tensors:
        shard.append((name, shape))
        filled += int(np.prod(shape, dtype=np.int64))
        if filled >= per_shard * (len(shards) + 1) or name == tensors[-1][0]:
            shards.append(shard)
            shard = []
    total, where = 0, {}
    for index, shard in enumerate(shards, 1):
        file = f"model-{index:05d}-of-{len(shards):05d}.safetensors"
        total += write_shard(os.path.join(folder, file), shard, random)
        where.update({name: file for name, _ in shard})
        print(f"{file}: {len(shard)} tensors", flush=True)
    write_json(folder, "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": where})
    write_json(folder, "config.json", CONFIG)
    write_json(folder, "generation_config.json", {"bos_token_id": 1, "eos_token_id": [32000, 32001, 32007], "pad_token_id": 32000})
    write_tokenizer(folder)
    print(f"{total / 2:.0f} parameters, {total} bytes in {folder}")


if __name__ == "__main__":
    main()
