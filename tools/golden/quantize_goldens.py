"""Writes what NNCF makes of small matrices and which layers it chooses: tests/data/quantize/{rows.safetensors,layers.json}.

    python tools/golden/quantize_goldens.py tests/data/quantize

Needs the packages of tests/peers/requirements.txt and a CPU with AVX-512 (the sums of errors follow the width of OpenVINO's vectors).
rows.safetensors, for each stored type and for a matrix on either side of the 10,000 weights at which NNCF changes from NumPy to OpenVINO:

  TYPE.SIZE.weights                             (rows, columns)  random, heavy-tailed, constant, one-sided, tiny, huge, on rounding borders
  TYPE.SIZE.intBITS.GROUP.sym|asym.codes        (rows, bytes)    unsigned, 4 bits two a byte, low nibble first
  TYPE.SIZE.intBITS.GROUP.sym|asym.scales       (rows, groups)   float16
  TYPE.SIZE.intBITS.GROUP.asym.zero_points      (rows, groups)
  TYPE.SIZE.int8_error                          (1)              largest mean square of a row under 8 bits

layers.json: for each model its layers in NNCF's order with scores, and those that become 4-bit at each ratio.
"""

import contextlib
import io
import json
import logging
import os
import sys

import numpy as np
import nncf
import openvino as ov
from nncf.quantization.algorithms.weight_compression import mixed_precision
from nncf.quantization.algorithms.weight_compression.config import WeightCompressionConfig
from nncf.quantization.algorithms.weight_compression.weight_lowering import get_integer_quantization_error
from nncf.tensor import Tensor
from openvino import opset13 as opset
from safetensors.torch import save_file
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "peers"))
import openvino_ir

COLUMNS = 128
TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
GROUPS = (32, 64, -1)
# Not 0, which NNCF takes for "not given", that is 1.
RATIOS = [0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99, 1.0]


def rows_of_every_kind(random, largest):
    n, steps = COLUMNS, np.arange(COLUMNS)
    normal = lambda: random.standard_normal(n)
    kinds = [0.02 * normal() for _ in range(6)] + [0.01 * random.standard_t(2, n) for _ in range(8)]
    kinds += [normal() * 10.0 ** random.uniform(-6, 3) for _ in range(8)]
    kinds += [np.abs(normal()) + 0.1, -np.abs(normal()) - 0.1, np.full(n, 0.37), np.full(n, -0.37), np.zeros(n), np.full(n, -0.0)]
    kinds += [normal() * 1e-7, normal() * 3e-6, normal() * 1e-41, np.where(steps == 5, 3.0, 0.01 * normal()), np.where(steps == 70, -3.0, 0.01 * normal())]
    kinds += [np.where(steps % 2 == 0, 0.25, -0.25), np.where(steps % 2 == 0, 0.75, -0.7500001), normal() * largest / 5]
    kinds += [(steps % 31 - 16) / 2, -(steps % 31 - 16) / 2, (steps % 61) / 2 - 15, (steps % 510 - 200) / 2]  # halves of codes: rounding to even
    kinds += [np.where(steps < 64, 0.0, normal()), normal() + 5, normal() - 5, np.where(steps == 0, 1e-20, 0.0)]
    return np.array(kinds)


def constant(stored):
    """The tensor as an OpenVINO constant of its own type."""
    names = {torch.float32: ov.Type.f32, torch.float16: ov.Type.f16, torch.bfloat16: ov.Type.bf16}
    raw = stored.contiguous().view(torch.uint8).numpy()
    tensor = ov.Tensor(names[stored.dtype], ov.Shape(list(stored.shape)))
    np.copyto(tensor.data.view(np.uint8).reshape(-1), raw.reshape(-1))
    return opset.constant(tensor, shared_memory=False)


def network(matrices):
    """A chain of multiplications by the matrices (rows, columns), as an exporter writes them."""
    tokens = opset.parameter([-1, matrices[0][1].shape[1]], dtype=ov.Type.f32, name="x")
    value = tokens
    for name, stored in matrices:
        weight = constant(stored)
        weight.set_friendly_name(name)
        if stored.dtype != torch.float32:
            weight = opset.convert(weight, ov.Type.f32)
        value = opset.matmul(value, weight, transpose_a=False, transpose_b=True)
        value = opset.relu(value)
    return ov.Model([value], [tokens])


