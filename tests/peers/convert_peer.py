"""Holds the folders that `philo convert` writes against transformers with compressed-tensors.

    python tests/peers/convert_peer.py PHILO [--models NAME ...] [--isa NAME]

The tiny models of tests/data/models, one of each member of the family, and a wider one are converted by every kind of recipe. For each folder:
transformers loads it, and every decompressed weight equals (code - zero point) * scale as NumPy computes it from the file's bytes, no
further from the source than a step of the codes; `philo score --logits` with float activations and KV is within 1e-3 of the largest
logit of transformers' float32 eager forward pass; and `philo run` gives the same greedy tokens, up to the first step at which the
reference's two best logits are closer than twice that.
"""

import argparse
import json
import os
import sys
import tempfile
import warnings

import numpy as np
import torch
from safetensors import safe_open
from transformers import CompressedTensorsConfig, Phi3Config, Phi3ForCausalLM
from transformers.utils import logging

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "golden"))
import reference
import tiny_models
from program import Held, philo

MODELS = os.path.join(ROOT, "tests", "data", "models")
ALLOWED_ERROR = 1e-3
DECIDED_GAP = 2 * ALLOWED_ERROR
NEW_TOKENS = 64
# transformers' code for Phi-3 reads fused projections only.
NOT_FOR_TRANSFORMERS = {"form-split"}
# Wide enough for groups of every size; made here.
WIDE = dict(hidden_size=128, num_attention_heads=2, num_key_value_heads=1, intermediate_size=256, num_hidden_layers=2, max_position_embeddings=512,
            original_max_position_embeddings=512, sliding_window=37, storage="float16")


def recipes(columns):
    """Command lines for a model whose tensors have these numbers of columns."""
    yield from ([f"--weight-format {name}"] for name in ("fp32", "fp16", "int8", "int8 --asym"))
    groups = ["-1"] + [size for size in ("32", "64", "128") if all(count % int(size) == 0 for count in columns)]
    for group in groups:
        yield [f"--weight-format int4 --group-size {group}"]
        yield [f"--weight-format int4 --group-size {group} --asym --backup-format int8-sym"]
    yield ["--weight-format int4 --group-size -1 --ratio 0.6"]
    yield ["--weight-format int4 --group-size -1 --backup-format fp16"]
    yield ["--weight-format int4 --group-size -1 --keep *.o_proj=fp16 --keep layers.1.down=int8-sym --keep *norm*=fp32"]


def read_all(folder):
    tensors = {}
    for name in sorted(os.listdir(folder)):
        if name.startswith("model") and name.endswith(".safetensors"):
            with safe_open(os.path.join(folder, name), "pt") as file:
                tensors.update({key: file.get_tensor(key) for key in file.keys()})
    return tensors


def nibbles(words, count):
    """Eight codes of each 32-bit word along the last axis, the first `count` of a row."""
    shifts = np.arange(8, dtype=np.uint32) * 4
    codes = (words.astype(np.uint32)[..., None] >> shifts) & 15
    return codes.reshape(*words.shape[:-1], -1)[..., :count].astype(np.int32)


def decoded(tensors):
    """{name: (values, step)} of every weight, from the bytes; the step is the magnitude of its scales (0 for floats)."""
    weights = {}
    for key, tensor in tensors.items():
        if key.endswith(".weight_packed"):
            stem = key.removesuffix("_packed")
            rows, columns = tensors[stem + "_shape"].tolist()
            codes, middle = nibbles(tensor.numpy(), columns), 8
            assert codes.shape == (rows, columns), f"{key}: {codes.shape} codes for {rows} x {columns}"
        elif key.endswith(".weight") and tensor.dtype == torch.int8:
            stem, codes, middle = key, tensor.numpy().astype(np.int32) + 128, 128
        elif key.endswith(".weight"):
            weights[key] = tensor.float().numpy(), np.float32(0)
            continue
        else:
            continue
        assert tensors[stem + "_scale"].dtype == torch.float16, f"{stem}_scale is {tensors[stem + '_scale'].dtype}"
        scale = tensors[stem + "_scale"].numpy().astype(np.float32)
        zero = np.full(scale.shape, middle, np.int32)
        if stem + "_zero_point" in tensors:
            stored = tensors[stem + "_zero_point"].numpy()
            zero = nibbles(stored.T, len(codes)).T if stored.dtype == np.int32 else stored.astype(np.int32) + 128
        per_group = codes.shape[1] // scale.shape[1]
        scale, zero = np.repeat(scale, per_group, 1), np.repeat(zero, per_group, 1)
        weights[stem] = (codes - zero).astype(np.float32) * scale, np.abs(scale)
    return weights


