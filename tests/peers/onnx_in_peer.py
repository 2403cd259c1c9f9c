"""Holds philo's reading of ONNX Runtime GenAI's folders against onnxruntime and onnxruntime-genai themselves.

    python tests/peers/onnx_in_peer.py PHILO [NAME ...]

The builder of onnxruntime-genai makes tiny models: every precision, block size, algorithm and form of graph, pairwise over members of the
family. For each: codes, scales and zero points of `philo convert --to philo` are those of the builder's file, bit for bit; `philo score
--logits` is near the logits that plain onnxruntime computes from that file; and `philo run` gives the greedy text of onnxruntime_genai, below
the window and LongRoPE's limit, up to the first step at which onnxruntime's two best logits are too close to decide. Graphs for devices that
are not at hand are held by their codes, and by the answers of the same model's CPU folder. philo's own folders go to ONNX and back with the
same numbers. What must be refused is.
"""

import contextlib
import io
import json
import logging
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime_genai.models import builder
from safetensors import safe_open
from safetensors.numpy import load_file

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "golden"))
import tiny_models
import transformers
from program import Held, philo

MODELS = os.path.join(ROOT, "tests", "data", "models")
WIDE = dict(hidden_size=128, num_attention_heads=2, num_key_value_heads=1, intermediate_size=256, num_hidden_layers=3, max_position_embeddings=512,
            original_max_position_embeddings=512, sliding_window=200, storage="float16")
# Partial rotation, shared embedding, LongRoPE; in sizes that onnxruntime's kernels take.
TIED = dict(hidden_size=128, num_attention_heads=2, num_key_value_heads=1, intermediate_size=128, num_hidden_layers=2, max_position_embeddings=2048,
            original_max_position_embeddings=96, sliding_window=262144, partial_rotary_factor=0.75, tie_word_embeddings=True,
            rope_scaling=tiny_models.long_rope(48, "longrope", 1.0, 47.77))
MADE = {"wide": WIDE, "tied": TIED}
PADDED_GROUP = 32
# Name, model, precision, target, options.
FOLDERS = [("fp32", "mini-4k", "fp32", "cpu", ""),
           ("long-rope", "mini-128k", "fp32", "cpu", ""),
           ("theta", "phi-4", "fp32", "cpu", "fuse_qkv=false"),
           ("tied", "tied", "fp32", "cpu", "shared_embeddings=true"),
           ("int4-32", "wide", "int4", "cpu", "block_size=32 accuracy_level=1"),
           ("int4-16-asym", "wide", "int4", "cpu", "block_size=16 is_symmetric=false accuracy_level=1"),
           ("int4-64-asym", "wide", "int4", "cpu", "block_size=64 is_symmetric=false accuracy_level=1 prune_lm_head=true"),
           ("int4-128-gather", "wide", "int4", "cpu", "block_size=128 is_symmetric=false accuracy_level=1 op_types_to_quantize=MatMul/Gather"),
           ("int4-gather", "wide", "int4", "cpu", "block_size=32 accuracy_level=1 op_types_to_quantize=MatMul/Gather"),
           ("k-quant-mixed", "wide", "int4", "cpu", "block_size=32 algo_config=k_quant_mixed accuracy_level=1"),
           ("rtn-last", "wide", "int4", "cpu", "block_size=32 algo_config=rtn_last accuracy_level=1 nodes_to_exclude=/model/layers.0/mlp/down_proj/MatMul"),
           ("padded", "mini-4k", "int4", "cpu", f"block_size={PADDED_GROUP} is_symmetric=false accuracy_level=1"),
           ("int4-tied", "tied", "int4", "cpu", "block_size=32 accuracy_level=1"),
           ("int8", "wide", "int8", "cpu", "block_size=64 accuracy_level=1"),
           ("int8-asym", "wide", "int8", "cpu", "block_size=32 is_symmetric=false accuracy_level=1 include_hidden_states=true"),
           ("qdq", "wide", "int4", "cpu", "block_size=32 use_qdq=true accuracy_level=1"),
           ("qdq-asym", "wide", "int4", "cpu", "block_size=128 use_qdq=true is_symmetric=false accuracy_level=1"),
           ("dml", "mini-128k", "int4", "dml", "block_size=32"),
           ("dml-fp16", "tied", "fp16", "dml", ""),
           ("cuda-fused", "wide", "int4", "cuda", "block_size=32 fuse_mlp_gate_up=true"),
           ("cuda-paged", "wide", "fp16", "cuda", "use_paged_attention=true"),
           ("cuda-bf16", "mini-3.5", "bf16", "cuda", ""),
           ("cpu-fp16", "phi-4", "fp16", "cpu", ""),
           ("webgpu", "mini-128k", "int4", "webgpu", "block_size=32 enable_webgpu_graph=true"),
           ("tensorrt", "wide", "int4", "NvTensorRtRtx", "")]