def compressed(model, **arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return nncf.compress_weights(model, **arguments)


def pack(codes):
    return codes[:, 0::2] | codes[:, 1::2] << 4


def write_rows(folder):
    tensors = {}
    for dtype, (type_name, torch_type) in enumerate(TYPES.items()):
        for size in ("small", "large"):
            random = np.random.default_rng(100 * dtype + (size == "large"))
            kinds = rows_of_every_kind(random, 60000.0 if type_name == "F16" else 3e6)
            if size == "large":  # 10,000 weights and more
                kinds = np.concatenate([kinds, [0.02 * random.standard_t(2, COLUMNS) for _ in range(80 - len(kinds))]])
            stored = torch.tensor(kinds, dtype=torch.float64).to(torch.float32).to(torch_type)
            key = f"{type_name}.{size}"
            tensors[f"{key}.weights"] = stored
            assert (stored.numel() < 10000) == (size == "small")
            for bits in (4, 8):
                for group in GROUPS if bits == 4 else (-1,):
                    for kind in ("sym", "asym"):
                        mode = nncf.CompressWeightsMode(f"int{bits}_{kind}")
                        arguments = dict(mode=mode) if bits == 8 else dict(mode=mode, group_size=group, ratio=1.0, all_layers=True)
                        (made,) = openvino_ir.quantized(compressed(network([("weights", stored)]), **arguments)).values()
                        assert (made.bits, made.symmetric) == (bits, kind == "sym")
                        name = f"{key}.int{bits}.{group}.{kind}"
                        tensors[name + ".codes"] = torch.from_numpy(pack(made.codes) if bits == 4 else made.codes)
                        tensors[name + ".scales"] = torch.from_numpy(made.scales)
                        if kind == "asym":
                            tensors[name + ".zero_points"] = torch.from_numpy(made.zero_points)
            error = get_integer_quantization_error(Tensor(constant(stored).get_data(dtype=np.float32)), (1,), WeightCompressionConfig(), reduction="max_mean")
            tensors[f"{key}.int8_error"] = torch.tensor([error], dtype=torch.float32)
    save_file(tensors, os.path.join(folder, "rows.safetensors"))


@contextlib.contextmanager
def recorded_scores(record):
    plain = mixed_precision.DataFreeCriterion._calc_sensitivity

    def recording(self, model, graph, parameters, points=None):
        scores = plain(self, model, graph, parameters, points)
        record[:] = [{"name": one.weight_name, "weights": int(one.num_weights), "score": score} for one, score in zip(parameters, scores)]
        return scores

    mixed_precision.DataFreeCriterion._calc_sensitivity = recording
    try:
        yield
    finally:
        mixed_precision.DataFreeCriterion._calc_sensitivity = plain


def write_layers(folder):
    """Twelve layers of three sizes; "tiny" has weights so small that half precision's epsilon makes most scores equal."""
    models = []
    for case, (type_name, torch_type) in enumerate([*TYPES.items()] + [("BF16", torch.bfloat16)]):
        tiny = case == len(TYPES)
        random = np.random.default_rng(200 + case)
        matrices = []
        for layer in range(12):
            rows = (64, 64, 64, 256)[layer % 4]
            columns = (64, 64, 64, 64, 256)[4 if layer and layer % 4 == 0 else 0]
            spread = 1e-13 if tiny and layer % 3 else 10.0 ** random.uniform(-3, 0)
            matrices.append((f"layer.{layer}", torch.tensor(random.standard_t(3, (rows, columns)) * spread, dtype=torch.float32).to(torch_type)))
        choices, layers = [], []
        for ratio in RATIOS:
            scores = []
            with recorded_scores(scores):
                model = compressed(network(matrices + [("head", matrices[0][1][:, :64].repeat(1, 4))]), mode=nncf.CompressWeightsMode.INT4_SYM, group_size=32, ratio=ratio)
            layers = scores or layers
            found = openvino_ir.quantized(model)
            choices.append({"ratio": ratio, "int4": sorted(name for name, one in found.items() if one.bits == 4)})
        models.append({"stored": type_name, "layers": layers, "choices": choices})
    with open(os.path.join(folder, "layers.json"), "w", encoding="utf-8", newline="\n") as file:
        lines = (json.dumps(model).replace('{"name"', '\n{"name"').replace('{"ratio"', '\n{"ratio"') for model in models)
        file.write('{\n"models": [' + ",\n".join(lines) + "]\n}\n")


def main():
    nncf.set_log_level(logging.ERROR)
    os.makedirs(sys.argv[1], exist_ok=True)
    write_rows(sys.argv[1])
    write_layers(sys.argv[1])


if __name__ == "__main__":
    main()
