"""Makes tests/data/models: tiny random checkpoints of every member of the Phi-3 family, and what the reference says about them.

    python tools/golden/tiny_models.py tests/data/models [NAME ...]

Needs torch, transformers 5, tokenizers, safetensors. Seeds are fixed: the same packages give the same files. Each model's folder holds
a checkpoint as Hugging Face publishes them (config.json, generation_config.json, tokenizer.json, tokenizer_config.json, safetensors) and

  golden.json         prompts around the edges of window and LongRoPE limit; greedy continuations with the reference's gaps; mean
                      negative log-likelihoods of a text, whole and in windows
  golden.safetensors  prompt.K.last     (vocabulary)       logits after the last token
                      prompt.K.columns  (tokens, columns)  logits of every position at golden.json's "columns"
                      prompt.K.scale    (tokens)           largest magnitude of each position's logits
  trace.safetensors   step.N (tokens, width), for one model: the output of every step of the plan
"""

import copy
import json
import os
import shutil
import sys

import numpy as np
import torch
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import load_file, save_file
from transformers import Phi3Config, Phi3ForCausalLM
from transformers.utils import logging

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import reference
import tiny_tokenizer

VOCABULARY = tiny_tokenizer.ROWS
NEW_TOKENS = 200
# A greedy step counts as decided where the two best logits are further apart than twice the error allowed to philo.
DECIDED_GAP = 2e-4


def factors(count, last, bend):
    """Rising LongRoPE factors from about 1 to `last`, all distinct."""
    t = np.linspace(0.0, 1.0, count)
    return [float(np.float32(1.0 + 0.01 * i + (last - 1.0) * x**bend)) for i, x in enumerate(t)]


