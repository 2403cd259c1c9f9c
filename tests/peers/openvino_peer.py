"""Holds the folders that `philo convert --to openvino` writes against OpenVINO, optimum-intel and OpenVINO GenAI.

    python tests/peers/openvino_peer.py PHILO [--models NAME ...]

The tiny models of tests/data/models, one of each member of the family, and a wider one are converted by several recipes. For each folder:
codes and scales equal those of philo's own folder, and survive the way through it bit for bit; the CPU plugin's logits in full precision
are within 1e-3 of the largest logit of transformers' float32 forward pass over the same weights, below and beyond sliding window and
LongRoPE limit, at once and (where the factors stay the same) token by token; and, below the limit, optimum's
OVModelForCausalLM, loaded as Intel's cookbook does, and GenAI's LLMPipeline, over both of its attention backends, give the greedy tokens of
`philo run` on philo's folder, up to the first step at which the reference's two best logits are close. int4 also goes through the NPU
plugin's compiler front, running on the CPU. The tokenizer graphs give the ids of the published vectors of tests/data/tokenizer's Phi-3 form.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import numpy as np
import openvino as ov
import openvino_genai
import openvino_tokenizers  # adds its operations to every Core
import torch
from optimum.intel import OVModelForCausalLM
from transformers import AutoTokenizer, Phi3Config, Phi3ForCausalLM
from transformers.utils import logging as transformers_logging

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "golden"))
import convert_peer
import openvino_ir
import reference
import tiny_models
from program import Faults, must, report

MODELS = os.path.join(ROOT, "tests", "data", "models")
ALLOWED_ERROR = 1e-3
# GenAI and optimum compute in the plugin's own precision unless told otherwise.
PRECISE = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
COOKBOOK = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "CACHE_DIR": ""}
NEW_TOKENS = 24
WIDE = dict(hidden_size=256, num_attention_heads=4, num_key_value_heads=2, intermediate_size=384, num_hidden_layers=4, max_position_embeddings=512,
            original_max_position_embeddings=512, sliding_window=37)
RECIPES = ["--weight-format fp32", "--weight-format fp16", "--weight-format int8", "--weight-format int8 --asym", "--group-size -1", "--group-size -1 --asym --ratio 0.6"]
WIDE_RECIPES = ["--group-size 128", "--group-size 64 --asym --backup-format int8-sym", "--group-size 32 --ratio 0.6 --backup-format fp16",
                "--group-size 128 --keep *.o_proj=fp16 --keep *norm*=fp16"]
NPU = {"NPU_USE_NPUW": "YES", "NPUW_LLM": "YES", "NPUW_DEVICES": "CPU", "NPUW_LLM_MAX_PROMPT_LEN": "128", "NPUW_LLM_MIN_RESPONSE_LEN": "64"}
NPU_ERROR = 0.1  # float16, and activations quantized to 8 bits


def compare_weights(ir, folder):
    """Codes, scales and zero points of the graph against those of philo's own folder."""
    held = convert_peer.decoded(convert_peer.read_all(folder))
    found = openvino_ir.quantized(ir)
    for name, one in found.items():
        own = name.removeprefix("self.")
        middle = 8 if one.bits == 4 else 128
        zero = one.zero_points.astype(np.int32) if one.zero_points is not None else np.full(one.scales.shape, middle, np.int32)
        wide = one.codes.shape[1] // one.scales.shape[1]
        values = (one.codes.astype(np.int32) - np.repeat(zero, wide, 1)).astype(np.float32) * np.repeat(one.scales.astype(np.float32), wide, 1)
        must(own in held, f"{own} is not in philo's folder")
        must(np.array_equal(values, held[own][0]), f"{own} differs from philo's folder")
    coded = {name for name, (_, step) in held.items() if np.any(step)} - {"lm_head.weight"}
    must(coded <= {name.removeprefix("self.") for name in found}, f"not compressed: {sorted(coded)[:3]}")
    return held


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


def infer(request, ids, past):
    count = len(ids)
    request.infer({"input_ids": np.array([ids], np.int64), "attention_mask": np.ones((1, past + count), np.int64),
                   "position_ids": np.arange(past, past + count, dtype=np.int64)[None], "beam_idx": np.zeros(1, np.int32)})
    return request.get_tensor("logits").data[0].copy()


