"""Holds the folders that `philo convert --to onnx` writes against ONNX, ONNX Runtime and ONNX Runtime GenAI.

    python tests/peers/onnx_peer.py PHILO [--models NAME ...]

The tiny models of tests/data/models, one of each member of the family, and a wider one are converted for every target by several recipes.
For each folder: onnx.checker and shape inference accept the graph (with the schema of SimplifiedLayerNormalization, ONNX Runtime's own
operator in ONNX's domain); codes, scales and zero points equal those of philo's own folder, and survive the way through it bit for bit; ONNX
Runtime's logits are within 1e-3 of the largest logit of transformers' float32 forward pass over the same weights, below and beyond sliding
window and LongRoPE limit, at once and (where the factors stay the same) token by token. For this MatMulNBits computes in float32 (accuracy level 1). At the level
of the file, 4, it rounds activations to 8 bits by blocks: there the reference does so, too. Float16 graphs are held to 0.1.
And, below the limit and beyond the window, the cookbook's loop in ONNX Runtime GenAI (append_tokens, generate_next_token, stream decode) gives
the greedy tokens of `philo run` on philo's folder, up to the first step at which the reference's two best logits are close; for the demo
model, which has a real vocabulary, the text.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnx
import onnxruntime
import onnxruntime_genai
import torch
from onnx import numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as errors
from safetensors.torch import save_file
from transformers import Phi3Config, Phi3ForCausalLM
from transformers.utils import logging

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "golden"))
import convert_peer
import reference
import tiny_models
from program import Faults, must, report

MODELS = os.path.join(ROOT, "tests", "data", "models")
DEMO = os.path.join(ROOT, "share", "philo", "demo")
ALLOWED_ERROR = 1e-3
ALLOWED_COARSE = 0.1
NEW_TOKENS = 24
WIDE = dict(hidden_size=256, num_attention_heads=4, num_key_value_heads=2, intermediate_size=384, num_hidden_layers=3, max_position_embeddings=512,
            original_max_position_embeddings=512, sliding_window=37)
# (model, target, recipe): every model, target and kind of format, pairwise.
FOLDERS = [("mini-4k", "cpu", "--weight-format fp32"), ("mini-4k", "dml", "--weight-format int8"), ("mini-4k", "cuda", "--group-size -1 --asym"),
           ("mini-128k", "cpu", "--group-size 32 --asym --backup-format int8-sym"), ("mini-128k", "dml", "--group-size 32"),
           ("mini-128k", "cuda", "--weight-format fp16"), ("mini-128k-su", "cpu", "--weight-format int8"),
           ("mini-3.5", "cpu", "--weight-format fp16"), ("mini-3.5", "webgpu", "--group-size -1 --ratio 0.6"),
           ("medium-4k", "cpu", "--group-size 32 --keep *embed*=int4 --keep *norm*=fp16"), ("medium-4k", "webgpu", "--weight-format fp32"),
           ("medium-128k", "cpu", "--weight-format int8 --asym"), ("medium-128k", "cuda", "--group-size -1 --backup-format fp16"),
           ("phi-4-mini", "cpu", "--group-size 32 --keep *.o_proj=fp16"), ("phi-4-mini", "dml", "--weight-format fp16"), ("phi-4-mini", "cpu", "--weight-format fp32"),
           ("phi-4", "cpu", "--group-size -1 --asym --ratio 0.6"), ("phi-4", "dml", "--weight-format int8 --asym --keep *down_proj=fp32"),
           ("form-float16", "cpu", "--weight-format int8"), ("form-sharded", "dml", "--group-size -1 --keep *lm_head*=int4"), ("form-float32", "cpu", "--weight-format fp16"),
           # Groups that no block divides, and some that one does, in a source's codes.
           ("mini-4k", "cpu", "regrouped 24 --group-size -1 --asym --keep *=int4"), ("mini-4k", "cpu", "regrouped 48 --group-size -1 --keep *=int4"),
           ("mini-4k", "cuda", "regrouped 24 --group-size -1 --keep *=int4"),
           ("wide", "cpu", "--group-size 128"), ("wide", "cuda", "--group-size 64 --asym"), ("wide", "webgpu", "--group-size 128 --ratio 0.6")]


def register_schema():
    """ONNX Runtime has this operator in ONNX's domain; the checker knows ONNX's own only."""
    schema = onnx.defs.OpSchema
    numbers = ["tensor(float)", "tensor(float16)"]
    onnx.defs.register_schema(schema(
        "SimplifiedLayerNormalization", "", 1, inputs=[schema.FormalParameter("X", "T"), schema.FormalParameter("scale", "V")],
        outputs=[schema.FormalParameter("Y", "V")], type_constraints=[("T", numbers, ""), ("V", numbers, "")],
        attributes=[schema.Attribute("axis", schema.AttrType.INT), schema.Attribute("epsilon", schema.AttrType.FLOAT), schema.Attribute("stash_type", schema.AttrType.INT)]))


def check_graph(folder):
    path = os.path.join(folder, "model.onnx")
    onnx.checker.check_model(path, full_check=True)
    size = os.path.getsize(os.path.join(folder, "model.onnx.data"))
    for tensor in onnx.load(path, load_external_data=False).graph.initializer:
        place = {entry.key: entry.value for entry in tensor.external_data}
        if place:
            begin, length = int(place["offset"]), int(place["length"])
            must(begin % 64 == 0 and begin + length <= size, f"{tensor.name} lies at {begin}, {length} bytes, in a file of {size}")
    must(os.path.getsize(path) < 1 << 20, f"model.onnx has {os.path.getsize(path)} bytes")


def unpacked(packed, bits, count):
    """Numbers of 4 or 8 bits along the last axis."""
    if bits == 8:
        return packed[..., :count].astype(np.int32)
    return np.stack([packed & 15, packed >> 4], -1).reshape(*packed.shape[:-1], -1)[..., :count].astype(np.int32)


def matrices(folder):
    """{node: (codes, scales, zero points) by column, or (values,)} of what the graph multiplies with and gathers from; rows first."""
    model = onnx.load(os.path.join(folder, "model.onnx"))
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made = {output: node for node in model.graph.node for output in node.output}
    found = {}
    for node in model.graph.node:
        settings = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        name = node.name.removeprefix("/").split("/MatMul")[0].replace("/", ".")
        inputs = [tensors.get(one) for one in node.input]
        if node.op_type in ("MatMulNBits", "GatherBlockQuantized"):
            packed, scales = (inputs[1], inputs[2]) if node.op_type == "MatMulNBits" else (inputs[0], inputs[2])
            rows, bits, block = len(packed), settings["bits"], settings["block_size"]
            columns = settings.get("K", packed.reshape(rows, -1).shape[1] * 8 // bits)
            zeros = unpacked(inputs[3], bits, scales.shape[1]) if len(inputs) > 3 else np.full(scales.shape, 1 << (bits - 1))
            spread = lambda values: np.repeat(values, block, 1)[:, :columns]
            found["model.embed_tokens" if "Gather" in node.op_type else name] = (unpacked(packed.reshape(rows, -1), bits, columns), spread(scales.astype(np.float32)), spread(zeros))
        elif node.op_type == "MatMul":
            weight, transposed = node.input[1], False
            while weight not in tensors:
                if made[weight].op_type == "DequantizeLinear":
                    codes, scales, zeros = (tensors[one].T for one in made[weight].input)
                    found[name] = (codes.astype(np.int32), *(np.repeat(one.reshape(len(codes), -1), codes.shape[1] // (one.size // len(codes)), 1) for one in (scales.astype(np.float32), zeros)))
                    weight = None
                    break
                transposed = transposed or made[weight].op_type == "Transpose"
                weight = made[weight].input[0]
            if weight is not None:
                found[name] = ((tensors[weight] if transposed else tensors[weight].T).astype(np.float32),)
        elif node.op_type == "Gather" and node.name.startswith("/model/embed_tokens/Gather"):
            found.setdefault("model.embed_tokens", []).append(inputs[0])
    table = found["model.embed_tokens"]
    if isinstance(table, list):
        if len(table) == 1:
            found["model.embed_tokens"] = (table[0].astype(np.float32),)
        else:
            codes, scales, zeros = table
            spread = lambda values: np.repeat(values, codes.shape[1] // values.shape[1], 1)
            found["model.embed_tokens"] = (codes.astype(np.int32), spread(scales.astype(np.float32)), spread(zeros))
    return found


def values_of(parts):
    return parts[0] if len(parts) == 1 else (parts[0] - parts[2].astype(np.int32)).astype(np.float32) * parts[1]


def compare_weights(found, own):
    """What the graph holds against the tensors of philo's own folder."""
    held = convert_peer.decoded(convert_peer.read_all(own))
    joined = {}
    for name, parts in found.items():
        name = name.replace(".attn.", ".self_attn.")
        for part, whole in (("q_proj", "qkv_proj"), ("k_proj", "qkv_proj"), ("v_proj", "qkv_proj"), ("gate_proj", "gate_up_proj"), ("up_proj", "gate_up_proj")):
            if name.endswith("." + part):
                name = name.removesuffix(part) + whole
        joined.setdefault(name + ".weight", []).append(values_of(parts))
    for name, parts in joined.items():
        expected = held.get(name, held["model.embed_tokens.weight"])[0]
        must(np.array_equal(np.concatenate(parts), expected), f"{name} differs from philo's folder")
    norms = {name for name in held if "norm" in name}
    must(set(held) - norms - set(joined) == set(), f"not in the graph: {sorted(set(held) - norms - set(joined))[:3]}")
    return held


