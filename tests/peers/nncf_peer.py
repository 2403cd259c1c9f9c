"""Holds `philo convert` against NNCF: the same 4-bit layers, codes, scales and zero points, bit for bit.

    python tests/peers/nncf_peer.py PHILO [--seed N] [--full] [--keep FOLDER]

Makes random models of Phi-3's form: stored in bfloat16, float16 and float32, normal and heavy-tailed (Student's t with two degrees of
freedom), tied and untied, with tensors on both sides of the 10,000 weights at which NNCF changes its code path. optimum-intel exports
each of them once with its weights as they are, NNCF compresses that graph for each set of options, and `philo convert` writes the same
options from the checkpoint. A few sets go through `optimum-cli export openvino` as a whole, which must give the same as the short way.
--full takes every combination and many ratios.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import nncf
import numpy as np
import openvino as ov
import torch
from optimum.exporters.openvino.__main__ import main_export
from optimum.intel.openvino.configuration import OVConfig
from safetensors.torch import load_file, save_file

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "golden"))
import openvino_ir
import tiny_models
import tiny_tokenizer

LARGE = dict(hidden_size=128, intermediate_size=256, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2)
# Its qkv, o and down projections have fewer than 10,000 weights, and only groups of 32 divide its rows of 96.
SMALL = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2)
TASK = "text-generation-with-past"
BACKUPS = {"int8": "int8_asym", "int8-sym": "int8_sym", "fp16": "none"}  # philo's --backup-format, NNCF's --backup-precision
RATIOS = [0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99, 1.0]


@dataclasses.dataclass(frozen=True)
class Model:
    stored: str
    weights: str
    tied: bool
    sizes: str = "large"

    def __str__(self):
        return f"{self.stored} {self.weights} {'tied' if self.tied else 'untied'} {self.sizes}"


@dataclasses.dataclass(frozen=True)
class Options:
    bits: int
    symmetric: bool
    group_size: int = -1
    ratio: float = 1.0
    backup: str = "int8"

    def __str__(self):
        kind = f"int{self.bits} {'sym' if self.symmetric else 'asym'}"
        return kind if self.bits == 8 else f"{kind} group {self.group_size} ratio {self.ratio} backup {self.backup}"

    def for_philo(self):
        chosen = ["--weight-format", f"int{self.bits}", "--sym" if self.symmetric else "--asym"]
        if self.bits == 4:
            chosen += ["--group-size", self.group_size, "--ratio", self.ratio, "--backup-format", self.backup]
        return [str(one) for one in chosen]

    def for_optimum(self):
        chosen = ["--weight-format", f"int{self.bits}"] + (["--sym"] if self.symmetric else [])
        if self.bits == 4:
            chosen += ["--group-size", self.group_size, "--ratio", self.ratio, "--backup-precision", BACKUPS[self.backup]]
        return [str(one) for one in chosen]

    def for_nncf(self):
        mode = nncf.CompressWeightsMode(f"int{self.bits}_{'sym' if self.symmetric else 'asym'}")
        return dict(mode=mode) if self.bits == 8 else dict(mode=mode, group_size=self.group_size, ratio=self.ratio, backup_mode=nncf.BackupMode(BACKUPS[self.backup]))


def grid(full):
    """(model, options, whether optimum-cli runs as a whole)."""
    cookbook = Options(4, True, 128, 0.6)
    if full:
        cases = []
        for model in [Model(stored, weights, tied) for stored in ("bfloat16", "float16", "float32") for weights in ("normal", "heavy") for tied in (False, True)]:
            cases += [(model, Options(4, symmetric, group, ratio, backup), False) for symmetric in (True, False) for group in (32, 64, 128, -1)
                      for ratio, backup in ((1.0, "int8"), (0.6, "int8"), (0.6, "int8-sym"), (0.6, "fp16"))]
            cases += [(model, Options(4, True, 128, ratio), False) for ratio in RATIOS]
            cases += [(model, Options(8, symmetric), False) for symmetric in (True, False)] + [(model, cookbook, True)]
        for model in [Model(stored, "heavy", False, "small") for stored in ("bfloat16", "float16", "float32")]:
            cases += [(model, Options(4, symmetric, group, ratio), False) for symmetric in (True, False) for group in (32, -1) for ratio in RATIOS]
            cases += [(model, Options(8, symmetric), False) for symmetric in (True, False)]
        return cases
    bfloat16, float16, float32 = Model("bfloat16", "heavy", False), Model("float16", "normal", True), Model("float32", "heavy", False)
    small = Model("bfloat16", "heavy", False, "small")
    return [(bfloat16, cookbook, True), (bfloat16, Options(4, False, 32, 0.8), False), (bfloat16, Options(4, True, -1, 0.3), False), (bfloat16, Options(8, False), False),
            (float16, cookbook, False), (float16, Options(4, False, 64, 0.6, "int8-sym"), False), (float16, Options(8, True), False),
            (float32, Options(4, True, 64, 0.6, "fp16"), False), (float32, Options(4, False, -1, 1.0), False), (float32, Options(8, False), True),
            (small, Options(4, True, 32, 0.4), False), (small, Options(4, False, 32, 0.7), False), (small, Options(8, True), False)]


def drawn(random, shape, kind, dtype):
    values = 0.02 * random.standard_normal(shape) if kind == "normal" else 0.01 * random.standard_t(2, shape)
    values[0], values[1], values[2] = 0, 0.05, np.abs(values[2])  # nothing, constant, one-sided
    return torch.tensor(values, dtype=torch.float32).to(dtype)


def write_model(folder, model, seed):
    settings = dict(LARGE if model.sizes == "large" else SMALL, max_position_embeddings=512, original_max_position_embeddings=512, sliding_window=None,
                    tie_word_embeddings=model.tied)
    os.makedirs(folder)
    tiny_models.write_json(os.path.join(folder, "config.json"), tiny_models.published_config(settings, model.stored))
    tiny_models.write_json(os.path.join(folder, "generation_config.json"), {"_from_model_config": True, "bos_token_id": tiny_tokenizer.BOS, "eos_token_id": tiny_tokenizer.END_OF_TEXT})
    tiny_tokenizer.write(folder)
    random, dtype = np.random.default_rng(seed), getattr(torch, model.stored)
    hidden, inner, heads, kv_heads = (settings[key] for key in ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads"))
    shapes = {"self_attn.qkv_proj": ((heads + 2 * kv_heads) * (hidden // heads), hidden), "self_attn.o_proj": (hidden, hidden),
              "mlp.gate_up_proj": (2 * inner, hidden), "mlp.down_proj": (hidden, inner)}
    draw = lambda shape: drawn(random, shape, model.weights, dtype)
    tensors = {"model.embed_tokens.weight": draw((tiny_tokenizer.ROWS, hidden)), "model.norm.weight": torch.ones(hidden, dtype=dtype)}
    for layer in range(settings["num_hidden_layers"]):
        for name, shape in shapes.items():
            tensors[f"model.layers.{layer}.{name}.weight"] = draw(shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.{layer}.{name}.weight"] = torch.ones(hidden, dtype=dtype)
    if not model.tied:
        tensors["lm_head.weight"] = draw((tiny_tokenizer.ROWS, hidden))
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})


def of_ir(graph):
    return {openvino_ir.checkpoint_name(name): one for name, one in openvino_ir.quantized(graph).items()}


def nibbles(words, rows, columns, axis):
    """compressed-tensors' packing: eight codes a 32-bit word along the axis, the lowest bits first."""
    unpacked = np.stack([words.view(np.uint32) >> 4 * i & 15 for i in range(8)], axis=axis + 1)
    shape = (words.shape[0] * 8, words.shape[1]) if axis == 0 else (words.shape[0], words.shape[1] * 8)
    return unpacked.reshape(shape)[:rows, :columns].astype(np.uint8)


