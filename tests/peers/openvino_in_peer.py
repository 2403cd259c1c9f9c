"""Holds philo's reading of OpenVINO folders against OpenVINO itself.

    python tests/peers/openvino_in_peer.py PHILO [--exports FOLDER ...]

optimum-cli exports tiny models in every precision (fp32, fp16, int8, int4 by groups, mixed, AWQ), or folders are given that were exported
before. For each: `philo convert --weight-format fp32` holds exactly (code - zero point) * scale of the codes that OpenVINO's own reader
finds in the graph; `philo score --logits` is within 1e-3 of the largest logit that OpenVINO's CPU plugin computes in float32; and
`philo run` gives OpenVINO's greedy tokens, each computed from the whole sequence, up to the first step at which OpenVINO's two best
logits are closer than twice that.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import openvino as ov
from safetensors.numpy import load_file

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "golden"))
import openvino_ir
import tiny_models
from program import Held, philo

MODELS = os.path.join(ROOT, "tests", "data", "models")
WIDE = dict(hidden_size=128, num_attention_heads=2, num_key_value_heads=1, intermediate_size=256, num_hidden_layers=3, max_position_embeddings=512,
            original_max_position_embeddings=512, sliding_window=37, storage="float16")
# What is exported; LongRoPE, windows, partial rotation, shared heads and a tied head are among the models.
EXPORTS = [("wide", "--weight-format fp32"), ("wide", "--weight-format fp16"), ("wide", "--weight-format int4 --group-size 128 --ratio 0.6 --sym"),
           ("wide", "--weight-format int4 --group-size 64 --ratio 1.0 --awq"), ("wide", "--weight-format int4 --group-size -1 --ratio 0.8"),
           ("mini-4k", "--weight-format int8"), ("mini-128k", "--weight-format int4 --group-size 32 --ratio 1.0"),
           ("phi-4-mini", "--weight-format int4 --group-size 32 --ratio 1.0 --sym"), ("medium-128k", "--weight-format int8 --sym"),
           ("form-float16", "--weight-format fp16")]
EXACT = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
ALLOWED_ERROR = 1e-3
# An export to fp16 rounds the rotation's frequencies, too; philo takes them from config.json.
ALLOWED_ROUNDED = 1e-2
NEW_TOKENS = 32


class Graph:
    def __init__(self, folder):
        core = ov.Core()
        self.model = core.read_model(os.path.join(folder, "openvino_model.xml"))
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        # optimum-intel before 2.0 leaves LongRoPE's long factors out; philo has them.
        chooses = any(one.get_type_name() == "Select" and "rotary_emb" in one.get_friendly_name() for one in self.model.get_ordered_ops())
        self.context = config["max_position_embeddings"] if chooses or not config.get("rope_scaling") else config["original_max_position_embeddings"]
        self.request = core.compile_model(self.model, "CPU", EXACT).create_infer_request()

    def logits(self, ids):
        self.request.reset_state()
        tokens = np.array([ids], np.int64)
        self.request.infer({"input_ids": tokens, "attention_mask": np.ones_like(tokens), "position_ids": np.arange(len(ids), dtype=np.int64)[None],
                            "beam_idx": np.zeros(1, np.int32)})
        return self.request.get_tensor("logits").data[0].astype(np.float32)

    def greedy(self, ids, count):
        made, gaps = [], []
        for _ in range(count):
            best = self.logits(ids + made)[-1]
            first, second = np.partition(best, -2)[[-1, -2]]
            made.append(int(best.argmax()))
            gaps.append(float((first - second) / np.abs(best).max()))
        return made, gaps


def awq_factors(model):
    """{layer: factors} of the multiplications that AWQ put before down projections."""
    found = {}
    for operation in model.get_ordered_ops():
        name = operation.get_friendly_name()
        if operation.get_type_name() == "Multiply" and name.endswith("awq_mul"):
            found[int(name.split("layers.")[1].split(".")[0])] = np.array(openvino_ir.above(operation.input_value(1).get_node(), ("Convert",)).data, np.float32).reshape(-1)
    return found


def check_codes(philo_command, folder, model, work):
    """Numbers compared, faults."""
    plain = os.path.join(work, "plain")
    code, _, error = philo(philo_command, "convert", folder, plain, "--weight-format", "fp32")
    if code:
        return 0, [f"convert exits with {code}: {error}"]
    tensors, factors, compared, faults = load_file(os.path.join(plain, "model.safetensors")), awq_factors(model), 0, []
    for constant, one in openvino_ir.quantized(model).items():
        name = openvino_ir.checkpoint_name(constant)
        groups = one.scales.shape[1]
        scales = np.repeat(one.scales.astype(np.float32), one.codes.shape[1] // groups, 1)
        zero = np.full(one.scales.shape, 1 << one.bits - 1, np.int32) if one.zero_points is None else one.zero_points.astype(np.int32)
        if factors and name.endswith("gate_up_proj"):
            half = len(scales) // 2
            scales[half:] *= factors[int(name.split(".")[2])][:, None]
        expected = (one.codes.astype(np.int32) - np.repeat(zero, one.codes.shape[1] // groups, 1)).astype(np.float32) * scales
        if name + ".weight" not in tensors:
            faults.append(f"{name} is not in philo's model")
            continue
        got = tensors[name + ".weight"]
        compared += got.size
        if got.shape != expected.shape or got.tobytes() != expected.tobytes():
            faults.append(f"{name}: {int((got != expected).sum())} of {expected.size} numbers differ")
    return compared, faults


def check_numbers(command, folder, graph, work, rounded):
    allowed, random = ALLOWED_ROUNDED if rounded else ALLOWED_ERROR, np.random.default_rng(7)
    held = Held(command, folder, work, allowed, 2 * allowed, ["--activation-format", "fp32", "--kv-format", "fp32"])
    for length in (2, 29, 60, 130):
        ids = random.integers(0, 300, length).tolist()
        steps = min(NEW_TOKENS, graph.context - length)
        if steps >= 1:
            held.prompt(ids, graph.logits(ids), *graph.greedy(ids, steps))
    return held


def export(work):
    for index, (name, options) in enumerate(EXPORTS):
        source, target = os.path.join(MODELS, name), os.path.join(work, f"{index}-{name}")
        if name == "wide":
            source = os.path.join(work, "wide")
            if not os.path.isdir(source):
                os.makedirs(source)
                tiny_models.write_checkpoint(source, WIDE, 5)
        done = subprocess.run([os.path.join(os.path.dirname(sys.executable), "optimum-cli"), "export", "openvino", "--model", source, "--task", "text-generation-with-past",
                               *options.split(), target], capture_output=True, text=True, timeout=1800)
        if done.returncode:
            raise RuntimeError(f"optimum-cli exits with {done.returncode}: {done.stderr.strip()[-2000:]}")
        yield target, f"{name} {options}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("philo")
    parser.add_argument("--exports", nargs="*", help="folders that optimum exported before")
    asked = parser.parse_args()
    command, failed, folders = os.path.abspath(asked.philo), 0, 0
    print(f"{'numbers':>8} {'worst error':>11}  greedy steps equal / decided  export")
    with tempfile.TemporaryDirectory(prefix="philo-openvino-in-") as root:
        for folder, text in [(one, os.path.basename(one.rstrip("/"))) for one in asked.exports] if asked.exports else export(root):
            with tempfile.TemporaryDirectory(prefix="philo-openvino-in-") as work:
                graph = Graph(folder)
                compared, faults = check_codes(command, folder, graph.model, work)
                rounded = "fp16" in text
                held = check_numbers(command, folder, graph, work, rounded)
                faults += held.faults
            folders += 1
            failed += bool(faults)
            print(f"{compared:8} {held.worst:11.1e}  {held.equal} / {held.due}  {text}{'  FAILED' if faults else ''}", flush=True)
            for fault in faults:
                print(f"    {fault}", flush=True)
    print(f"{folders} folders, {failed} failed")
    sys.exit(1 if failed or not folders else 0)


if __name__ == "__main__":
    main()