def same_codes(first, second):
    must(first.keys() == second.keys(), f"other matrices: {sorted(first.keys() ^ second.keys())[:3]}")
    for name, parts in first.items():
        must(all(np.array_equal(a, b) for a, b in zip(parts, second[name], strict=True)), f"{name} has other codes, scales or zero points")


def reference_model(source, held):
    with open(os.path.join(source, "config.json"), encoding="utf-8") as file:
        config = Phi3Config(**reference.renamed(json.load(file)))
    model = Phi3ForCausalLM.from_pretrained(source, config=config, dtype=torch.float32, attn_implementation="eager").eval()
    state = model.state_dict()
    with torch.no_grad():
        for name, (values, _) in held.items():
            if name in state and not (name == "lm_head.weight" and config.tie_word_embeddings):
                state[name].copy_(torch.from_numpy(np.ascontiguousarray(values)))
    return model


def at_level_1(folder, root):
    """A copy of a folder whose MatMulNBits compute in float32."""
    copy = shutil.copytree(folder, os.path.join(root, "level1"))
    path = os.path.join(copy, "model.onnx")
    model = onnx.load(path, load_external_data=False)
    for node in model.graph.node:
        for one in node.attribute:
            if one.name == "accuracy_level":
                one.i = 1
    with open(path, "wb") as file:
        file.write(model.SerializeToString())
    return copy