def distance(got, expected):
    return float((np.abs(got - expected).max(axis=1) / np.abs(expected).max(axis=1)).max())


def check_logits(core, ir, model, limit):
    compiled = core.compile_model(ir, "CPU", PRECISE)
    random, worst = np.random.default_rng(3), 0.0
    for length in (1, 30, 37, 38, 70, 130):
        ids = random.integers(3, 300, length).tolist()
        expected = reference.logits(model, ids)
        worst = max(worst, distance(infer(compiled.create_infer_request(), ids, 0), expected))
        if limit is None or length <= limit:
            request, cut = compiled.create_infer_request(), length // 2
            steps = [infer(request, ids[:cut], 0)] if cut else []
            steps += [infer(request, [token], cut + number) for number, token in enumerate(ids[cut:])]
            worst = max(worst, distance(np.concatenate(steps), expected))
        must(worst <= ALLOWED_ERROR, f"{length} tokens: logits are off by {worst:.1e}")
    # A second row that is shorter and padded on its left does not change the first, and gives what it gives alone.
    long, short = random.integers(3, 300, 20).tolist(), random.integers(3, 300, 12).tolist()
    request = compiled.create_infer_request()
    mask = np.ones((2, 20), np.int64)
    mask[1, :8] = 0
    positions = np.maximum(np.cumsum(mask, 1) - 1, 0)
    request.infer({"input_ids": np.array([long, [0] * 8 + short], np.int64), "attention_mask": mask, "position_ids": positions, "beam_idx": np.arange(2, dtype=np.int32)})
    both = request.get_tensor("logits").data
    worst = max(worst, distance(both[0], reference.logits(model, long)), distance(both[1, 8:], reference.logits(model, short)))
    must(worst <= ALLOWED_ERROR, f"two rows: logits are off by {worst:.1e}")
    return worst


def same_text(name, got, ids, gaps, decided):
    steps = next((step for step, gap in enumerate(gaps) if gap < decided), len(gaps))
    for step in range(min(steps, len(ids))):
        must(step < len(got) and got[step] == ids[step], f"{name}: new token {step} is {got[step] if step < len(got) else 'missing'}, philo's is {ids[step]}, gap {gaps[step]:.1e}")
    return steps