# Target and recipe of philo's own folders that go to ONNX and back.
ROUND_TRIPS = [("wide", "cpu --weight-format int4 --group-size 128"), ("mini-128k", "cpu --weight-format int4 --group-size 32 --asym --ratio 0.6"), ("mini-128k", "dml --weight-format int8"),
               ("tied", "cpu --weight-format int4 --group-size 64 --sym"), ("medium-4k", "cuda --weight-format fp16"), ("mini-3.5", "webgpu --weight-format int4 --group-size -1"),
               ("form-float32", "cpu --weight-format fp32"), ("phi-4-mini", "cpu --weight-format fp16")]
REFUSED = [("exclude_embeds", "wide", "int4", "cpu", "exclude_embeds=true", "exclude_embeds"),
           ("exclude_lm_head", "wide", "int4", "cpu", "exclude_lm_head=true", "exclude_lm_head"),
           ("prepacked", "wide", "int4", "cuda", "block_size=128 matmulnbits_weights_prepacked=1", "packed for one kind of CUDA device")]
ALLOWED_ERROR = 1e-3
# Graphs for other devices round their norms, and bfloat16's rotary tables tell the frequencies less exactly.
ALLOWED_ROUNDED = 2e-3
# onnxruntime would make MatMulNBits with int8 activations of DequantizeLinear and MatMul.
QDQ_ACCURACY = ("session.qdq_matmulnbits_accuracy_level", "1")
NEW_TOKENS = 24


def build(source, target, precision, provider, options):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        extra = builder.parse_extra_options("model", source, target, precision, provider, target + "-cache", options.split())
        builder.create_model("model", source, target, precision, provider, target + "-cache", **extra)
    path = os.path.join(target, "genai_config.json")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    config["model"]["decoder"]["session_options"][QDQ_ACCURACY[0]] = QDQ_ACCURACY[1]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)


class Reference:
    """The builder's file on plain onnxruntime, each prompt computed whole."""

    def __init__(self, folder):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.add_session_config_entry(*QDQ_ACCURACY)
        self.session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"), options, providers=["CPUExecutionProvider"])
        with open(os.path.join(folder, "genai_config.json"), encoding="utf-8") as file:
            self.decoder = json.load(file)["model"]["decoder"]

    def logits(self, ids):
        feeds = {"input_ids": np.array([ids], np.int64), "attention_mask": np.ones((1, len(ids)), np.int64)}
        for one in self.session.get_inputs():
            if one.name.startswith("past_key_values"):
                feeds[one.name] = np.zeros((1, self.decoder["num_key_value_heads"], 0, self.decoder["head_size"]), np.float32)
        return self.session.run(["logits"], feeds)[0][0]


def gaps_of(logits, made, length):
    """Of each greedy step, by the logits of the whole text at once; -1 where the token is another than the best."""
    gaps = []
    for step, token in enumerate(made):
        row = logits[length - 1 + step]
        first, second = np.partition(row, -2)[[-1, -2]]
        gaps.append(float((first - second) / np.abs(row).max()) if int(row.argmax()) == token else 0.0)
    return gaps


def greedy(folder, ids, count):
    import onnxruntime_genai as og
    model = og.Model(folder)
    parameters = og.GeneratorParams(model)
    parameters.set_search_options(max_length=len(ids) + count, min_length=len(ids) + count, do_sample=False)
    generator = og.Generator(model, parameters)
    generator.append_tokens(np.array([ids], np.int32))
    made = []
    while not generator.is_done() and len(made) < count:
        generator.generate_next_token()
        made.append(int(generator.get_next_tokens()[0]))
    return made


def nibbles(data, columns):
    """(rows, bytes) to (rows, columns)."""
    return np.stack([data & 15, data >> 4], -1).reshape(len(data), -1)[:, :columns]