class Runtime:
    """Plain ONNX Runtime over a folder's graph."""

    def __init__(self, folder):
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        settings.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"), settings, providers=["CPUExecutionProvider"])
        self.cache = [one for one in self.session.get_inputs() if one.name.startswith("past_")]
        self.kind = np.float16 if "float16" in self.cache[0].type else np.float32
        self.positions = any(one.name == "position_ids" for one in self.session.get_inputs())
        self.restart()

    def restart(self, sequences=1):
        self.past = {one.name: np.zeros((sequences, one.shape[1], 0, one.shape[3]), self.kind) for one in self.cache}

    def run(self, ids, mask=None, positions=None):
        ids = np.atleast_2d(np.array(ids, np.int64))
        past = next(iter(self.past.values())).shape[2]
        feed = {"input_ids": ids, "attention_mask": np.ones((len(ids), past + ids.shape[1]), np.int64) if mask is None else mask, **self.past}
        if self.positions:
            feed["position_ids"] = np.tile(np.arange(past, past + ids.shape[1], dtype=np.int64), (len(ids), 1)) if positions is None else positions
        names = [one.name for one in self.session.get_outputs()]
        out = dict(zip(names, self.session.run(None, feed)))
        self.past = {name: out[name.replace("past_key_values", "present")] for name in self.past}
        return out["logits"].astype(np.float32)


