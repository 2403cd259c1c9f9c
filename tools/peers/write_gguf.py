"""Writes a GGUF file of a Phi-3 checkpoint's shape with random weights, for measuring speed: as `llama-quantize … Q4_0` lays it out.

    python write_gguf.py CHECKPOINT_FOLDER OUT.gguf

Projections and embedding are Q4_0, the head is Q6_K, norms are 1.0. The blocks are random bits with one scale that makes the weights' root
mean square 0.02, whatever the checkpoint's weights are: only its config.json is read. The tokenizer has the true size and placeholder pieces.
"""

import argparse
import json
import os

import gguf
import numpy as np

Q4_0, Q6_K, F32 = gguf.GGMLQuantizationType.Q4_0, gguf.GGMLQuantizationType.Q6_K, gguf.GGMLQuantizationType.F32
RMS = 0.02
# A block's scale: codes of 4 bits are uniform in -8 … 7, those of 6 bits in -32 … 31 times a signed 8-bit scale, here 1.
Q4_0_SCALE, Q6_K_SCALE = np.float16(RMS / 4.63), np.float16(RMS / 18.5)


def random_blocks(random, rows, columns, kind):
    """Bytes, (rows, bytes of a row): https://github.com/ggml-org/ggml, block_q4_0 and block_q6_K."""
    if kind == Q4_0:  # a scale, 32 codes
        blocks = np.frombuffer(random.bytes(rows * columns // 32 * 18), np.uint8).reshape(-1, 18).copy()
        blocks[:, :2] = np.frombuffer(Q4_0_SCALE.tobytes(), np.uint8)
    else:  # 256 codes: their low and high bits, 16 scales of 8 bits, a scale
        blocks = np.frombuffer(random.bytes(rows * columns // 256 * 210), np.uint8).reshape(-1, 210).copy()
        blocks[:, 192:208] = 1
        blocks[:, 208:] = np.frombuffer(Q6_K_SCALE.tobytes(), np.uint8)
    return blocks.reshape(rows, -1)


def tensors(config):
    """Name, shape and kind of each tensor in the file's order."""
    hidden, intermediate, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    heads = config["num_attention_heads"]
    size = config.get("head_dim") or hidden // heads
    yield "token_embd.weight", (vocabulary, hidden), Q4_0
    for layer in range(config["num_hidden_layers"]):
        prefix = f"blk.{layer}."
        yield prefix + "attn_norm.weight", (hidden,), F32
        yield prefix + "attn_qkv.weight", ((heads + 2 * config["num_key_value_heads"]) * size, hidden), Q4_0
        yield prefix + "attn_output.weight", (hidden, heads * size), Q4_0
        yield prefix + "ffn_norm.weight", (hidden,), F32
        yield prefix + "ffn_up.weight", (2 * intermediate, hidden), Q4_0  # gate and up
        yield prefix + "ffn_down.weight", (hidden, intermediate), Q4_0
    yield "output_norm.weight", (hidden,), F32
    yield "output.weight", (vocabulary, hidden), Q6_K


def add_metadata(writer, config):
    heads = config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_rope_scaling_orig_ctx_len(config.get("original_max_position_embeddings", config["max_position_embeddings"]))
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config.get("head_dim") or config["hidden_size"] // heads)
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_sliding_window(config.get("sliding_window") or 0)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)

    token = gguf.TokenType
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    kinds = [token.UNKNOWN, token.CONTROL, token.CONTROL] + [token.BYTE] * 256
    more = config["vocab_size"] - len(pieces)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces + [f"▁piece{index}" for index in range(more)])
    writer.add_token_scores([-float(index) for index in range(config["vocab_size"])])
    writer.add_token_types(kinds + [token.NORMAL] * more)
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_unk_token_id(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("out")
    options = parser.parse_args()
    with open(os.path.join(options.checkpoint, "config.json"), encoding="utf-8") as file:
        config = json.load(file)

    writer = gguf.GGUFWriter(options.out, "phi3")
    add_metadata(writer, config)
    for name, shape, kind in tensors(config):
        if kind == F32:
            writer.add_tensor_info(name, shape, np.dtype(np.float32), 4 * shape[0])
        else:
            columns, size = gguf.GGML_QUANT_SIZES[kind]
            stored = (shape[0], shape[1] // columns * size)
            writer.add_tensor_info(name, stored, np.dtype(np.uint8), stored[0] * stored[1], kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    random = np.random.Generator(np.random.SFC64(3))
    for _, shape, kind in tensors(config):
        writer.write_tensor_data(np.ones(shape, np.float32) if kind == F32 else random_blocks(random, *shape, kind))
    writer.close()


if __name__ == "__main__":
    main()
