"""Holds philo's onnxruntime devices against transformers: the real ONNX Runtime computes what philo emits.

    python tests/peers/onnxruntime_device_peer.py PHILO [--models NAME ...]

PHILO's build saw ONNX Runtime's header. The library is that of the environment's onnxruntime package. For the tiny models of tests/data/models,
as they are stored and quantized in several ways:
  - `philo score --logits --device onnxruntime:cpu` in float32 is within 1e-3 of the largest logit of transformers' float32 eager forward pass,
    before and after the sliding window and the LongRoPE limit
  - `philo run --device onnxruntime:cpu` gives the same greedy tokens as transformers, up to the first step at which the reference's two best
    logits are closer than twice that; the continuations cross the window and the limit
  - the demo model's answers in int8 arithmetic are those of the cpu device, token by token, and a conversation that was saved goes on
  - what is not there or not known ends with exit code 4 or 2 and says what to do
"""

import json
import os
import sys
import tempfile

os.environ["TQDM_DISABLE"] = "1"

import onnxruntime
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from device_models import run
from program import philo

DEMO = os.path.join(ROOT, "share", "philo", "demo")
PACKAGE = os.path.dirname(onnxruntime.__file__)
DEVICE = ["--device", "onnxruntime:cpu"]
FORMATS = ["--weight-format int4 --group-size -1", "--weight-format int4 --group-size -1 --asym --ratio 0.6", "--weight-format int8"]


def check_answers(command):
    """int8 products: two ways to round, so the first tokens agree, and a text's perplexity."""
    faults, work = [], tempfile.TemporaryDirectory(prefix="philo-device-")
    text = os.path.join(work.name, "text.txt")
    with open(os.path.join(ROOT, "tests", "data", "demo_heldout.txt"), encoding="utf-8") as source, open(text, "w", encoding="utf-8") as file:
        file.write(source.read()[:6000])
    prompt = ["-p", "Tell me a story about a dog.", "--max-new-tokens", "40", "--json"]
    for recipe in (["--weight-format", "int4", "--group-size", "128"], ["--weight-format", "int4", "--asym", "--group-size", "32"], ["--weight-format", "int8"]):
        answers, scores = [], []
        for device in (DEVICE, ["--device", "cpu"]):
            code, out, error = philo(command, "run", DEMO, *prompt, *device, *recipe)
            if code:
                return faults + [f"run {' '.join(device + recipe)} exits with {code}: {error}"]
            answers.append(json.loads(out))
            code, out, error = philo(command, "score", DEMO, "--text-file", text, "--context", "256", "--json", *device, *recipe)
            if code:
                return faults + [f"score {' '.join(device + recipe)} exits with {code}: {error}"]
            scores.append(json.loads(out)["perplexity"])
        if answers[0]["ids"][:4] != answers[1]["ids"][:4] or len(answers[0]["ids"]) < 20:
            faults.append(f"{recipe}: the answers are {answers[0]['text']!r} and {answers[1]['text']!r}")
        if abs(scores[0] / scores[1] - 1) > 0.01:
            faults.append(f"{recipe}: the perplexities are {scores[0]} and {scores[1]}")
        print(f"{' '.join(recipe) or 'as stored'}: {answers[0]['text'][:60]!r}…; perplexity {scores[0]:.4f}, cpu {scores[1]:.4f}", flush=True)
    return faults


def check_refusals(command):
    faults = []
    cases = [(["--device", "onnxruntime:cuda"], 4, "onnxruntime-gpu"), (["--device", "onnxruntime:dml"], 4, "onnxruntime-directml"), (["--device", "onnxruntime:nosuch"], 4, "provider_library=PATH"),
             (["--device", "onnxruntime:"], 4, "onnxruntime:cpu"), ([*DEVICE, "--ort", "session.no_such=1"], 2, "session.intra_op.allow_spinning"), ([*DEVICE, "--ort", "no_such=1"], 2, "no options"),
             ([*DEVICE, "--ort", "session"], 2, "KEY=VALUE"), ([*DEVICE, "--isa", "avx2"], 4, "--isa avx2"), ([*DEVICE, "--ort", "library=/nowhere"], 4, "/nowhere"),
             ([*DEVICE, "--ort", "provider_library=/nowhere/libplugin.so"], 4, "/nowhere/libplugin.so")]
    for arguments, wanted, part in cases:
        code, _, error = philo(command, "run", DEMO, "-p", "Hi", "--max-new-tokens", "4", *arguments)
        if code != wanted or part not in error:
            faults.append(f"{' '.join(arguments)}: exits with {code} and says {error!r}; expected {wanted} and {part!r}")
    with tempfile.TemporaryDirectory(prefix="philo-device-") as empty:
        for place in ("/nowhere", empty):
            os.environ["PHILO_ONNXRUNTIME"] = place
            code, _, error = philo(command, "run", DEMO, "-p", "Hi", *DEVICE)
            if code != 4 or place not in error or "pip install onnxruntime" not in error:
                faults.append(f"PHILO_ONNXRUNTIME={place}: exits with {code} and says {error!r}")
        os.environ["PHILO_ONNXRUNTIME"] = PACKAGE
    return faults


def check_list(command):
    code, out, error = philo(command, "devices", "--json")
    if code:
        return [f"devices exits with {code}: {error}"]
    here = {one["name"]: one for one in json.loads(out)["devices"]}
    faults = [] if here["onnxruntime:cpu"]["usable"] and onnxruntime.__version__ in here["onnxruntime:cpu"]["description"] else [f"onnxruntime:cpu is {here.get('onnxruntime:cpu')}"]
    return faults + [f"{name} is listed without what to do" for name, part in (("onnxruntime:dml", "directml"), ("onnxruntime:webgpu", "pip install")) if part not in here[name]["reason"]]


if __name__ == "__main__":
    os.environ["PHILO_ONNXRUNTIME"] = PACKAGE
    # Each model as it is stored and in one other format; each format with several models.
    run(__doc__, lambda names: [case for number, name in enumerate(names) for case in ((name, ""), (name, FORMATS[number % len(FORMATS)]))],
        [*DEVICE, "--activation-format", "fp32"], [("answers", check_answers), ("refusals", check_refusals), ("devices", check_list)])