def rounded_activations(model, blocks):
    """The reference with what MatMulNBits of accuracy level 4 does to the input of each product: 8 bits, symmetric, by blocks."""
    def round_input(block):
        def hook(_, inputs):
            x = inputs[0]
            padded = torch.nn.functional.pad(x, (0, -x.shape[-1] % block)).unflatten(-1, (-1, block))
            scale = padded.abs().amax(-1, keepdim=True) / 127
            rounded = torch.where(scale > 0, torch.round(padded / scale) * scale, 0).flatten(-2)
            return (rounded[..., : x.shape[-1]],)
        return hook
    names = {"qkv_proj": "qkv_proj", "q_proj": "qkv_proj", "o_proj": "o_proj", "gate_proj": "gate_up_proj", "down_proj": "down_proj", "lm_head": "lm_head"}
    hooks = []
    for name, block in blocks.items():
        stem, _, last = name.rpartition(".")
        if last in names:
            module = (stem + "." if stem else "").replace(".attn.", ".self_attn.") + names[last]
            hooks.append(model.get_submodule(module).register_forward_pre_hook(round_input(block)))
    return hooks


def blocks_of(folder):
    found = {}
    for node in onnx.load(os.path.join(folder, "model.onnx"), load_external_data=False).graph.node:
        if node.op_type == "MatMulNBits":
            name = node.name.removeprefix("/").split("/MatMul")[0].replace("/", ".")
            found[name] = next(one.i for one in node.attribute if one.name == "block_size")
    return found


def distance(got, expected):
    return float((np.abs(got - expected).max(axis=1) / np.abs(expected).max(axis=1)).max())


def check_logits(runtime, model, limit, allowed):
    random, worst = np.random.default_rng(3), 0.0
    for length in (1, 30, 37, 38, 70, 130):
        ids = random.integers(3, 300, length).tolist()
        expected = reference.logits(model, ids)
        runtime.restart()
        worst = max(worst, distance(runtime.run(ids)[0], expected))
        if limit is None or length <= limit:
            runtime.restart()
            cut = length // 2
            steps = [runtime.run(ids[:cut])[0]] if cut else []
            steps += [runtime.run([token])[0] for token in ids[cut:]]
            worst = max(worst, distance(np.concatenate(steps), expected))
        must(worst <= allowed, f"{length} tokens: logits are off by {worst:.1e}")
    # Two sequences, the second shorter and padded on its right, then a token more of each: none changes the other.
    long, short = random.integers(3, 300, 20).tolist(), random.integers(3, 300, 12).tolist()
    runtime.restart(2)
    mask = np.ones((2, 20), np.int64)
    mask[1, 12:] = 0
    both = runtime.run([long, short + [0] * 8], mask)
    expected = reference.logits(model, long + [7]), reference.logits(model, short + [9])
    worst = max(worst, distance(both[0], expected[0][:-1]), distance(both[1, :12], expected[1][:-1]))
    more = np.ones((2, 21), np.int64)
    more[1, 13:] = 0
    next_token = runtime.run([[7], [9]], more, np.array([[20], [12]], np.int64))
    worst = max(worst, distance(next_token[0], expected[0][-1:]), distance(next_token[1], expected[1][-1:]))
    must(worst <= allowed, f"two sequences: logits are off by {worst:.1e}")
    return worst