def load(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        settings = json.load(file)
    quantized = "quantization_config" in settings
    config = Phi3Config(**reference.renamed(settings))
    extra = {"quantization_config": CompressedTensorsConfig(run_compressed=False)} if quantized else {}
    model = Phi3ForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32, attn_implementation="eager", **extra)
    return model.eval()


def check_weights(model, source, folder):
    faults = []
    weights, originals = decoded(read_all(folder)), decoded(read_all(source))
    loaded = {name: value.detach().float().numpy() for name, value in model.state_dict().items()}
    for name, (values, step) in weights.items():
        original = originals.get(name, originals["model.embed_tokens.weight"])[0]
        if name not in loaded:
            faults.append(f"{name} is not in transformers' model")
        elif not np.array_equal(loaded[name], values):
            faults.append(f"{name}: {int((loaded[name] != values).sum())} of {values.size} weights differ from the intended ones")
        # The side of a symmetric range that has a code less may be cut by one step; scales are rounded to float16.
        limit = 1.01 * step + np.abs(original) * (0 if np.any(step) else 2.0**-10) + 1e-7
        if not np.all(np.abs(values - original) <= limit):
            faults.append(f"{name}: off by up to {np.abs(values - original).max():.3g} from the source, steps are up to {np.max(step):.3g}")
    missing = {name for name in loaded if name.endswith(".weight")} - set(weights) - ({"lm_head.weight"} if model.config.tie_word_embeddings else set())
    if missing:
        faults.append(f"not written: {sorted(missing)}")
    return faults


def check_logits(command, model, folder, prompts, options):
    with tempfile.TemporaryDirectory(prefix="philo-peer-") as work:
        held = Held(command, folder, work, ALLOWED_ERROR, DECIDED_GAP, options)
        for ids in prompts:
            held.prompt(ids, reference.logits(model, ids), *reference.greedy(model, ids, NEW_TOKENS))
    return held


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("philo")
    parser.add_argument("--models", nargs="*", default=[name for name in sorted(os.listdir(MODELS)) if name not in NOT_FOR_TRANSFORMERS])
    parser.add_argument("--isa", help="kernels; the best ones without it")
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.filterwarnings("ignore", message="You passed `quantization_config`")  # load() asks for decompressed weights
    torch.set_num_threads(1)
    command, failed, folders = os.path.abspath(options.philo), 0, 0
    common = ["--activation-format", "fp32", "--kv-format", "fp32"] + (["--isa", options.isa] if options.isa else [])
    print(f"{'model':13} {'bits':>5} {'worst error':>11}  greedy steps equal / decided / asked  recipe")
    wide = tempfile.TemporaryDirectory(prefix="philo-peer-")
    tiny_models.write_checkpoint(wide.name, WIDE, 5)
    for name in [*options.models, "wide"]:
        source = wide.name if name == "wide" else os.path.join(MODELS, name)
        random = np.random.default_rng(len(name))
        prompts = [random.integers(0, 300, length).tolist() for length in (2, 29)]
        columns = {tensor.shape[1] for key, tensor in read_all(source).items() if tensor.dim() == 2 and "_proj" in key}
        for (recipe,) in recipes(columns):
            with tempfile.TemporaryDirectory(prefix="philo-peer-") as root:
                folder = os.path.join(root, "converted")
                code, out, error = philo(command, "convert", source, folder, *recipe.split(), "--json")
                folders += 1
                if code:
                    worst, equal, due, faults, bits = 0.0, 0, 0, [f"convert exits with {code}: {error}"], 0.0
                else:
                    bits = json.loads(out)["bits_per_weight"]
                    model = load(folder)
                    faults = check_weights(model, source, folder)
                    held = check_logits(command, model, folder, prompts, common)
                    worst, equal, due = held.worst, held.equal, held.due
                    faults += held.faults
            failed += bool(faults)
            print(f"{name:13} {bits:5.2f} {worst:11.1e}  {equal} / {due} / {len(prompts) * NEW_TOKENS}  {recipe}{'  FAILED' if faults else ''}", flush=True)
            for fault in faults:
                print(f"    {fault}", flush=True)
    wide.cleanup()
    print(f"{folders} folders of {len(options.models) + 1} models, {failed} failed")
    sys.exit(1 if failed or not folders else 0)


if __name__ == "__main__":
    main()
