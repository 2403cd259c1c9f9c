"""Measures decoding and memory of `philo run` on a checkpoint, such as the one of phi3_mini.py.

    python tools/synthetic/measure.py FOLDER --philo PATH [--prompt-tokens N] [--new-tokens N] [philo's options ...]

The bar: with the weights as stored, peak memory at most weights + KV cache + 500 MB, and decoding at 70 % or more of the bandwidth at
which this machine reads memory (measured here, by as many threads as there are processors). Exit code 1 where it is missed.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np

ALLOWED_BYTES = 500e6
ALLOWED_SHARE = 0.7


def read_bandwidth(threads=os.cpu_count(), megabytes=512, rounds=8):
    """Bytes per second, best of some rounds: dot products over arrays far larger than the caches."""
    arrays = [np.ones(megabytes * 262144, np.float32) for _ in range(threads)]
    best = 0.0
    for _ in range(rounds):
        workers = [threading.Thread(target=np.dot, args=(array, array)) for array in arrays]
        begin = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, sum(array.nbytes for array in arrays) / (time.perf_counter() - begin))
    return best


def stored_bytes(folder):
    return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder) if name.endswith(".safetensors"))


def read_per_token(folder, config):
    """Weight bytes that one token reads: all but the embedding's rows, which it reads one of (a tied embedding is read as the head)."""
    element = {"bfloat16": 2, "float16": 2, "float32": 4}[config.get("torch_dtype") or config["dtype"]]
    embedding = 0 if config.get("tie_word_embeddings") else config["vocab_size"] * config["hidden_size"] * element
    return stored_bytes(folder) - embedding


def run(command):
    """Standard output as JSON and the peak resident memory (VmHWM) in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command[:3])} … exits with {process.returncode}")
    return json.loads(out), usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--philo", required=True)
    parser.add_argument("--prompt-tokens", type=int, default=32)
    parser.add_argument("--new-tokens", type=int, default=32)
    options, more = parser.parse_known_args()
    with open(os.path.join(options.folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    bandwidth = read_bandwidth()
    ids = ",".join(str(100 + 7 * index % 20000) for index in range(options.prompt_tokens))
    answer, peak = run([options.philo, "run", options.folder, "--ids", ids, "--max-new-tokens", str(options.new_tokens), "--ignore-eos", "--json", *more])

    timings = answer["timings"]
    tokens = options.prompt_tokens + options.new_tokens
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    cache = 2 * 2 * config["num_hidden_layers"] * config["num_key_value_heads"] * size * tokens  # float16 keys and values
    weights, read = stored_bytes(options.folder), read_per_token(options.folder, config)
    share = read / (timings["tpot_ms"] / 1000) / bandwidth
    over = peak - weights - cache
    print(f"load {timings['load_ms']:.0f} ms, first token {timings['ttft_ms']:.0f} ms for {timings['prompt_tokens']} prompt tokens "
          f"({timings['prefill_tokens_per_s']:.1f}/s), next tokens {timings['tpot_ms']:.1f} ms each ({timings['decode_tokens_per_s']:.2f}/s)")
    print(f"memory: peak {peak / 1e6:.0f} MB; weights {weights / 1e6:.0f} MB, keys and values {cache / 1e6:.0f} MB, the rest {over / 1e6:.0f} MB (at most {ALLOWED_BYTES / 1e6:.0f})")
    print(f"bandwidth: {read / 1e6:.0f} MB of weights per token, {read / timings['tpot_ms'] / 1e6:.2f} GB/s of {bandwidth / 1e9:.2f} GB/s: "
          f"{100 * share:.0f} % (at least {100 * ALLOWED_SHARE:.0f}); philo says {timings['share_of_bandwidth']}")
    sys.exit(0 if over <= ALLOWED_BYTES and share >= ALLOWED_SHARE else 1)


if __name__ == "__main__":
    main()
