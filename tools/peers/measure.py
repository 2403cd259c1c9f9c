"""Measures philo in alternation with OpenVINO GenAI, ONNX Runtime GenAI and llama.cpp on this machine's CPU.

    tools/peers/run.sh [options]

Sets the peers up in .venv/speed, makes each one's 4-bit model of the same checkpoint (by default a synthetic Phi-3-mini), and runs them one
after another, round by round, each run in a process of its own: greedy, without speculation, stop tokens ignored, model files in the page
cache. What can't be installed, made or run is said in the report, and the rest goes on. Ctrl-C ends with a report of what is there.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import sys

import report
from environment import Environment
from llama_peer import Llama
from onnxruntime_peer import OnnxRuntime
from openvino_peer import OpenVino
from philo_peer import Philo
from process import Failure, execute

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PEERS = {"openvino": OpenVino, "onnxruntime": OnnxRuntime, "llama": Llama}


def processor():
    """Its name, and the number of cores that this process may use, those with two hardware threads counted once."""
    allowed, cores, name, entry = os.sched_getaffinity(0), set(), platform.machine(), {}
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in [*file, "\n"]:
            key, _, value = line.partition(":")
            if line.strip():
                entry[key.strip()] = value.strip()
                continue
            if int(entry.get("processor", -1)) in allowed:
                cores.add((entry.get("physical id"), entry.get("core id", entry["processor"])))
                name = entry.get("model name", name)
            entry = {}
    return name, len(cores) or len(allowed)


def numbers(text):
    return [int(word) for word in text.split(",")]


def parse():
    parser = argparse.ArgumentParser(prog="tools/peers/run.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--prompt-tokens", type=numbers, default=[128, 512, 2048], metavar="N,N", help="default: 128,512,2048")
    parser.add_argument("--new-tokens", type=int, default=32, help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=processor()[1], help="default: the physical cores that are available, here %(default)s")
    parser.add_argument("--peers", type=lambda names: names.split(","), default=list(PEERS), metavar="A,B", help="default: " + ",".join(PEERS))
    parser.add_argument("--philo", default=os.path.join(ROOT, "build", "release", "bin", "philo"), metavar="PROGRAM", help="default: build/release/bin/philo")
    parser.add_argument("--model", metavar="FOLDER", help="Hugging Face folder that the models are made from; default: tools/synthetic makes one")
    parser.add_argument("--philo-model", metavar="FOLDER", help="philo's int4 folder, where there is one already")
    parser.add_argument("--cache", default=os.path.join(ROOT, "build", "peers"), metavar="FOLDER", help="where models lie; default: build/peers")
    parser.add_argument("--flash-attention", choices=["auto", "on", "off"], default="auto", help="llama.cpp's; default: %(default)s, as it comes")
    parser.add_argument("--cold", action="store_true", help="no short answer before the measured one, which philo never has")
    parser.add_argument("--prepare", action="store_true", help="install and make models only")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    if options.new_tokens < 2 or options.rounds < 1 or options.threads < 1 or min(options.prompt_tokens) < 1:
        parser.error("at least 2 new tokens, 1 round, 1 thread and 1 prompt token are needed")
    return options


def say(text):
    print(text, file=sys.stderr, flush=True)


def made(folder, make):
    """The folder, made beside its final place where it is not there yet."""
    if not os.path.isdir(folder):
        say(f"making {folder}")
        partial = folder + ".partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            make(partial)
            os.rename(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


def checkpoint(environment, options):
    """The Hugging Face folder that all models are made from."""
    if options.model:
        return options.model

    def make(out):
        environment.install("synthetic", ["numpy"])
        environment.run("synthetic", [os.path.join(ROOT, "tools", "synthetic", "phi3_mini.py"), out])

    return made(os.path.join(options.cache, "checkpoint"), make)


def cached_config(environment, options):
    """The checkpoint's config.json. The cache keeps a copy: it holds models of one shape, and the checkpoint may be deleted afterwards."""
    kept = os.path.join(options.cache, "config.json")
    if not os.path.exists(kept):
        shutil.copy(os.path.join(checkpoint(environment, options), "config.json"), kept)
    with open(kept, encoding="utf-8") as file:
        config = json.load(file)
    if options.model:
        with open(os.path.join(options.model, "config.json"), encoding="utf-8") as file:
            if json.load(file) != config:
                raise SystemExit(f"{options.cache} holds models of another shape than {options.model}: name another --cache")
    return config


def prepared(environment, options, result):
    """The engines that can run, each with its model folder."""
    ready = []
    for kind in [Philo, *(PEERS[name] for name in options.peers)]:
        peer = kind(environment, options)
        try:
            say(f"preparing {peer.name}")
            peer.install()
            if kind is Philo and options.philo_model:
                model = options.philo_model
            else:
                model = made(os.path.join(options.cache, peer.folder), lambda out, peer=peer: peer.make_model(checkpoint(environment, options), out))
            result["peers"][peer.name] = {"version": peer.version(), "model": peer.model}
            ready.append((peer, model))
        except (Failure, OSError) as failure:
            result["absent"][peer.name] = str(failure)
            say(f"{peer.name} is left out: {failure}")
    return ready


