"""Writes what transformers' logits processors make of small logits: tests/data/sampler/goldens.json.

usage: python tools/golden/sampler_goldens.py tests/data/sampler/goldens.json
"""

import json
import math
import sys

import numpy
import torch
import transformers
from transformers.generation import logits_process as processors


def processor_list(options):
    """The list that GenerationMixin._get_logits_processor builds for these options."""
    chain = []
    if options["repetition_penalty"] != 1.0:
        chain.append(processors.RepetitionPenaltyLogitsProcessor(options["repetition_penalty"]))
    if not options["do_sample"]:
        return chain
    if options["temperature"] != 1.0:
        chain.append(processors.TemperatureLogitsWarper(options["temperature"]))
    if options["top_k"] != 0:
        chain.append(processors.TopKLogitsWarper(options["top_k"]))
    if options["top_p"] < 1.0:
        chain.append(processors.TopPLogitsWarper(options["top_p"]))
    if options["min_p"] > 0.0:
        chain.append(processors.MinPLogitsWarper(options["min_p"]))
    return chain


def is_near_a_border(scores, options):
    """Whether a cumulative probability or ratio lies within rounding of its threshold, where libraries may differ."""
    if options["top_p"] < 1.0:
        cumulative = torch.sort(scores)[0].double().softmax(-1).cumsum(-1)
        if (cumulative - (1 - options["top_p"])).abs().min() < 1e-5:
            return True
    if options["min_p"] > 0.0:
        probabilities = scores.double().softmax(-1)
        if (probabilities / probabilities.max() - options["min_p"]).abs().min() < 1e-5:
            return True
    return False


def case(name, logits, history, reject_borders, **chosen):
    options = dict(do_sample=True, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.0)
    options.update(chosen)
    scores = torch.tensor([logits], dtype=torch.float32)
    logits = scores[0].tolist()
    ids = torch.tensor([history], dtype=torch.long)
    for processor in processor_list(options):
        if reject_borders and isinstance(processor, (processors.TopPLogitsWarper, processors.MinPLogitsWarper)):
            if is_near_a_border(scores, options):
                return None
        scores = processor(ids, scores)
    kept = [[i, score] for i, score in enumerate(scores[0].tolist()) if score != -math.inf]
    return dict(name=name, logits=logits, history=history, options=options, kept=kept,
                greedy=int(torch.argmax(scores[0])))


def random_cases(count, generator):
    number = 0
    while number < count:
        vocabulary = int(generator.integers(2, 48))
        logits = generator.normal(0, generator.choice([0.5, 2, 6]), vocabulary).astype(numpy.float32)
        if generator.random() < 0.5:  # ties
            logits = numpy.round(logits * 2) / 2
        history = generator.integers(0, vocabulary, int(generator.integers(1, 20))).tolist()
        made = case(
            f"random {number}", logits.tolist(), history, True,
            do_sample=bool(generator.random() < 0.9),
            temperature=float(generator.choice([1.0, 0.3, 0.7, 1.5])),
            top_k=int(generator.choice([0, 0, 1, 3, 10, 50, 100])),
            top_p=float(generator.choice([1.0, 1.0, 0.95, 0.9, 0.5, 0.1])),
            min_p=float(generator.choice([0.0, 0.0, 0.05, 0.3])),
            repetition_penalty=float(generator.choice([1.0, 1.0, 1.1, 1.3, 0.8])),
        )
        if made:
            number += 1
            yield made


def edge_cases():
    equal = [1.0] * 10
    yield case("top_k keeps ties at the k-th largest", [3.0, 1.0, 2.0, 2.0, 2.0, 0.0], [0], False, top_k=2)
    yield case("top_k above the vocabulary", [3.0, 1.0, 2.0], [0], False, top_k=50)
    yield case("top_k with masked logits", [-math.inf, 1.0, -math.inf, 2.0], [0], False, top_k=3)
    yield case("top_p over equal logits", equal, [0], False, top_p=0.9)
    yield case("top_p exactly at a border", [0.0] * 4, [0], False, top_p=0.5)
    yield case("top_p 0 keeps one", [1.0, 4.0, 4.0, 2.0], [0], False, top_p=0.0)
    yield case("min_p 1 keeps ties of the best", [1.0, 4.0, 4.0, 2.0], [0], False, min_p=1.0)
    yield case("repetition penalty once per id", [2.0, -2.0, 0.0, 3.0], [0, 0, 1, 1, 1, 2], False, repetition_penalty=1.5)
    yield case("greedy ignores temperature", [2.0, 1.0, 0.5], [0], False, do_sample=False, temperature=0.3, top_k=1, top_p=0.1)
    yield case("greedy tie takes the lowest id", [2.0, 3.0, 3.0], [0], False, do_sample=False)
    yield case("penalty can change the greedy choice", [2.0, 3.0, -1.0], [1], False, do_sample=False, repetition_penalty=2.0)
    yield case("low temperature", [10.0, 9.0, 8.0, -50.0], [0], False, temperature=0.01)
    yield case("top_p after top_k", [5.0, 4.0, 3.0, 2.0, 1.0], [0], False, top_k=3, top_p=0.9)
    yield case("min_p after top_p and temperature", [5.0, 4.0, 3.0, 2.0, 1.0], [0], False, temperature=2.0, top_p=0.97, min_p=0.2)


def json_number(value):
    return "-inf" if value == -math.inf else value


def make_sort_stable():
    """Which of equal logits survive top_p is left open by torch.sort (it differs by size); its stable order is what philo follows."""
    sort = torch.sort
    torch.sort = lambda scores, **keywords: sort(scores, stable=True, **keywords)


def main():
    make_sort_stable()
    cases = list(edge_cases()) + list(random_cases(120, numpy.random.default_rng(7)))
    for made in cases:
        made["logits"] = [json_number(value) for value in made["logits"]]
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write('{"transformers": %s, "cases": [\n' % json.dumps(transformers.__version__))
        file.write(",\n".join(json.dumps(made) for made in cases))
        file.write("\n]}\n")


main()