def long_rope(rotary_size, kind="longrope", short_last=3.0, long_last=60.0):
    return {"type": kind, "short_factor": factors(rotary_size // 2, short_last, 2.0), "long_factor": factors(rotary_size // 2, long_last, 1.3)}


# What differs from Phi3Config's defaults, in the form of published files ("rope_scaling", "rope_theta"); "form" says how config.json
# is written, "storage" how the weights are.
MODELS = {
    "mini-4k": dict(hidden_size=48, num_attention_heads=2, num_key_value_heads=2, head_dim=96, intermediate_size=96, num_hidden_layers=2,
                    max_position_embeddings=512, original_max_position_embeddings=512, sliding_window=37),
    "mini-128k": dict(hidden_size=64, num_attention_heads=2, num_key_value_heads=2, intermediate_size=96, num_hidden_layers=2,
                      max_position_embeddings=2048, original_max_position_embeddings=64, sliding_window=262144,
                      rope_scaling=long_rope(32)),
    "mini-128k-su": dict(hidden_size=64, num_attention_heads=1, num_key_value_heads=1, intermediate_size=48, num_hidden_layers=2,
                         max_position_embeddings=2048, original_max_position_embeddings=64, sliding_window=262144,
                         rope_scaling=long_rope(64, "su", 2.0, 30.0), storage="float16"),
    "mini-3.5": dict(hidden_size=96, num_attention_heads=2, num_key_value_heads=2, intermediate_size=48, num_hidden_layers=2,
                     max_position_embeddings=1024, original_max_position_embeddings=64, sliding_window=262144,
                     rope_scaling=long_rope(48, "longrope", 2.84, 64.84), form="transformers 5"),
    "medium-4k": dict(hidden_size=64, num_attention_heads=4, num_key_value_heads=1, head_dim=32, intermediate_size=96, num_hidden_layers=2,
                      max_position_embeddings=512, original_max_position_embeddings=512, sliding_window=37),
    "medium-128k": dict(hidden_size=64, num_attention_heads=4, num_key_value_heads=1, intermediate_size=72, num_hidden_layers=3,
                        max_position_embeddings=2048, original_max_position_embeddings=64, sliding_window=2048,
                        rope_scaling=long_rope(16, "longrope", 1.5, 65.0)),
    "phi-4-mini": dict(hidden_size=96, num_attention_heads=3, num_key_value_heads=1, intermediate_size=96, num_hidden_layers=2,
                       max_position_embeddings=3072, original_max_position_embeddings=96, sliding_window=262144,
                       partial_rotary_factor=0.75, tie_word_embeddings=True, rope_scaling=long_rope(24, "longrope", 1.0, 47.77)),
    "phi-4": dict(hidden_size=48, num_attention_heads=2, num_key_value_heads=1, head_dim=128, intermediate_size=64, num_hidden_layers=2,
                  max_position_embeddings=512, original_max_position_embeddings=512, sliding_window=None, rope_theta=250000.0),
    # Everything at once, small: window, LongRoPE, GQA and partial rotary, in the forms that checkpoints are stored in.
    "form-split": dict(form="transformers 5", storage="split"),
    "form-sharded": dict(hidden_size=32, num_attention_heads=2, num_key_value_heads=1, storage="sharded", tie_word_embeddings=False),
    "form-float16": dict(storage="float16", trace=True),
    "form-float32": dict(hidden_size=32, num_attention_heads=2, num_key_value_heads=2, storage="float32", tie_word_embeddings=False,
                         form="transformers 5"),
}
FORM = dict(hidden_size=64, num_attention_heads=4, num_key_value_heads=2, intermediate_size=48, num_hidden_layers=2,
            max_position_embeddings=640, original_max_position_embeddings=40, sliding_window=23, partial_rotary_factor=0.75,
            tie_word_embeddings=True, rope_scaling=long_rope(12, "longrope", 2.0, 20.0))


def settings_of(name):
    settings = dict(MODELS[name])
    return {**FORM, **settings} if name.startswith("form-") else settings


def fill(model, generator):
    """Weights so large that attention is sharp and greedy text varies; norms away from 1."""
    hidden = model.config.hidden_size
    for name, parameter in model.named_parameters():
        if "norm" in name:
            values = 1.0 + 0.2 * torch.randn(parameter.shape, generator=generator)
        elif "embed" in name or "lm_head" in name:
            # A tied head would repeat the last token for ever if the embedding outweighed what the layers add to it.
            spread = 3.0 / hidden**0.5 if "lm_head" in name else 0.08 if model.config.tie_word_embeddings else 0.35
            values = torch.randn(parameter.shape, generator=generator) * spread
        elif "qkv" in name:
            values = torch.randn(parameter.shape, generator=generator) * (1.3 / hidden**0.5)
        else:
            values = torch.randn(parameter.shape, generator=generator) * (1.2 / parameter.shape[1] ** 0.5)
        parameter.data.copy_(values)


def published_config(settings, dtype):
    """config.json as the released models have it."""
    keys = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "max_position_embeddings",
            "original_max_position_embeddings", "sliding_window", "head_dim", "partial_rotary_factor")
    config = {"architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "attention_bias": False, "attention_dropout": 0.0,
              "bos_token_id": tiny_tokenizer.BOS, "eos_token_id": tiny_tokenizer.END_OF_TEXT, "pad_token_id": tiny_tokenizer.END_OF_TEXT,
              "embd_pdrop": 0.0, "resid_pdrop": 0.0, "hidden_act": "silu", "initializer_range": 0.02, "rms_norm_eps": 1e-05,
              "rope_theta": settings.get("rope_theta", 10000.0), "rope_scaling": settings.get("rope_scaling"),
              "tie_word_embeddings": settings.get("tie_word_embeddings", False), "torch_dtype": dtype, "use_cache": True,
              "vocab_size": VOCABULARY, "transformers_version": "4.43.0"}
    config.update({key: settings[key] for key in keys if key in settings})
    return dict(sorted(config.items()))


def write_json(path, value, indent=2):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        json.dump(value, file, indent=indent, ensure_ascii=False)
        file.write("\n")


def split_projections(tensors, config):
    """The names of checkpoints that were rewritten for Llama's code."""
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    q, kv = config["num_attention_heads"] * size, config["num_key_value_heads"] * size
    out = {}
    for name, tensor in tensors.items():
        if "qkv_proj" in name:
            for part, rows in zip(("q_proj", "k_proj", "v_proj"), tensor.split([q, kv, kv])):
                out[name.replace("qkv_proj", part)] = rows.contiguous()
        elif "gate_up_proj" in name:
            for part, rows in zip(("gate_proj", "up_proj"), tensor.chunk(2)):
                out[name.replace("gate_up_proj", part)] = rows.contiguous()
        else:
            out[name] = tensor
    return out


def write_checkpoint(folder, settings, seed):
    storage = settings.get("storage", "bfloat16")
    dtype = storage if storage.startswith("float") else "bfloat16"
    published = published_config(settings, dtype)
    config_arguments = {key: value for key, value in published.items() if key not in ("torch_dtype", "transformers_version", "architectures", "model_type")}
    model = Phi3ForCausalLM(Phi3Config(**reference.renamed(copy.deepcopy(config_arguments))))
    fill(model, torch.Generator().manual_seed(seed))
    model.to(getattr(torch, dtype)).save_pretrained(folder, max_shard_size="60KB" if storage == "sharded" else "10MB")
    if settings.get("form") != "transformers 5":
        write_json(os.path.join(folder, "config.json"), published)
    write_json(os.path.join(folder, "generation_config.json"),
               {"_from_model_config": True, "bos_token_id": tiny_tokenizer.BOS, "eos_token_id": tiny_tokenizer.STOP_TOKENS,
                "pad_token_id": tiny_tokenizer.END_OF_TEXT, "transformers_version": "4.43.0"})
    tiny_tokenizer.write(folder)


def edge_prompts(settings, random):
    """Lengths at which something changes, and lengths of the greedy prompts among them."""
    window, limit = settings.get("sliding_window"), None
    if settings.get("rope_scaling"):
        limit = settings["original_max_position_embeddings"]
    lengths = {1, 2, 17}
    greedy = {2}
    if window and window < settings["max_position_embeddings"]:
        lengths |= {window - 1, window, window + 1, window + 2, 2 * window}
        greedy |= {window - 1, window + 2}
    if limit:
        lengths |= {limit // 2, limit - 1, limit, limit + 1, 2 * limit + 3}
        greedy |= {limit // 2, limit, limit + 1}
    if len(lengths) == 3:
        lengths |= {33, 64, 130}
        greedy |= {17, 130}
    made = []
    for length in sorted(lengths):
        made.append((length, random.integers(0, VOCABULARY, length).tolist(), length in greedy))
    return made


def decided_continuation(model, length, ids, random):
    """A greedy continuation without a step that rounding could decide; other prompts are tried until there is one."""
    for _ in range(20):
        made, gaps = reference.greedy(model, ids, NEW_TOKENS)
        if min(gaps) > DECIDED_GAP:
            return ids, made, gaps
        ids = random.integers(0, VOCABULARY, length).tolist()
    raise SystemExit(f"no decided continuation of {length} tokens in 20 prompts: take another seed")


def windowed_likelihood(model, ids, context, stride):
    total, scored, begin = 0.0, 0, 0
    while scored < len(ids) - 1:
        part = ids[begin : begin + context]
        losses = reference.negative_log_likelihoods(reference.logits(model, part), part)
        fresh = losses[scored - begin :]
        total += float(fresh.sum())
        scored += len(fresh)
        begin += stride
    return total / scored


def write_golden(folder, name, settings, seed):
    model = reference.load(folder)
    random = np.random.default_rng(seed + 1000)
    config = json.load(open(os.path.join(folder, "config.json"), encoding="utf-8"))
    weights = {key: value.detach().numpy() for key, value in model.state_dict().items()}
    columns = list(range(seed % 20, VOCABULARY, 20))
    prompts, continuations, tensors, worst = [], [], {}, 0.0
    varied = []
    for length, ids, is_greedy in edge_prompts(settings, random):
        if is_greedy:
            ids, made, gaps = decided_continuation(model, length, ids, random)
            continuations.append({"prompt": len(prompts), "ids": made, "gaps": [float(f"{gap:.3g}") for gap in gaps]})
            varied.append(len(set(zip(made[100:], made[101:]))))
        rows = reference.logits(model, ids)
        other = reference.second_opinion(config, weights, ids)
        scale = np.abs(rows).max(axis=1)
        worst = max(worst, float((np.abs(rows - other).max(axis=1) / scale).max()))
        key = f"prompt.{len(prompts)}"
        tensors[key + ".last"] = rows[-1].copy()
        tensors[key + ".columns"] = rows[:, columns].copy()
        tensors[key + ".scale"] = scale
        prompts.append({"name": f"{length} tokens", "ids": ids})
    text = random.integers(0, VOCABULARY, 150).tolist()
    whole = float(reference.negative_log_likelihoods(reference.logits(model, text), text).mean())
    score = {"ids": text, "mean_negative_log_likelihood": whole,
             "windows": {"context": 50, "stride": 20, "mean_negative_log_likelihood": windowed_likelihood(model, text, 50, 20)}}
    golden = {"columns": columns, "decided_gap": DECIDED_GAP, "prompts": prompts, "greedy": continuations, "score": score}
    with open(os.path.join(folder, "golden.json"), "w", encoding="utf-8", newline="\n") as file:
        file.write("{\n" + ",\n".join(f'"{key}": ' + json.dumps(value, separators=(",", ":")).replace('},{"name"', '},\n{"name"')
                                       .replace('},{"prompt"', '},\n{"prompt"') for key, value in golden.items()) + "\n}\n")
    save_numpy(tensors, os.path.join(folder, "golden.safetensors"))
    if settings.get("trace"):
        ids = next(prompt["ids"] for prompt in prompts if len(prompt["ids"]) == 17)
        names, steps = reference.trace(model, ids)
        save_numpy({f"step.{index:03d}": step.copy() for index, step in enumerate(steps)}, os.path.join(folder, "trace.safetensors"),
                   metadata={"prompt": ",".join(map(str, ids)), "steps": ",".join(names)})
    if worst > 2e-5:
        raise SystemExit(f"{name}: the two references differ by {worst:.2e} of the largest logit")
    return worst, varied


def split_stored(folder):
    path = os.path.join(folder, "model.safetensors")
    config = json.load(open(os.path.join(folder, "config.json"), encoding="utf-8"))
    save_file(split_projections(load_file(path), config), path, metadata={"format": "pt"})


def main():
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    root, names = sys.argv[1], sys.argv[2:] or list(MODELS)
    print(f"{'model':14} {'bytes':>8}  {'reference against second opinion':32}  pairs among the last 100 tokens of each continuation")
    for name in names:
        folder, settings, seed = os.path.join(root, name), settings_of(name), 20 + list(MODELS).index(name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        write_checkpoint(folder, settings, seed)
        worst, varied = write_golden(folder, name, settings, seed)
        if settings.get("storage") == "split":
            split_stored(folder)  # last: transformers itself reads fused projections only
        bytes_ = sum(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder))
        print(f"{name:14} {bytes_:8}  {worst:32.1e}  {varied}", flush=True)


if __name__ == "__main__":
    main()