def of_philo(folder):
    tensors, found = load_file(os.path.join(folder, "model.safetensors")), {}
    for key in tensors:
        name = key.removesuffix(".weight_scale")
        if name == key:
            continue
        scales = tensors[key].numpy()
        zero_points = tensors.get(f"{name}.weight_zero_point")
        zero_points = None if zero_points is None else zero_points.numpy()
        if f"{name}.weight_packed" in tensors:
            rows, columns = tensors[f"{name}.weight_shape"].tolist()
            codes = nibbles(tensors[f"{name}.weight_packed"].numpy(), rows, columns, 1)
            if zero_points is not None:
                zero_points = nibbles(zero_points, rows, scales.shape[1], 0)
            found[name] = openvino_ir.Quantized(4, zero_points is None, codes, scales, zero_points)
        else:
            codes = tensors[f"{name}.weight"].numpy().view(np.uint8) ^ 128
            zero_points = None if zero_points is None else zero_points.view(np.uint8) ^ 128
            found[name] = openvino_ir.Quantized(8, zero_points is None, codes, scales, zero_points)
    return found


def compare(got, expected, tied):
    """Counts of what was compared, and what differs."""
    got, expected = dict(got), dict(expected)
    if tied and "lm_head" in got:  # philo writes tied weights twice; a tied IR has one constant
        expected["lm_head"] = expected["model.embed_tokens"]
    counts, faults = dict(tensors=0, codes=0, scales=0, zero_points=0), []
    for name in sorted(set(got) | set(expected)):
        mine, theirs = got.get(name), expected.get(name)
        forms = [f"{one.bits} bits, {'sym' if one.symmetric else 'asym'}, {one.scales.shape[1]} groups" if one else "not quantized" for one in (mine, theirs)]
        if forms[0] != forms[1]:
            faults.append(f"{name}: {forms[0]}, NNCF has {forms[1]}")
            continue
        counts["tensors"] += 1
        for part in ("codes", "scales", "zero_points"):
            ours, other = getattr(mine, part), getattr(theirs, part)
            if other is None:
                continue
            counts[part] += other.size
            if ours.dtype != other.dtype or ours.shape != other.shape:
                faults.append(f"{name}: {part} are {ours.dtype} {ours.shape}, NNCF's {other.dtype} {other.shape}")
            elif ours.tobytes() != other.tobytes():
                unequal = np.argwhere(np.ascontiguousarray(ours).view(np.uint16 if part == "scales" else np.uint8) != np.ascontiguousarray(other).view(np.uint16 if part == "scales" else np.uint8))
                row, column = unequal[0]
                faults.append(f"{name}: {len(unequal)} {part} of {other.size} differ, first at ({row}, {column}): {ours[row, column]}, NNCF has {other[row, column]}")
    return counts, faults


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} exits with {done.returncode}: {done.stderr.strip()[-2000:]}")


