"""Kills `philo convert` at random moments and fills its disk: what is left must be nothing or the old folder, and the next run must succeed.

    python3 tests/cli/kill_test.py PHILO MODEL [--kills N] [--seed N]

MODEL is made larger on the way (its vocabulary is repeated), so that there is something to interrupt. Needs no privileges: the full disk
is a limit on the size of files, and, where this user may mount one, a small tmpfs as well. Python's standard library only.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

REPEATS = 400  # of the vocabulary's rows


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])]) for name, entry in header.items()}


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def enlarge(model, folder):
    shutil.copytree(model, folder)
    tensors = read_safetensors(os.path.join(model, "model.safetensors"))
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        if name in tensors:
            dtype, (rows, columns), data = tensors[name]
            tensors[name] = (dtype, [rows * REPEATS, columns], data * REPEATS)
    write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
    path = os.path.join(folder, "config.json")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    config["vocab_size"] *= REPEATS
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)


def contents(folder):
    """Every file below a folder with its bytes; None where there is no folder."""
    if not os.path.exists(folder):
        return None
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(at, name), "rb") as file:
                found[os.path.relpath(os.path.join(at, name), folder)] = file.read()
    return found


class Faults:
    def __init__(self):
        self.count = 0

    def check(self, fine, text):
        if not fine:
            self.count += 1
            print("WRONG " + text, flush=True)


def command(options, source, target, force):
    return [options.philo, "convert", source, target, "--weight-format", "int8", "--quiet"] + (["--force"] if force else [])


def kill_runs(options, source, folder, seconds, complete, faults):
    """At moments spread over a whole run, half of them over an old folder. Then once more without a kill."""
    target = os.path.join(folder, "out")
    for index in range(options.kills):
        force, how = index % 2 == 1, signal.SIGKILL if index % 3 else signal.SIGINT
        shutil.rmtree(target, ignore_errors=True)
        old = None
        if force:
            os.mkdir(target)
            with open(os.path.join(target, "old.txt"), "w", encoding="utf-8") as file:
                file.write("old")
            old = contents(target)
        delay = random.uniform(0, 1.1 * seconds)
        process = subprocess.Popen(command(options, source, target, force), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.send_signal(how)
        code = process.wait()
        error = process.stderr.read().decode(errors="replace")
        process.stderr.close()
        now = contents(target)
        where = f"{how.name} after {delay * 1000:.0f} ms{', over an old folder' if force else ''}: exit code {code}"
        state = "nothing" if now is None else "the old folder" if now == old else "the new folder" if now == complete else "a mixture"
        hidden = [name for name in os.listdir(folder) if name != "out"]
        print(f"{where}; left {state}{' and ' + ', '.join(hidden) if hidden else ''}", flush=True)
        faults.check(state != "a mixture", f"{where} leaves {sorted(now or [])}")
        faults.check(state == "the new folder" or (now is None) == (old is None), f"{where}: the old folder is gone")
        faults.check(code in (0, 130, -how), f"{where}: {error}")
        faults.check(code != 0 or state == "the new folder", f"{where}: {state} although it succeeded")
        if how == signal.SIGINT:
            faults.check(not hidden, f"{where}: {hidden} stayed")
        done = subprocess.run(command(options, source, target, force or state == "the new folder"), capture_output=True, text=True)
        faults.check(done.returncode == 0, f"the run after it: {done.stderr}")
        faults.check(contents(target) == complete, "the run after it does not yield the whole folder")
        faults.check(os.listdir(folder) == ["out"], f"the run after it leaves {os.listdir(folder)}")


def full_disk(options, source, folder, complete, faults, what, prepare=None):
    for force in (False, True):
        target = os.path.join(folder, "out")
        shutil.rmtree(target, ignore_errors=True)
        if force:
            os.mkdir(target)
            open(os.path.join(target, "old.txt"), "w", encoding="utf-8").close()
        old = contents(target)
        done = subprocess.run(command(options, source, target, force), capture_output=True, text=True, preexec_fn=prepare)
        print(f"{what}: exit code {done.returncode}: {done.stderr.strip()[:160]}", flush=True)
        faults.check(done.returncode == 5, f"{what}: exit code {done.returncode}, expected 5: {done.stderr}")
        faults.check(contents(target) == old, f"{what}: the folder changed")
        faults.check([name for name in os.listdir(folder) if name != "out"] == [], f"{what}: {os.listdir(folder)} are left")


def limit_files(most_bytes):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))


def tmpfs_runs(options, source, folder, complete, faults):
    size = sum(map(len, complete.values()))
    place = os.path.join(folder, "disk")
    os.mkdir(place)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size // 2}", "none", place], capture_output=True).returncode:
        print("full tmpfs: skipped, this user may not mount one")
        return
    try:
        full_disk(options, source, place, complete, faults, "a disk that is too small from the start")
        # Room when it starts, and none soon after: another program takes it.
        subprocess.run(["mount", "-o", f"remount,size={2 * size}", place], check=True)
        target = os.path.join(place, "out")
        process = subprocess.Popen(command(options, source, target, True), stderr=subprocess.PIPE, text=True)
        try:
            with open(os.path.join(place, "other"), "wb", buffering=0) as other:
                while process.poll() is None:
                    other.write(bytes(1 << 16))
        except OSError:
            pass
        error = process.communicate()[1]
        print(f"a disk that fills meanwhile: exit code {process.returncode}: {error.strip()[:160]}", flush=True)
        faults.check(process.returncode in (0, 5), f"a disk that fills meanwhile: {error}")
        faults.check(process.returncode == 0 or sorted(os.listdir(place)) == ["other", "out"], f"a full disk leaves {os.listdir(place)}")
        faults.check(process.returncode == 0 or list(contents(target)) == ["old.txt"], "a full disk changed the old folder")
        os.remove(os.path.join(place, "other"))
        done = subprocess.run(command(options, source, target, True), capture_output=True, text=True)
        faults.check(done.returncode == 0 and contents(target) == complete, f"with room again: {done.stderr}")
    finally:
        subprocess.run(["umount", place], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("philo")
    parser.add_argument("model")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    random.seed(seed)
    faults = Faults()
    with tempfile.TemporaryDirectory(prefix="philo-kill-") as root:
        source, folder = os.path.join(root, "model"), os.path.join(root, "place")
        os.mkdir(folder)
        enlarge(options.model, source)
        target = os.path.join(folder, "out")
        start = time.monotonic()
        subprocess.run(command(options, source, target, False), check=True)
        seconds = time.monotonic() - start
        complete = contents(target)
        print(f"seed {seed}; a whole run takes {seconds * 1000:.0f} ms and writes {sum(map(len, complete.values())) / 1e6:.1f} MB")
        kill_runs(options, source, folder, seconds, complete, faults)
        shutil.rmtree(target)
        weights = len(complete["model.safetensors"])
        full_disk(options, source, folder, complete, faults, "files limited to half of the weights", limit_files(weights // 2))
        full_disk(options, source, folder, complete, faults, "files limited to 100 bytes", limit_files(100))
        shutil.rmtree(target)
        tmpfs_runs(options, source, folder, complete, faults)
    print(f"{faults.count} faults")
    sys.exit(1 if faults.count else 0)


if __name__ == "__main__":
    main()
