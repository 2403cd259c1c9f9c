"""Holds philo's openvino devices against transformers: the real plugins of OpenVINO compute what philo emits.

    python tests/peers/openvino_device_peer.py PHILO [--models NAME ...]

PHILO's build has the module for OpenVINO (cmake -DOpenVINO_DIR=...). For the tiny models of tests/data/models, as they are stored and
quantized in several ways:
  - `philo score --logits --device openvino:CPU` in float32 is within 1e-3 of the largest logit of transformers' float32 eager forward pass,
    before and after the sliding window and the LongRoPE limit
  - `philo run --device openvino:CPU` gives the same greedy tokens as transformers, up to the first step at which the reference's two best
    logits are closer than twice that; the continuations cross the window and the limit
  - `--device openvino:NPU --ov NPUW_DEVICES=CPU`: the NPU's plugin streams the demo model's answer in int4 and scores it token by token
  - what is not there or not known ends with exit code 4 or 2 and says what to do
"""

import json
import os
import sys
import tempfile

os.environ["TQDM_DISABLE"] = "1"

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from device_models import run
from program import philo

EXACT = ["--ov", "INFERENCE_PRECISION_HINT=f32", "--ov", "KV_CACHE_PRECISION=f32", "--ov", "DYNAMIC_QUANTIZATION_GROUP_SIZE=0"]
FORMATS = ["", "--weight-format int4 --group-size -1", "--weight-format int4 --group-size -1 --asym --ratio 0.6", "--weight-format int8"]


def check_npu(command):
    """The NPU's plugin on the processor: the answer of the demo model, and its perplexity, beside the cpu device's."""
    demo, text = os.path.join(ROOT, "share", "philo", "demo"), os.path.join(ROOT, "tests", "data", "demo_heldout.txt")
    npu = ["--device", "openvino:NPU", "--ov", "NPUW_DEVICES=CPU"]
    int4 = ["--weight-format", "int4", "--group-size", "128", "--sym"]
    prompt = ["-p", "Tell me a story about a dog.", "--max-new-tokens", "40", "--json"]
    faults, answers = [], []
    for device in (npu, ["--device", "cpu"]):
        code, out, error = philo(command, "run", demo, *prompt, *device, *int4)
        if code:
            return [f"run {' '.join(device)} exits with {code}: {error}"]
        answers.append(json.loads(out))
    # Two ways to round: the first tokens agree, and both are sentences of the same model.
    if answers[0]["ids"][:4] != answers[1]["ids"][:4] or len(answers[0]["ids"]) < 20:
        faults.append(f"the answers are {answers[0]['text']!r} and {answers[1]['text']!r}")
    scores = []
    with tempfile.TemporaryDirectory(prefix="philo-openvino-") as work:
        short = os.path.join(work, "text.txt")
        with open(text, encoding="utf-8") as source, open(short, "w", encoding="utf-8") as file:
            file.write(source.read()[:600])
        for device in (npu, ["--device", "cpu", "--activation-format", "fp32"]):
            code, out, error = philo(command, "score", demo, "--text-file", short, "--context", "256", "--json", *device, *int4)
            if code:
                return faults + [f"score {' '.join(device)} exits with {code}: {error}"]
            scores.append(json.loads(out)["perplexity"])
    if abs(scores[0] / scores[1] - 1) > 0.05:
        faults.append(f"the perplexities are {scores[0]} and {scores[1]}")
    print(f"NPU's plugin on the processor: {answers[0]['text'][:60]!r}…; perplexity {scores[0]:.4f}, cpu {scores[1]:.4f}")
    return faults


def check_refusals(command):
    demo, faults = os.path.join(ROOT, "share", "philo", "demo"), []
    cases = [(["--device", "openvino:GPU"], 4, "compute driver"), (["--device", "openvino:NPU"], 4, "/dev/accel"), (["--device", "openvino:TPU"], 4, "openvino:CPU"),
             (["--device", "openvino:CPU", "--ov", "NO_SUCH=1"], 2, "KV_CACHE_PRECISION"), (["--device", "openvino:CPU", "--ov", "KV_CACHE_PRECISION"], 2, "KEY=VALUE"),
             (["--device", "openvino:CPU", "--ov", "INFERENCE_NUM_THREADS=many"], 4, "INFERENCE_NUM_THREADS"),
             (["--device", "openvino:NPU", "--ov", "NPUW_DEVICES=CPU", "--weight-format", "int8"], 4, "--allow-requantize"),
             (["--device", "openvino:NPU", "--ov", "NPUW_DEVICES=CPU", "--weight-format", "int4", "--asym"], 4, "philo convert"),
             (["--device", "openvino:NPU", "--ov", "NPUW_DEVICES=CPU", "--ov", "NPUW_NO_SUCH=1", "--weight-format", "int4"], 4, "NPUW_NO_SUCH")]
    for arguments, wanted, part in cases:
        code, _, error = philo(command, "run", demo, "-p", "Hi", "--max-new-tokens", "4", *arguments)
        if code != wanted or part not in error:
            faults.append(f"{' '.join(arguments)}: exits with {code} and says {error!r}; expected {wanted} and {part!r}")
    return faults


if __name__ == "__main__":
    run(__doc__, lambda names: [(name, recipe) for name in names for recipe in FORMATS], ["--device", "openvino:CPU", *EXACT],
        [("NPU", check_npu), ("refusals", check_refusals)])