def check_rounded(runtime, model, folder):
    """At the file's own level. A code that two orders of adding decide otherwise moves its row and those behind it: of short texts most have none."""
    hooks = rounded_activations(model, blocks_of(folder))
    random, rows = np.random.default_rng(5), []
    for length in [3] * 20 + [130]:
        ids = random.integers(3, 300, length).tolist()
        runtime.restart()
        rows.append(distance(runtime.run(ids)[0], reference.logits(model, ids)))
    for hook in hooks:
        hook.remove()
    due = float(np.quantile(rows[:20], 0.75))
    must(due <= ALLOWED_ERROR and max(rows) <= ALLOWED_COARSE, f"8-bit activations: a quarter of the texts is off by {due:.1e}, one by {max(rows):.1e}")
    return due


def cookbook(folder, prompt, length):
    """The loop of the cookbook's DirectML notebook: tokens and streamed text. A prompt is text or tokens."""
    model = onnxruntime_genai.Model(folder)
    tokenizer = onnxruntime_genai.Tokenizer(model)
    stream = tokenizer.create_stream()
    ids = tokenizer.encode(prompt) if isinstance(prompt, str) else np.array(prompt, np.int32)
    params = onnxruntime_genai.GeneratorParams(model)
    params.set_search_options(max_length=len(ids) + length, temperature=0.6)
    generator = onnxruntime_genai.Generator(model, params)
    generator.append_tokens(ids)
    made, text = [], ""
    while not generator.is_done():
        generator.generate_next_token()
        made.append(int(generator.get_next_tokens()[0]))
        text += stream.decode(made[-1])
    return made, text


def check_generation(command, folder, own, model, prompt):
    theirs, _ = cookbook(folder, prompt, NEW_TOKENS)
    ours, gaps = reference.greedy(model, prompt, NEW_TOKENS)
    if own is not None:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(",".join(map(str, prompt)))
            file.flush()
            ours = report(command, "run", own, "--ids-file", file.name, "--max-new-tokens", NEW_TOKENS, "--activation-format", "fp32", "--kv-format", "fp32", "--json")["ids"]
    steps = min(next((step for step, gap in enumerate(gaps) if gap < 2 * ALLOWED_ERROR), len(gaps)), len(ours))
    must(theirs[:steps] == ours[:steps], f"GenAI: {len(prompt)} tokens continue with {theirs[:steps]}, expected {ours[:steps]}")
    return steps


def check_demo(command, root):
    """The demo model's answer as text, from the template's own form, with and without quantization."""
    folder, text = os.path.join(root, "demo"), "Tell me a story about a dog."
    prompt = report(command, "tokenize", DEMO, "--chat", write_json(root, [{"role": "user", "content": text}]), "--json")
    for recipe in (["--weight-format", "fp32"], ["--group-size", "32", "--asym"]):
        own = os.path.join(root, "own")
        report(command, "convert", DEMO, folder, "--to", "onnx", *recipe, "--force", "--json")
        report(command, "convert", DEMO, own, *recipe, "--force", "--json")
        answer = report(command, "run", own, "-p", text, "--max-new-tokens", "40", "--activation-format", "fp32", "--kv-format", "fp32", "--json")
        exact = at_level_1(folder, os.path.join(root, recipe[0]))
        made, streamed = cookbook(exact, prompt["text"], 40)
        must(made == answer["ids"], f"demo {recipe}: GenAI gives {made}, philo {answer['ids']}")
        must(streamed.replace("<|end|>", "").strip() == answer["text"].strip(), f"demo {recipe}: GenAI streams {streamed!r}, philo {answer['text']!r}")
        made, _ = cookbook(folder, prompt["text"], 40)
        must(len(made) > 10, f"demo {recipe}: GenAI ends after {made}")
    return streamed