class Roofs:
    """The machine's limits: by plain loops of our own, and as philo measures them."""

    def __init__(self, environment, options, absent):
        self.environment, self.options, self.absent = environment, options, absent
        self.program = os.path.join(options.cache, "roofs")
        compiler = next((name for name in [os.environ.get("CC"), "clang-19", "gcc", "cc"] if name and shutil.which(name)), "cc")
        try:
            execute([compiler, "-O2", "-march=native", "-pthread", os.path.join(HERE, "roofs.c"), "-o", self.program], environment.log("build-roofs"))
        except Failure as failure:
            absent["plain loops"] = str(failure)

    def measure(self):
        found = {}
        for name, command in [("plain loops", [self.program, str(self.options.threads)]),
                              ("philo devices", [self.options.philo, "devices", "--remeasure", "--json", "--threads", str(self.options.threads)])]:
            if name in self.absent:
                continue
            try:
                found[name] = json.loads(execute(command, self.environment.log("limits"), capture=True).output)
            except (Failure, ValueError) as failure:
                self.absent[name] = str(failure)
        if "philo devices" in found:
            machine = found["philo devices"]["machine"]
            found["philo devices"] = {"read_gb_per_s": machine["read_gb_per_s"], "int8_gop_per_s": max(machine["int8_gop_per_s"].values()),
                                      "disturbed": machine["disturbed"]}
        return found


def read_files(folder):
    """Brings them into the page cache, so that loading is not the disk's."""
    for entry in os.scandir(folder):
        if entry.is_file():
            with open(entry.path, "rb", buffering=0) as file:
                while file.read(16 << 20):
                    pass


def measure(peer, model, prompt_tokens, options, config):
    ids_file = os.path.join(options.cache, f"ids-{prompt_tokens}.txt")
    with open(ids_file, "w", encoding="utf-8") as file:
        file.write(",".join(str(100 + 7 * index % 20000) for index in range(prompt_tokens)))
    read_files(model)
    finished = execute(peer.command(model, ids_file, options.new_tokens), peer.environment.log(f"run-{peer.folder}"), capture=True)
    answer = peer.figures(finished.output)
    if len(answer["ids"]) != options.new_tokens:
        raise Failure(f"{len(answer['ids'])} new tokens instead of {options.new_tokens}")
    return {**report.figures(prompt_tokens, answer, finished.wall_s, finished.peak_bytes), **answer, "wall_s": finished.wall_s,
            "weight_bytes_per_token": peer.weight_bytes_per_token(model, config)}


def rounds(environment, ready, options, config, result):
    roofs, operations = Roofs(environment, options, result["absent"]), report.operations_per_token(config)
    for number in range(1, options.rounds + 1):
        say(f"round {number} of {options.rounds}")
        limits = roofs.measure()
        result["roofs"].append(limits)
        for prompt_tokens in options.prompt_tokens:
            for peer, model in ready:
                job = f"{peer.name}, prompt {prompt_tokens}"
                if job in result["absent"]:
                    continue
                try:
                    of = measure(peer, model, prompt_tokens, options, config)
                except (Failure, OSError, ValueError, LookupError) as failure:
                    result["absent"][job] = f"round {number}: {failure}"
                    say(f"{job} is left out: {failure}")
                    continue
                of = {"peer": peer.name, "round": number, "prompt_tokens": prompt_tokens, **of}
                report.add_shares(of, limits.get("plain loops") or limits.get("philo devices") or {}, operations)
                result["runs"].append(of)
                say(f"{job}: prefill {of['prefill_tokens_per_s']:.1f}/s, decode {of['decode_tokens_per_s']:.2f}/s, load {of['load_s']:.1f} s, "
                    f"peak {of['peak_gb']:.2f} GB")


def main():
    options = parse()
    options.cache = os.path.abspath(options.cache)
    os.makedirs(os.path.join(options.cache, "log"), exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    environment = Environment(os.path.join(ROOT, ".venv", "speed"), os.path.join(options.cache, "log"))
    result = {"cpu": processor()[0], "threads": options.threads, "new_tokens": options.new_tokens, "cold": options.cold, "peers": {}, "absent": {}, "roofs": [], "runs": []}
    stopped = False
    try:
        config = cached_config(environment, options)
        ready = prepared(environment, options, result)
        if not options.prepare:
            rounds(environment, ready, options, config, result)
    except KeyboardInterrupt:
        stopped = True
        say("stopped")
    except (Failure, OSError) as failure:
        result["absent"]["checkpoint"] = str(failure)
    print(f"{result['cpu']}, {options.threads} threads, {options.new_tokens} new tokens")
    for name, of in result["peers"].items():
        print(f"{name} {of['version']}: {of['model']}")
    print(report.text(result["runs"], result["roofs"], result["absent"]))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({**result, "ratios": report.ratios(result["runs"])}, file, indent=1)
            file.write("\n")
    if stopped:
        return 130
    return 0 if result["runs"] or options.prepare and result["peers"] else 1


if __name__ == "__main__":
    sys.exit(main())