def check_generation(command, folder, own, model, prompt):
    """Greedy texts of philo, optimum and GenAI; how many steps were decided."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(",".join(map(str, prompt)))
        file.flush()
        ours = report(command, "run", own, "--ids-file", file.name, "--max-new-tokens", NEW_TOKENS, "--ignore-eos", "--activation-format", "fp32",
                     "--kv-format", "fp32", "--json")["ids"]
    _, gaps = reference.greedy(model, prompt, NEW_TOKENS)
    decided = 0
    for name, settings, gap in (("optimum, precise", PRECISE, 2 * ALLOWED_ERROR), ("optimum as in the cookbook", {}, 0.2)):
        loaded = OVModelForCausalLM.from_pretrained(folder, device="CPU", ov_config={**COOKBOOK, **settings})
        ids = torch.tensor([prompt])
        out = loaded.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=None)
        decided = max(decided, same_text(name, out[0, len(prompt):].tolist(), ours, gaps, gap))
    if os.path.exists(os.path.join(folder, "openvino_tokenizer.xml")):
        for backend in ("SDPA", "PA"):
            pipeline = openvino_genai.LLMPipeline(folder, "CPU", ATTENTION_BACKEND=backend, **PRECISE)
            out = pipeline.generate(ov.Tensor(np.array([prompt], np.int64)), openvino_genai.GenerationConfig(max_new_tokens=NEW_TOKENS, ignore_eos=True))
            decided = max(decided, same_text(f"GenAI over {backend}", list(out.tokens[0]), ours, gaps, 2 * ALLOWED_ERROR))
    return decided


def check_npu(core, ir, model):
    ids = np.random.default_rng(4).integers(3, 300, 45).tolist()
    request, past, feed = core.compile_model(ir, "NPU", NPU).create_infer_request(), 0, ids
    for _ in range(4):
        got = infer(request, feed, past)[-1]
        past += len(feed)
        expected = reference.logits(model, ids)[-1]
        must(distance(got[None], expected[None]) < NPU_ERROR, f"NPU plugin: logits after {past} tokens are off by {distance(got[None], expected[None]):.2f}")
        feed = [int(expected.argmax())]
        ids = ids + feed


def check_tokenizers(core, folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encode = core.compile_model(os.path.join(folder, "openvino_tokenizer.xml"), "CPU")
    decode = core.compile_model(os.path.join(folder, "openvino_detokenizer.xml"), "CPU")
    for text in ("", "Hello world", " leading", "<|user|>\nHello<|end|>\n<|assistant|>\n", "ä😀é", "a  b\n\tc", "<|end|>\u3000 x", "</s>a"):
        expected = tokenizer(text)["input_ids"]
        got = encode([text])["input_ids"][0].tolist()
        must(got == expected, f"tokenizer: {text!r} gives {got}, expected {expected}")
        if expected:
            shown = decode(np.array([expected], np.int64))["string_output"][0]
            must(shown == tokenizer.decode(expected, skip_special_tokens=True), f"detokenizer: {text!r} comes back as {shown!r}")


def limit_of(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return config["original_max_position_embeddings"] if "long_factor" in rope else None


def check(command, core, source, recipe, root, generates):
    folder, own, again = (os.path.join(root, name) for name in ("ir", "own", "again"))
    report(command, "convert", source, folder, "--to", "openvino", *recipe, "--json")
    report(command, "convert", source, own, *recipe, "--json")
    ir = core.read_model(os.path.join(folder, "openvino_model.xml"))
    inputs = {value.get_any_name() for value in ir.inputs}
    must(inputs == {"input_ids", "attention_mask", "position_ids", "beam_idx"}, f"inputs {inputs}")
    must([value.get_any_name() for value in ir.outputs] == ["logits"], "the output is not named logits")
    model = reference_model(source, compare_weights(ir, own))
    with open(os.path.join(own, "config.json"), encoding="utf-8") as file:
        is_quantized = "quantization_config" in file.read()
    if is_quantized:
        report(command, "convert", own, again, "--to", "openvino", "--json")
        compare_weights(core.read_model(os.path.join(again, "openvino_model.xml")), own)
    limit = limit_of(source)
    worst, decided = check_logits(core, ir, model, limit), 0
    if generates:
        check_tokenizers(core, folder)
        prompt = np.random.default_rng(9).integers(3, 300, 10).tolist()
        decided = check_generation(command, folder, own, model, prompt)
    if "wide" in source and "asym" not in " ".join(recipe) and "--ratio" not in recipe:
        check_npu(core, ir, model)
    return worst, decided


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("philo")
    parser.add_argument("--models", nargs="*", default=sorted(name for name in os.listdir(MODELS) if name not in convert_peer.NOT_FOR_TRANSFORMERS) + ["wide"])
    options = parser.parse_args()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(1)
    command, core, failed, folders = os.path.abspath(options.philo), ov.Core(), 0, 0
    wide = tempfile.TemporaryDirectory(prefix="philo-peer-wide-")
    tiny_models.write_checkpoint(wide.name, WIDE, 5)
    print(f"{'model':13} {'worst error':>11}  greedy steps decided of {NEW_TOKENS}  recipe")
    for number, name in enumerate(options.models):
        recipes = WIDE_RECIPES if name == "wide" else RECIPES
        for position, recipe in enumerate(recipes):
            worst, decided, fault = 0.0, 0, None
            with tempfile.TemporaryDirectory(prefix="philo-peer-") as root:
                try:
                    # Loading four pipelines takes longest: each model by two recipes.
                    generates = name == "wide" or position % 3 == number % 3
                    worst, decided = check(command, core, wide.name if name == "wide" else os.path.join(MODELS, name), recipe.split(), root, generates)
                except (Faults, RuntimeError) as found:
                    fault = " ".join(str(found).split())
            folders += 1
            failed += fault is not None
            print(f"{name:13} {worst:11.1e}  {decided:2}  {recipe}{'  FAILED: ' + fault if fault else ''}", flush=True)
    wide.cleanup()
    print(f"{folders} folders of {len(options.models)} models, {failed} failed")
    sys.exit(1 if failed or not folders else 0)


if __name__ == "__main__":
    main()
