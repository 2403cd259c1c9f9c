"""Holds philo's command against transformers on fresh random models of every kind in the Phi-3 family.

    python tests/peers/model_peer.py PHILO [--seed N] [--models N] [--isa NAME ...] [--keep FOLDER]

Each model is drawn from the seed: head sizes, shared key heads, windows, LongRoPE lists and limits, partial rotation, theta, tied
heads, storage. For prompts at every edge, `philo score --logits` must be within 1e-4 of the largest logit of transformers' float32
eager forward pass, and `philo run --ids` must give the same 200 greedy tokens as its recomputation in full without a cache, up to
the first step at which the reference's two best logits are closer than twice that error.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import Phi3Config, Phi3ForCausalLM
from transformers.utils import logging

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "golden"))
import reference
import tiny_models
import tiny_tokenizer

ALLOWED_ERROR = 1e-4
DECIDED_GAP = 2 * ALLOWED_ERROR
TABLES = ["scalar", "avx2", "avx_vnni", "avx512", "amx", "neon", "neon_i8mm"]
FAMILY = ["mini-4k", "mini-128k", "mini-3.5", "medium-4k", "medium-128k", "phi-4-mini", "phi-4", "all at once", "real window", "real limit"]


def rising(random, count, last):
    steps = random.uniform(0.2, 1.0, count).cumsum()
    return [round(float(x), 4) for x in 1.0 + (last - 1.0) * steps / steps[-1]]


def draw(member, random):
    """Settings of one model, in the keys of a published config.json."""
    pick = lambda *choices: choices[random.integers(len(choices))]
    shared = {"mini-4k": 1, "mini-128k": 1, "mini-3.5": 1, "medium-4k": 4, "medium-128k": 4, "phi-4-mini": 3, "phi-4": 4, "real window": 1, "real limit": 2}.get(member) or pick(2, 3, 5, 7)
    real = member.startswith("real")  # the released models' window and limit, otherwise tiny
    kv_heads = int(pick(1, 2) if shared < 4 and not real else 1)
    heads = kv_heads * shared * (pick(1, 2, 3) if shared == 1 and not real else 1)
    size = int(pick(16, 32, 64, 96, 128) if heads <= 2 else pick(8, 16, 24, 32, 40, 48))
    hidden = heads * size
    partial = {"phi-4-mini": 0.75, "all at once": pick(0.25, 0.5, 0.75)}.get(member, 1.0)
    long = member in ("mini-128k", "mini-3.5", "medium-128k", "phi-4-mini", "all at once", "real limit")
    limit = 4096 if real else int(random.integers(20, 130)) if long else 1024
    settings = dict(hidden_size=hidden, num_attention_heads=int(heads), num_key_value_heads=kv_heads, intermediate_size=int(random.integers(24, 200)),
                    num_hidden_layers=int(pick(1, 2, 3)), max_position_embeddings=limit * int(pick(16, 32)) if long else limit,
                    original_max_position_embeddings=limit, rms_norm_eps=float(pick(1e-5, 1e-6)), vocab_size=int(random.integers(tiny_tokenizer.ROWS, 700)),
                    sliding_window=262144 if long else None, partial_rotary_factor=partial, tie_word_embeddings=member == "phi-4-mini" or bool(random.integers(2)),
                    rope_theta=float(pick(10000.0, 50000.0, 250000.0) if member != "phi-4" else 250000.0), rope_scaling=None,
                    new_tokens=16 if real else 200, storage=str(pick("bfloat16", "float16", "float32")), form=str(pick("published", "transformers 5")))
    if member in ("mini-4k", "medium-4k", "all at once"):
        settings["sliding_window"] = int(pick(1, 2, 5, 16, 31, 37, 48, 64, 65))
    if member == "real window":
        settings["sliding_window"] = 2047
    if long:
        half = int(size * partial) // 2
        settings["rope_scaling"] = {"type": str(pick("longrope", "su") if settings["form"] == "published" else "longrope"),
                                    "short_factor": rising(random, half, pick(1.0, 2.84, 3.05)), "long_factor": rising(random, half, pick(30.0, 47.77, 64.84))}
        if random.integers(4) == 0:
            settings["rope_scaling"]["attention_factor"] = round(float(random.uniform(1.0, 1.4)), 3)
    return settings


def write(folder, settings, seed):
    config = tiny_models.published_config(settings, settings["storage"])
    config |= {key: settings[key] for key in ("vocab_size", "rms_norm_eps", "rope_theta")}
    arguments = {key: value for key, value in config.items() if key not in ("torch_dtype", "transformers_version", "architectures", "model_type")}
    model = Phi3ForCausalLM(Phi3Config(**reference.renamed(json.loads(json.dumps(arguments)))))
    tiny_models.fill(model, torch.Generator().manual_seed(seed))
    model.to(getattr(torch, settings["storage"])).save_pretrained(folder)
    if settings["form"] == "published":
        tiny_models.write_json(os.path.join(folder, "config.json"), config)
    tiny_tokenizer.write(folder)


def edge_prompts(settings, random):
    """(ids, continued greedily) for lengths around every edge."""
    window, limit = settings["sliding_window"], settings["original_max_position_embeddings"]
    lengths = {1: True, 2: False, int(random.integers(3, 20)): False, int(random.integers(130, 300)): True}
    if window < settings["max_position_embeddings"] if window else False:
        lengths |= {window - 1: True, window: False, window + 1: False, window + 2: True, 2 * window: False, 2 * window + 1: False}
    if settings["rope_scaling"]:
        lengths |= {limit - 1: True, limit: True, limit + 1: True, max(1, limit // 2): True, 2 * limit: False}
    return [(random.integers(0, settings["vocab_size"], length).tolist(), continued) for length, continued in sorted(lengths.items()) if length > 0]


def philo(command, *arguments):
    environment = {**os.environ, "XDG_CACHE_HOME": os.path.join(tempfile.gettempdir(), "philo-peer-cache")}  # not the user's own
    done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True, timeout=600, env=environment)
    return done.returncode, done.stdout, done.stderr.strip()


def decided(gaps):
    return next((step for step, gap in enumerate(gaps) if gap < DECIDED_GAP), len(gaps))


def hold(command, folder, isa, prompts, expected, new_tokens):
    """Worst relative error, equal and decided greedy steps, and what went wrong."""
    worst, equal, due, faults = 0.0, 0, 0, []
    logits_file, ids_file = os.path.join(folder, "logits.safetensors"), os.path.join(folder, "ids.txt")
    for (ids, _), (rows, made, gaps) in zip(prompts, expected):
        where = f"prompt of {len(ids)} tokens"
        with open(ids_file, "w", encoding="utf-8") as file:
            file.write(",".join(map(str, ids)))
        common = ["--isa", isa, "--weight-format", "fp32", "--json"]
        if len(ids) > 1:  # one token has nothing to score
            code, out, error = philo(command, "score", folder, "--ids-file", ids_file, "--logits", logits_file, *common)
            if code in (2, 4) and "kernels" in error:
                return None, 0, 0, [error]
            if code:
                faults.append(f"{where}: score exits with {code}: {error}")
                continue
            got = load_file(logits_file)["logits"]
            if got.shape != rows.shape:
                faults.append(f"{where}: logits are {got.shape}, expected {rows.shape}")
                continue
            errors = np.abs(got - rows).max(axis=1) / np.abs(rows).max(axis=1)
            worst = max(worst, float(errors.max())) if np.isfinite(errors).all() else float("inf")
            if not (errors <= ALLOWED_ERROR).all():
                faults.append(f"{where}: position {int(np.argmax(~(errors <= ALLOWED_ERROR)))} is off by {np.nanmax(errors):.2e} of the largest logit")
            loss = reference.negative_log_likelihoods(rows, ids).mean()
            told = json.loads(out)["mean_negative_log_likelihood"]
            if abs(told - loss) > ALLOWED_ERROR * loss:
                faults.append(f"{where}: mean negative log-likelihood {told}, expected {loss}")
        if made is None:
            continue
        code, out, error = philo(command, "run", folder, "--ids-file", ids_file, "--max-new-tokens", new_tokens, "--ignore-eos", *common)
        if code in (2, 4) and "kernels" in error:
            return None, 0, 0, [error]
        if code:
            faults.append(f"{where}: run exits with {code}: {error}")
            continue
        answer = json.loads(out)
        steps = decided(gaps)
        same = next((step for step in range(steps) if answer["ids"][step : step + 1] != made[step : step + 1]), steps)
        equal, due = equal + same, due + steps
        if same < steps:
            faults.append(f"{where}: new token {same} is {answer['ids'][same : same + 1]}, expected {made[same]} with a gap of {gaps[same]:.1e}")
        if len(answer["ids"]) != len(made) or answer["prompt_ids"] != ids:
            faults.append(f"{where}: {len(answer['ids'])} new tokens, expected {len(made)}; or other prompt ids")
    return worst, equal, due, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("philo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", type=int, default=len(FAMILY))
    parser.add_argument("--isa", nargs="*", default=TABLES)
    parser.add_argument("--keep", help="leave the models that fail in this folder")
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    command, failed, compared = os.path.abspath(options.philo), 0, 0
    print(f"{'model':14} {'heads':>9} {'hidden':>6} {'window':>6} {'limit':>5} {'rotary':>6} {'stored':>8}  {'isa':8} {'worst error':>11}  greedy steps equal / decided / asked")
    for index in range(options.models):
        member, seed = FAMILY[index % len(FAMILY)], options.seed * 1000 + index
        random = np.random.default_rng(seed)
        settings = draw(member, random)
        folder = os.path.join(options.keep, f"{member}-{seed}".replace(" ", "-")) if options.keep else tempfile.mkdtemp(prefix="philo-peer-")
        os.makedirs(folder, exist_ok=True)
        write(folder, settings, seed)
        model, prompts = reference.load(folder), edge_prompts(settings, random)
        expected = [(reference.logits(model, ids), *(reference.greedy(model, ids, settings["new_tokens"], settings["max_position_embeddings"]) if continued else (None, None)))
                    for ids, continued in prompts]
        asked = sum(len(made) for _, made, _ in expected if made)
        size, heads = settings["hidden_size"] // settings["num_attention_heads"], f"{settings['num_attention_heads']}/{settings['num_key_value_heads']}"
        said = (f"{member:14} {heads + 'x' + str(size):>9} {settings['hidden_size']:6} {settings['sliding_window'] or '-':>6} "
                f"{settings['original_max_position_embeddings'] if settings['rope_scaling'] else '-':>5} {int(size * settings['partial_rotary_factor']):6} {settings['storage']:>8}")
        bad = False
        for isa in options.isa:
            worst, equal, due, faults = hold(command, folder, isa, prompts, expected, settings["new_tokens"])
            if worst is None:
                print(f"{said}  {isa:8} skipped: {faults[0].splitlines()[0][:100] if faults[0] else ''}", flush=True)
                continue
            compared += 1
            bad = bad or bool(faults)
            print(f"{said}  {isa:8} {worst:11.1e}  {equal} / {due} / {asked}{'  FAILED' if faults else ''}", flush=True)
            for fault in faults:
                print(f"    seed {seed}: {fault}", flush=True)
        failed += bad
        if not (options.keep and bad):
            for name in os.listdir(folder):
                os.remove(os.path.join(folder, name))
            os.rmdir(folder)
    print(f"{options.models} models, {compared} on a table of kernels, {failed} models failed")
    sys.exit(1 if failed or not compared else 0)


if __name__ == "__main__":
    main()
