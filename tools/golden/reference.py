"""The reference that philo is held against: transformers' float32 eager path, recomputed in full without a cache, and a second
forward pass written from the formulas in float64 (but for the rotary angles) that the first one is checked against."""

import json
import math
import os

import numpy as np
import torch
from transformers import Phi3Config, Phi3ForCausalLM


def renamed(config):
    """LongRoPE was called "su" at first. transformers 5 means to treat the two alike but stops over the old name, for want of the
    limit, which it looks up under the new name only."""
    rope = config.get("rope_scaling")
    return {**config, "rope_scaling": {**rope, "type": "longrope"}} if rope and rope.get("type") == "su" else config


def load(folder):
    """The model as transformers reads it from disk, in float32. Loading with the dtype (rather than converting a loaded bfloat16
    model) keeps the rotary frequencies, a buffer that is not saved, in full precision."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = Phi3Config(**renamed(json.load(file)))
    model = Phi3ForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32, attn_implementation="eager")
    model.eval()
    assert model.model.rotary_emb.inv_freq.dtype == torch.float32
    return model


@torch.no_grad()
def logits(model, ids):
    """(tokens, vocabulary) float32."""
    return model(torch.tensor([list(ids)]), use_cache=False).logits[0].numpy()


@torch.no_grad()
def greedy(model, ids, steps, context=None):
    """New tokens, and for each of them the distance of the two best logits relative to the largest magnitude of the row."""
    ids, made, gaps = list(ids), [], []
    for _ in range(steps):
        if context is not None and len(ids) >= context:
            break
        row = model(torch.tensor([ids]), use_cache=False, logits_to_keep=1).logits[0, -1].numpy()
        best = int(np.argmax(row))
        second = np.max(np.delete(row, best))
        gaps.append(float((row[best] - second) / np.max(np.abs(row))))
        made.append(best)
        ids.append(best)
    return made, gaps


def negative_log_likelihoods(rows, ids):
    """Of each token but the first, natural logarithm, float64."""
    rows = rows[:-1].astype(np.float64)
    top = rows.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(rows - top).sum(axis=1)) + top[:, 0]
    return log_sum - rows[np.arange(len(rows)), np.asarray(ids[1:])]


@torch.no_grad()
def trace(model, ids):
    """Every step of philo's plan in order, each (tokens, width): embedding; for each layer norm, q k v, attention, output
    projection, sum, norm, gate and up, SwiGLU, down projection, sum; last norm, head."""
    steps, hooks, captured = [], [], {}

    def after(module, name):
        hooks.append(module.register_forward_hook(lambda m, i, o, name=name: captured.__setitem__(name, o[0].detach().clone())))

    def before(module, name):
        hooks.append(module.register_forward_pre_hook(lambda m, i, name=name: captured.__setitem__(name, i[0][0].detach().clone())))

    after(model.model.embed_tokens, "embed")
    names = ["embed"]
    for index, layer in enumerate(model.model.layers):
        after(layer.input_layernorm, f"{index}.norm1")
        after(layer.self_attn.qkv_proj, f"{index}.qkv")
        before(layer.self_attn.o_proj, f"{index}.attend")
        after(layer.self_attn.o_proj, f"{index}.o")
        before(layer.post_attention_layernorm, f"{index}.add1")
        after(layer.post_attention_layernorm, f"{index}.norm2")
        after(layer.mlp.gate_up_proj, f"{index}.gate_up")
        before(layer.mlp.down_proj, f"{index}.swiglu")
        after(layer.mlp.down_proj, f"{index}.down")
        following = model.model.layers[index + 1].input_layernorm if index + 1 < len(model.model.layers) else model.model.norm
        before(following, f"{index}.add2")
        names += [f"{index}.{n}" for n in ("norm1", "qkv", "attend", "o", "add1", "norm2", "gate_up", "swiglu", "down", "add2")]
    after(model.model.norm, "norm")
    after(model.lm_head, "head")
    names += ["norm", "head"]
    model(torch.tensor([list(ids)]), use_cache=False)
    for hook in hooks:
        hook.remove()
    for name in names:
        steps.append(captured[name].numpy().reshape(len(ids), -1))
    return names, steps


def second_opinion(config, tensors, ids):
    """Logits (tokens, vocabulary) in float64. `config` is the JSON object of config.json, in the published form or that of
    transformers 5; `tensors` maps names to float arrays."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = rope.get("rope_theta", config.get("rope_theta", 10000.0))
    partial = rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0))
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    size = config.get("head_dim") or config["hidden_size"] // heads
    rotary, tokens, window = int(size * partial), len(ids), config.get("sliding_window")
    get = lambda name: tensors[name].astype(np.float64)

    factors, scale = np.ones(rotary // 2), 1.0
    if "short_factor" in rope:
        limit = rope.get("original_max_position_embeddings", config.get("original_max_position_embeddings"))
        factors = np.float64(np.float32(rope["long_factor" if tokens > limit else "short_factor"]))
        stretch = config["max_position_embeddings"] / limit
        scale = math.sqrt(1 + math.log(stretch) / math.log(limit)) if stretch > 1 else 1.0
    # Frequencies and angles are rounded to float32, as the reference defines them: at high positions that is far more than the rest.
    frequency = np.float32(1.0 / (factors * theta ** (np.arange(0, rotary, 2) / rotary)))
    angle = np.float64(np.float32(np.arange(tokens))[:, None] * frequency[None, :])
    cos, sin = np.cos(angle)[:, None, :] * scale, np.sin(angle)[:, None, :] * scale  # (tokens, 1, rotary / 2)

    def norm(x, name):
        return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + config["rms_norm_eps"]) * get(name)

    def rotate(x):  # (tokens, heads, size)
        first, second = x[..., : rotary // 2], x[..., rotary // 2 : rotary]
        return np.concatenate([first * cos - second * sin, second * cos + first * sin, x[..., rotary:]], axis=-1)

    query, key = np.arange(tokens)[:, None], np.arange(tokens)[None, :]
    visible = (key <= query) & ((key > query - window) if window else True)
    x = get("model.embed_tokens.weight")[np.asarray(ids)]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        qkv = norm(x, prefix + "input_layernorm.weight") @ get(prefix + "self_attn.qkv_proj.weight").T
        q = rotate(qkv[:, : heads * size].reshape(tokens, heads, size))
        k = rotate(qkv[:, heads * size : (heads + kv_heads) * size].reshape(tokens, kv_heads, size))
        v = qkv[:, (heads + kv_heads) * size :].reshape(tokens, kv_heads, size)
        mixed = np.zeros((tokens, heads, size))
        for head in range(heads):
            group = head // (heads // kv_heads)
            score = np.where(visible, q[:, head] @ k[:, group].T / math.sqrt(size), -np.inf)
            weight = np.exp(score - score.max(axis=1, keepdims=True))
            mixed[:, head] = (weight / weight.sum(axis=1, keepdims=True)) @ v[:, group]
        x = x + mixed.reshape(tokens, -1) @ get(prefix + "self_attn.o_proj.weight").T
        gate, up = np.split(norm(x, prefix + "post_attention_layernorm.weight") @ get(prefix + "mlp.gate_up_proj.weight").T, 2, axis=1)
        x = x + (gate / (1 + np.exp(-gate)) * up) @ get(prefix + "mlp.down_proj.weight").T
    head = "model.embed_tokens.weight" if config.get("tie_word_embeddings") else "lm_head.weight"
    return norm(x, "model.norm.weight") @ get(head).T