def codes_of(graph):
    """{weight's place in the graph: (codes (rows, columns), scales (rows, groups), zero points or nothing)} of the builder's file."""
    constants = {one.name: one for one in graph.initializer}
    array = lambda name: numpy_helper.to_array(constants[name])
    found = {}
    for node in graph.node:
        attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        if node.op_type == "MatMulNBits":
            rows, columns, bits = attributes["N"], attributes["K"], attributes["bits"]
            groups = -(-columns // attributes["block_size"])
            data = array(node.input[1]).reshape(rows, -1)
            codes = nibbles(data, columns) if bits == 4 else data[:, :columns]
            zero = None
            if len(node.input) > 3 and node.input[3]:
                data = array(node.input[3]).reshape(rows, -1)
                zero = nibbles(data, groups) if bits == 4 else data
            found[node.output[0]] = (codes, array(node.input[2]).reshape(rows, groups), zero)
        elif node.op_type == "DequantizeLinear":
            signed = constants[node.input[0]].data_type == onnx.TensorProto.INT4
            codes = (array(node.input[0]).astype(np.int8) + (8 if signed else 0)).astype(np.uint8).T
            zero = (array(node.input[2]).astype(np.int8).astype(np.uint8) & 15).T if len(node.input) > 2 else None
            found[next(one.output[0] for one in graph.node if node.output[0] in one.input)] = (codes, array(node.input[1]).T, zero)
    return found


def place_of(output):
    """"/model/layers.0/attn/qkv_proj/MatMul/output_0" is "model.layers.0.self_attn.qkv_proj"."""
    if output == "logits" or "lm_head" in output:
        return "lm_head"
    return output.removeprefix("/").split("/MatMul")[0].replace("/attn/", "/self_attn/").replace("/", ".")


def stored(tensors, name):
    """Codes, scales, zero points of a module in philo's folder."""
    scales = tensors[name + ".weight_scale"]
    if name + ".weight_packed" in tensors:
        rows, columns = (int(one) for one in tensors[name + ".weight_shape"])
        words = tensors[name + ".weight_packed"].view(np.uint32)
        codes = np.stack([words >> shift & 15 for shift in range(0, 32, 4)], -1).reshape(rows, -1)[:, :columns]
        zero = tensors.get(name + ".weight_zero_point")
        if zero is not None:
            zero = np.stack([zero.view(np.uint32) >> shift & 15 for shift in range(0, 32, 4)], 1).reshape(-1, zero.shape[1])[:rows]
        return codes, scales, zero
    codes, zero = tensors[name + ".weight"], tensors.get(name + ".weight_zero_point")
    return (codes.view(np.uint8) ^ 128), scales, None if zero is None else zero.view(np.uint8) ^ 128


def check_codes(command, folder, work):
    """Numbers compared, faults."""
    expected = codes_of(onnx.load(os.path.join(folder, "model.onnx")).graph)
    if not expected:
        return 0, []
    target, plain = os.path.join(work, "kept"), os.path.basename(folder) == "padded"
    code, _, error = philo(command, "convert", folder, target, *(["--weight-format", "fp32"] if plain else []))
    if code:
        return 0, [f"convert exits with {code}: {error}"]
    compared, faults = 0, []
    with safe_open(os.path.join(target, "model.safetensors"), "np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    for output, (codes, scales, zero) in expected.items():
        name = place_of(output)
        if plain:  # philo's own folders have no groups that end before their last column
            group = PADDED_GROUP
            values = (codes.astype(np.int32) - np.repeat(zero, group, 1)[:, : codes.shape[1]].astype(np.int32)).astype(np.float32) * np.repeat(scales, group, 1)[:, : codes.shape[1]]
            compared += codes.size
            if tensors[name + ".weight"].tobytes() != values.tobytes():
                faults.append(f"{name}: numbers differ")
            continue
        got = stored(tensors, name) if name + ".weight_scale" in tensors else stored(tensors, "model.embed_tokens")
        compared += codes.size
        same = np.array_equal(got[0], codes) and got[1].astype(np.float32).tobytes() == np.ascontiguousarray(scales).astype(np.float32).tobytes()
        if not same or (zero is None) != (got[2] is None) or (zero is not None and not np.array_equal(got[2], zero)):
            faults.append(f"{name}: codes, scales or zero points differ")
    return compared, faults


def check_numbers(command, folder, work, model, reference_folder, rounded):
    allowed, random = ALLOWED_ROUNDED if rounded else ALLOWED_ERROR, np.random.default_rng(7)
    held = Held(command, folder, work, allowed, 2 * allowed, ["--activation-format", "fp32", "--kv-format", "fp32", "--weight-format", "fp32"])
    reference = Reference(reference_folder)
    pruned = len(reference.logits([1, 2])) == 1
    limit = {"mini-4k": 37, "mini-128k": 64, "mini-3.5": 64, "tied": 96}.get(model, 180)
    for length in (2, limit // 2 - 4):
        ids = random.integers(0, 300, length).tolist()
        steps = min(NEW_TOKENS, limit - length - 1)
        made = greedy(reference_folder, ids, steps)
        if pruned:
            rows = np.stack([reference.logits((ids + made)[: count + 1])[0] for count in range(length + len(made))])
        else:
            rows = reference.logits(ids + made)
        held.prompt(ids, rows[:length].astype(np.float32), made, gaps_of(rows, made, length))
    return held


def check_round_trip(command, source, work, options):
    """philo's own folder, as ONNX and back: the numbers that the two stand for are equal, bit for bit. Faults."""
    made = [os.path.join(work, name) for name in ("coded", "onnx", "back", "plain", "plain-back")]
    target = ["--onnx-target", options.split()[0], *(["--weight-format", options.split()[2]] if options.split()[2].startswith("fp") else [])]
    for arguments in ([source, made[0], *options.split()[1:]], [made[0], made[1], "--to", "onnx", *target], [made[0], made[3], "--weight-format", "fp32"],
                      [made[1], made[4], "--weight-format", "fp32"]):
        code, _, error = philo(command, "convert", *arguments)
        if code:
            return [f"convert {arguments[1:]} exits with {code}: {error}"]
    first, second = (load_file(os.path.join(folder, "model.safetensors")) for folder in (made[3], made[4]))
    faults = []
    for name, tensor in first.items():
        parts = [second[other] for other in parts_of(name) if other in second]
        if name == "lm_head.weight" and not parts:
            parts = [second["model.embed_tokens.weight"]]
        if not parts or np.concatenate(parts).tobytes() != tensor.tobytes():
            faults.append(f"{name} is another after the round trip, or not there")
    return faults


def parts_of(name):
    """A tensor's names where the graph has it in parts."""
    if name.endswith("qkv_proj.weight"):
        return [name] + [name.replace("qkv_proj", part) for part in ("q_proj", "k_proj", "v_proj")]
    if name.endswith("gate_up_proj.weight"):
        return [name] + [name.replace("gate_up_proj", part) for part in ("gate_proj", "up_proj")]
    return [name]


def main():
    transformers.logging.set_verbosity_error()
    logging.disable(logging.INFO)
    command, wanted = os.path.abspath(sys.argv[1]), set(sys.argv[2:])
    failed = folders = 0
    print(f"{'codes':>8} {'worst error':>11}  greedy steps equal / decided  folder")
    with tempfile.TemporaryDirectory(prefix="philo-onnx-in-") as root:
        sources = {name: os.path.join(root, name + "-source") for name in MADE}
        for name, settings in MADE.items():
            os.makedirs(sources[name])
            with contextlib.redirect_stderr(io.StringIO()):
                tiny_models.write_checkpoint(sources[name], settings, 5)
        source = lambda model: sources.get(model) or os.path.join(MODELS, model)
        for name, model, precision, provider, options in FOLDERS:
            if wanted and name not in wanted:
                continue
            folder = os.path.join(root, name)
            build(source(model), folder, precision, provider, options)
            reference, rounded = folder, False
            if provider != "cpu" or precision == "fp16":  # onnxruntime's CPU provider has not all of its kernels
                reference, rounded = folder + "-cpu", True
                build(source(model), reference, "fp32" if precision in ("fp16", "bf16") else precision, "cpu", "accuracy_level=1 block_size=32" + (" use_qdq=true" if provider == "NvTensorRtRtx" else "") if precision == "int4" else "")
            with tempfile.TemporaryDirectory(prefix="philo-onnx-in-") as work:
                compared, faults = check_codes(command, folder, work)
                held = check_numbers(command, folder, work, model, reference, rounded)
            faults += held.faults
            folders += 1
            failed += bool(faults)
            print(f"{compared:8} {held.worst:11.1e}  {held.equal} / {held.due}  {name}: {model} {precision} {provider} {options}{'  FAILED' if faults else ''}", flush=True)
            for fault in faults:
                print(f"    {fault}", flush=True)
        for model, options in ROUND_TRIPS:
            if wanted and "round-trips" not in wanted:
                continue
            with tempfile.TemporaryDirectory(prefix="philo-onnx-in-") as work:
                faults = check_round_trip(command, source(model), work, options)
            folders += 1
            failed += bool(faults)
            print(f"{'and back':>20}  {model} {options}{'  FAILED' if faults else ''}", flush=True)
            for fault in faults:
                print(f"    {fault}", flush=True)
        for name, model, precision, provider, options, cause in REFUSED:
            if wanted and name not in wanted:
                continue
            folder = os.path.join(root, name)
            build(source(model), folder, precision, provider, options)
            code, _, error = philo(command, "inspect", folder)
            fine = code == 3 and cause in error and "model.onnx" in error
            folders += 1
            failed += not fine
            print(f"{'refused':>20}  {name}{'' if fine else f'  FAILED: exit code {code}, {error}'}", flush=True)
    print(f"{folders} folders, {failed} failed")
    sys.exit(1 if failed or not folders else 0)


if __name__ == "__main__":
    main()