@contextlib.contextmanager
def quiet():
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("philo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--keep", help="leave models and conversions in this folder")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    nncf.set_log_level(logging.ERROR)
    philo, core, exported = os.path.abspath(asked.philo), ov.Core(), {}
    sums, failed = dict(tensors=0, codes=0, scales=0, zero_points=0), 0
    cases = grid(asked.full)
    with contextlib.ExitStack() as stack:
        work = asked.keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="philo-nncf-"))
        os.makedirs(work, exist_ok=True)
        print(f"{'model':30} {'options':48} {'by':8} {'4-bit':>6} {'tensors':>7} {'codes':>8} {'scales':>7} {'zero points':>11}")
        for index, (model, options, whole) in enumerate(cases):
            source = os.path.join(work, str(model).replace(" ", "-"))
            if model not in exported:
                write_model(source, model, asked.seed * 1000 + len(exported))
                exported[model] = source + "-ir"
                with quiet():
                    main_export(source, exported[model], task=TASK, convert_tokenizer=False, ov_config=OVConfig(quantization_config=dict(bits=4, sym=True, group_size=128, ratio=0.6)))
            with quiet():
                graph = nncf.compress_weights(core.read_model(os.path.join(exported[model], "openvino_model.xml")), **options.for_nncf())
            expected, made = of_ir(graph), os.path.join(work, f"{index}-philo")
            run([philo, "convert", source, made, *options.for_philo()])
            held = [("NNCF", of_philo(made), expected)]
            if whole:
                made = os.path.join(work, f"{index}-optimum")
                run([os.path.join(os.path.dirname(sys.executable), "optimum-cli"), "export", "openvino", "--model", source, "--task", TASK, *options.for_optimum(), made])
                held.append(("optimum", held[0][1], of_ir(core.read_model(os.path.join(made, "openvino_model.xml")))))
            for by, got, wanted in held:
                counts, faults = compare(got, wanted, model.tied)
                failed += bool(faults) or not counts["tensors"]
                for key, count in counts.items():
                    sums[key] += count
                chosen = sum(one.bits == 4 for one in wanted.values())
                print(f"{str(model):30} {str(options):48} {by:8} {chosen:6} {counts['tensors']:7} {counts['codes']:8} {counts['scales']:7} {counts['zero_points']:11}{'  FAILED' if faults else ''}", flush=True)
                for fault in faults:
                    print(f"    {fault}", flush=True)
    print(f"{len(cases)} conversions of {len(exported)} models, {failed} failed; compared " + json.dumps(sums))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