def write_json(root, value):
    path = os.path.join(root, "messages.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)
    return path


def limit_of(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return config["original_max_position_embeddings"] if "long_factor" in rope else None


def regrouped(folder, size):
    """A philo folder of 4-bit matrices, one scale to a row, with scales for groups of that many columns instead."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    for group in config["quantization_config"]["config_groups"].values():
        group["weights"].update(strategy="group", group_size=size)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    tensors, random = convert_peer.read_all(folder), np.random.default_rng(size)
    for name in [name for name in tensors if name.endswith("_scale")]:
        groups = int(tensors[name.removesuffix("_scale") + "_shape"][1]) // size
        factors = torch.from_numpy(random.uniform(0.8, 1.2, (1, groups)).astype(np.float16))
        tensors[name] = tensors[name] * factors
        zero = name.removesuffix("_scale") + "_zero_point"
        if zero in tensors:
            tensors[zero] = tensors[zero].repeat(1, groups).contiguous()
    save_file(tensors, os.path.join(folder, "model.safetensors"))


def check(command, source, target, recipe, root):
    folder, own, again = (os.path.join(root, name) for name in ("onnx", "own", "again"))
    if recipe[0] == "regrouped":
        report(command, "convert", source, own, *recipe[2:], "--json")
        regrouped(own, int(recipe[1]))
        report(command, "convert", own, folder, "--to", "onnx", "--onnx-target", target, "--json")
    else:
        report(command, "convert", source, folder, "--to", "onnx", "--onnx-target", target, *recipe, "--json")
        report(command, "convert", source, own, *recipe, "--json")
    check_graph(folder)
    found = matrices(folder)
    model = reference_model(source, compare_weights(found, own))
    with open(os.path.join(own, "config.json"), encoding="utf-8") as file:
        if "quantization_config" in file.read():
            report(command, "convert", own, again, "--to", "onnx", "--onnx-target", target, "--json")
            same_codes({name: parts for name, parts in found.items() if len(parts) > 1}, {name: parts for name, parts in matrices(again).items() if len(parts) > 1})
    limit = limit_of(source)
    exact = at_level_1(folder, root)
    runtime = Runtime(exact)
    worst = check_logits(runtime, model, limit, ALLOWED_ERROR if runtime.kind == np.float32 else ALLOWED_COARSE)
    if target != "cpu":
        return worst, 0.0, 0
    coarse = check_rounded(Runtime(folder), model, folder)
    prompts = [np.random.default_rng(9).integers(3, 300, length).tolist() for length in ([10] if limit else [10, 60])]
    # philo's own devices take groups of 32 columns and their multiples: there the reference speaks alone.
    run = None if recipe[0] == "regrouped" else own
    return worst, coarse, max(check_generation(command, exact, run, model, prompt) for prompt in prompts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("philo")
    parser.add_argument("--models", nargs="*")
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    register_schema()
    command, failed, folders = os.path.abspath(options.philo), 0, 0
    wide = tempfile.TemporaryDirectory(prefix="philo-peer-wide-")
    tiny_models.write_checkpoint(wide.name, WIDE, 5)
    print(f"{'model':13} target  {'worst':>8} {'as filed':>8}  greedy steps decided of {NEW_TOKENS}  recipe")
    for name, target, recipe in FOLDERS:
        if options.models and name not in options.models:
            continue
        worst, coarse, decided, fault = 0.0, 0.0, 0, None
        with tempfile.TemporaryDirectory(prefix="philo-peer-") as root:
            try:
                worst, coarse, decided = check(command, wide.name if name == "wide" else os.path.join(MODELS, name), target, recipe.split(), root)
            except (Faults, RuntimeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError, errors.Fail, errors.InvalidArgument, errors.InvalidGraph) as problem:
                fault = " ".join(str(problem).split())
        folders += 1
        failed += fault is not None
        print(f"{name:13} {target:6} {worst:9.1e} {coarse:8.1e}  {decided:2}  {recipe}{'  FAILED: ' + fault if fault else ''}", flush=True)
    wide.cleanup()
    if not options.models or "demo" in options.models:
        folders += 1
        with tempfile.TemporaryDirectory(prefix="philo-peer-") as root:
            try:
                print(f"demo model: {check_demo(command, root)!r}")
            except (Faults, RuntimeError) as problem:
                failed += 1
                print(f"demo model: FAILED: {' '.join(str(problem).split())}")
    print(f"{folders} folders, {failed} failed")
    sys.exit(1 if failed or not folders else 0)


if __name__ == "__main__":
    main()
