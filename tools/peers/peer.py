"""What the engines share: how one is asked from outside, and, in the process of each, its arguments and the figures that it prints.

A peer's file is imported by measure.py as well, outside the virtual environment: it imports its engine in main() only.
"""

import argparse
import glob
import json
import os
import time


class Peer:
    """An engine that runs in the virtual environment, as the program `source`."""

    name = ""  # as the report shows it
    folder = ""  # of its model, in the cache
    package = ""  # what its version is that of
    model = ""  # what its weights are stored in
    weights = ""  # pattern of the files that hold them
    embedding_bits = 0.0  # per weight, as stored
    source = ""

    def __init__(self, environment, options):
        self.environment, self.options = environment, options

    def install(self):
        """Makes it able to run, or raises Failure."""

    def make_model(self, checkpoint, out):
        """Makes the folder `out` from a Hugging Face folder, or raises Failure."""
        raise NotImplementedError

    def version(self):
        return self.environment.version(self.package)

    def command(self, model, ids_file, new_tokens):
        return [self.environment.python, self.source, model, "--ids-file", ids_file, "--max-new-tokens", str(new_tokens), "--threads",
                str(self.options.threads), *(["--cold"] if self.options.cold else [])]

    def figures(self, output):
        """From what the command printed: ids, ttft_ms (from the call to the first new token), tpot_ms (mean of those that follow)."""
        return json.loads(output.splitlines()[-1])

    def weight_bytes_per_token(self, model, config):
        """All stored weights but the embedding, of which a token reads one row."""
        stored = sum(os.path.getsize(path) for path in glob.glob(os.path.join(model, self.weights)))
        return stored - config["vocab_size"] * config["hidden_size"] * self.embedding_bits / 8


def arguments(*flags):
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--ids-file", required=True)
    parser.add_argument("--max-new-tokens", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--cold", action="store_true")
    for flag in flags:
        parser.add_argument(flag)
    options = parser.parse_args()
    with open(options.ids_file, encoding="utf-8") as file:
        options.ids = [int(word) for word in file.read().replace(",", " ").split()]
    return options


def answer(options, generate):
    """Prints the figures of one answer. `generate(ids, new_tokens, tick)` calls tick() at each new token and returns the new ids.

    Unless cold, a short answer goes before: some engines finish loading in the first one (OpenVINO repacks its weights then).
    """
    warm_up_ms = 0.0
    if not options.cold:
        begin = time.monotonic()
        generate(options.ids[:-17:-1], 2, lambda: None)  # another start than the prompt's: no cache of prefixes helps
        warm_up_ms = 1000 * (time.monotonic() - begin)
    times = []
    begin = time.monotonic()
    ids = generate(options.ids, options.max_new_tokens, lambda: times.append(time.monotonic()))
    if len(times) != len(ids):
        raise SystemExit(f"error: {len(ids)} tokens came at {len(times)} times")
    print(json.dumps({"ids": ids, "ttft_ms": 1000 * (times[0] - begin), "tpot_ms": 1000 * (times[-1] - times[0]) / (len(ids) - 1),
                      "warm_up_ms": warm_up_ms}))
