"""philo as a process, and its logits and greedy texts held against a peer's by the gap rule (docs/design.md, 5)."""

import json
import os
import subprocess

import numpy as np
from safetensors.numpy import load_file


def philo(command, *arguments):
    done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout, done.stderr.strip()


class Faults(Exception):
    """What a check found wrong."""


def must(condition, message):
    if not condition:
        raise Faults(message)


def report(command, *arguments):
    """philo's answer as JSON."""
    code, out, error = philo(command, *arguments)
    must(code == 0, f"{' '.join(map(str, arguments[:2]))} exits with {code}: {error}")
    return json.loads(out)


class Held:
    """What was found over some prompts of one folder: worst relative error, greedy steps that agree and that are decided, faults."""

    def __init__(self, command, folder, work, allowed, decided_gap, options):
        self.command, self.folder, self.allowed, self.decided_gap, self.options = command, folder, allowed, decided_gap, [*options, "--json"]
        self.ids_file, self.logits_file = os.path.join(work, "ids.txt"), os.path.join(work, "logits.safetensors")
        self.worst, self.equal, self.due, self.faults = 0.0, 0, 0, []

    def ask(self, verb, *arguments):
        """The report of `philo VERB`, or nothing and a fault."""
        code, out, error = philo(self.command, verb, self.folder, "--ids-file", self.ids_file, *arguments, *self.options)
        if code:
            self.faults.append(f"{verb} exits with {code}: {error}")
        return None if code else json.loads(out)

    def prompt(self, ids, expected, made, gaps):
        """`expected` logits (tokens, vocabulary); `made`: the peer's greedy tokens, with the gap between the best two logits of each."""
        with open(self.ids_file, "w", encoding="utf-8") as file:
            file.write(",".join(map(str, ids)))
        if self.ask("score", "--logits", self.logits_file) is None:
            return
        errors = np.abs(load_file(self.logits_file)["logits"] - expected).max(axis=1) / np.abs(expected).max(axis=1)
        self.worst = max(self.worst, float(errors.max()))
        if not (errors <= self.allowed).all():
            self.faults.append(f"{len(ids)} tokens: position {int(np.argmax(errors))} is off by {errors.max():.2e} of the largest logit")
        answer = self.ask("run", "--max-new-tokens", len(made), "--ignore-eos")
        if answer is None:
            return
        steps = next((step for step, gap in enumerate(gaps) if gap < self.decided_gap), len(gaps))
        same = next((step for step in range(steps) if answer["ids"][step : step + 1] != made[step : step + 1]), steps)
        self.equal, self.due = self.equal + same, self.due + steps
        if same < steps:
            self.faults.append(f"{len(ids)} tokens: new token {same} is {answer['ids'][same : same + 1]}, expected {made[same]} with a gap of {gaps[same]:.1e}")
