"""The tiny models of tests/data/models on one of philo's devices, held against transformers' float32 eager forward pass."""

import argparse
import os
import sys
import tempfile

import numpy as np
import torch
from transformers.utils import logging

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "golden"))
import convert_peer
import reference
from program import Held, philo

MODELS = os.path.join(ROOT, "tests", "data", "models")
ALLOWED_ERROR = 1e-3
DECIDED_GAP = 2 * ALLOWED_ERROR
NEW_TOKENS = 48


def lengths(config):
    """Prompts on both sides of every edge."""
    found, window = {2, 29}, config.sliding_window
    if window and window < config.max_position_embeddings:
        found |= {window - 1, window + 2}
    if getattr(config, "rope_scaling", None) and (config.rope_scaling or {}).get("long_factor"):
        limit = config.original_max_position_embeddings
        found |= {limit - 20, limit, limit + 1, 2 * limit + 3}
    return sorted(one for one in found if one > 0)


def check(command, folder, model, device):
    random = np.random.default_rng(3)
    with tempfile.TemporaryDirectory(prefix="philo-device-") as work:
        held = Held(command, folder, work, ALLOWED_ERROR, DECIDED_GAP, device)
        for length in lengths(model.config):
            ids = random.integers(0, 300, length).tolist()
            held.prompt(ids, reference.logits(model, ids), *reference.greedy(model, ids, NEW_TOKENS))
    return held


def hold_models(command, cases, device):
    """Each case is a model and its format: options of `philo convert`, or none for the weights as stored. How many checks there were and how many failed."""
    failed = checks = 0
    print(f"{'model':13} {'worst error':>11}  greedy steps equal / decided  weights")
    for name, recipe in cases:
        with tempfile.TemporaryDirectory(prefix="philo-device-") as root:
            folder = os.path.join(MODELS, name)
            if recipe:
                source, folder = folder, os.path.join(root, "converted")
                code, _, error = philo(command, "convert", source, folder, *recipe.split())
                if code:
                    raise RuntimeError(f"convert exits with {code}: {error}")
            held = check(command, folder, convert_peer.load(folder), device)
        checks += 1
        failed += bool(held.faults)
        print(f"{name:13} {held.worst:11.1e}  {held.equal} / {held.due}  {recipe or 'as stored'}{'  FAILED' if held.faults else ''}", flush=True)
        for fault in held.faults:
            print(f"    {fault}", flush=True)
    return checks, failed


NAMES = ["mini-4k", "mini-128k", "mini-3.5", "medium-4k", "medium-128k", "phi-4-mini", "phi-4", "form-float16"]


def run(description, cases_of, device, checks):
    """A peer's main: cases_of(names) as hold_models() takes them; checks: (what, function of the command that gives faults)."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("philo")
    parser.add_argument("--models", nargs="*", default=NAMES)
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    command = os.path.abspath(options.philo)
    done, failed = hold_models(command, cases_of(options.models), device)
    for what, check_all in checks:
        faults = check_all(command)
        done += 1
        failed += bool(faults)
        for fault in faults:
            print(f"{what}: {fault}", flush=True)
    print(f"{done} checks, {failed} failed")
    sys.exit(1 if failed else 0)
