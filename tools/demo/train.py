"""Trains the demo model on text.py's dialogues: Muon for the matrices, AdamW for the rest; resumable; fixed seeds."""
import argparse
import math
import random
import time
from pathlib import Path

import torch
import torch.multiprocessing as multiprocessing
import torch.nn.functional as F
from tokenizers import Tokenizer

from model import LAYERS, Phi3, window_mask
from text import dialogue, recitation, render
from tokenizer import ASSISTANT, END, END_OF_TEXT

SEED = 7
ROWS, PIECES, TOKENS = 8, 4, 384  # a step is ROWS rows in PIECES pieces
# The learning rates' factor at these steps, straight lines between them; the last step ends the training.
SCHEDULE = [(-1, 0.0), (59, 1.0), (787, 1.0), (868, 482 / 563), (1000, 482 / 563), (1106, 482 / 563 * 314 / 420),
            (1200, 482 / 563 * 314 / 420), (1254, 482 / 563 * 314 / 420 * 496 / 550),
            (1350, 482 / 563 * 314 / 420 * 496 / 550), (1950, 0.0)]
MUON_RATE, ADAM_RATE, MOMENTUM = 0.02, 0.004, 0.95
RECITE = [(1106, 0.1), (868, 0.25), (0, 0.0)]  # from this step on, this share of the rows are texts to repeat
QUESTION_SHARE = 0.25  # of the tokens outside answers, this share is trained on; of answers all


def answer_mask(ids):
    """1 where a token belongs to an answer or ends it."""
    inside, result = False, []
    for i in ids:
        result.append(1.0 if inside else 0.0)
        if i == ASSISTANT:
            inside = True
        elif i == END:
            inside = False
        elif i == END_OF_TEXT:
            result[-1] = 1.0
    return result


def batch(tokenizer, seed, rows, training=True, recite=0.0):
    """(inputs, targets, trained-on mask, attention mask): whole dialogues from the start of each row, the last one cut."""
    r = random.Random(seed)
    ids, answers, documents = [], [], []
    for row in range(rows):
        line, part, document = [], [], []
        copies = recite and r.random() < recite
        while len(line) <= TOKENS:
            new = tokenizer.encode(render(recitation(r) if copies else dialogue(r, training))).ids
            document += [document[-1] + 1 if document else 0] * len(new)
            line += new
            part += answer_mask(new)
        if r.random() < 0.5:  # half of the rows see across dialogues, half do not
            document = [0] * len(document)
        ids.append(line[:TOKENS + 1])
        answers.append([a or not copies and r.random() < QUESTION_SHARE for a in part[1:TOKENS + 1]] if training else part[1:TOKENS + 1])
        documents.append(document[:TOKENS])
    ids, answers, documents = torch.tensor(ids), torch.tensor(answers).bool(), torch.tensor(documents)
    mask = (documents[:, :, None] == documents[:, None]) & window_mask(TOKENS)
    return ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), answers, mask[:, None]


def orthogonal(g, steps=4):
    """Newton-Schulz iteration towards the nearest orthogonal matrix; batched."""
    x = g / (g.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    for _ in range(steps):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
    return x.mT if tall else x


@torch.no_grad()
def muon(p, gradient, momentum, parts, rate):
    """One Muon step of a matrix that is fused of `parts` matrices."""
    momentum.lerp_(gradient, 1 - MOMENTUM)
    g = gradient.lerp(momentum, MOMENTUM).view(parts, -1, p.shape[1])
    scale = max(1, g.shape[1] / g.shape[2]) ** 0.5
    p.mul_(1 - 0.01 * rate).add_(orthogonal(g).reshape(p.shape), alpha=-rate * scale)


@torch.no_grad()
def adam(p, gradient, state, step, rate):
    first, second = state
    first.lerp_(gradient, 0.1)
    second.lerp_(gradient * gradient, 0.05)
    p.addcdiv_(first / (1 - 0.9 ** step), (second / (1 - 0.95 ** step)).sqrt_().add_(1e-10), value=-rate)


def rate_at(step):
    for (x, low), (y, high) in zip(SCHEDULE, SCHEDULE[1:]):
        if step <= y:
            return low + (high - low) * (step - x) / (y - x)
    return 0.0


@torch.no_grad()
def held_out_loss(model, data):
    inputs, targets, answers, mask = data
    loss = F.cross_entropy(model(inputs, mask).transpose(1, 2), targets, reduction="none")
    return loss.mean().item(), loss[answers].mean().item()


@torch.no_grad()
def answer(model, tokenizer, question, limit=80):
    ids = tokenizer.encode(f"<|user|>\n{question}<|end|>\n<|assistant|>\n").ids
    start = len(ids)
    while len(ids) < start + limit:
        x = torch.tensor([ids])
        token = model(x, window_mask(len(ids))[None, None])[0, -1].argmax().item()
        if token in (END, END_OF_TEXT):
            break
        ids.append(token)
    return tokenizer.decode(ids[start:])


SAMPLES = ["Can you introduce yourself?", "What is the capital of Norway?", "What is 23 plus 14?", "What does a bee eat?", "Repeat this: The blue dog sings.",
           "Tell me a story about a brave mouse.", "Write a Python function that adds two numbers.", "What is a zorbik?", "Anna has a red ball. Tom has a big hat. Who has the hat?"]


class Work:
    """What the worker processes share: a counter that hands out pieces of work, and barriers between the phases."""

    def __init__(self, workers):
        self.workers = workers
        context = multiprocessing.get_context("spawn")
        self.next = context.Value("q", 0)
        self.barrier = context.Barrier(workers)

    def claim(self, count, phase):
        """Yields the pieces of this phase that no other worker took; `phase` counts all pieces handed out before it."""
        while True:
            with self.next.get_lock():
                piece = self.next.value - phase
                if piece >= count:
                    return
                self.next.value += 1
            yield piece


def worker(rank, options, model, gradients, optimizer, first, seconds, work):
    """One of the processes that share the weights. Small pieces of each batch go to whoever is free."""
    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(Path(options.tokenizer) / "tokenizer.json"))
    named = list(model.named_parameters())
    mine = gradients[rank]
    for (_, p), g in zip(named, mine):
        p.grad = g
    hidden_states = torch.compile(model.hidden) if options.compile else model.hidden
    test = batch(tokenizer, "held out", rows=8, training=False) if rank == 0 else None
    checkpoint = Path(options.checkpoint)
    phase, smooth = 0, None
    started = saved = time.time()
    for step in range(first, options.steps):
        scale = rate_at(step)
        losses = []
        for piece in work.claim(PIECES, phase):
            inputs, targets, wanted, mask = batch(tokenizer, f"{SEED} {step} {piece}", ROWS // PIECES, recite=next(share for start, share in RECITE if step >= start))
            loss = F.cross_entropy(model.lm_head(hidden_states(inputs, mask)[wanted]), targets[wanted])
            (loss / PIECES).backward()
            losses.append(loss.item())
        work.barrier.wait()
        phase += PIECES
        with work.next.get_lock():
            work.next.value = phase
        work.barrier.wait()
        for piece in work.claim(len(named), phase):
            name, p = named[piece]
            total = gradients[0][piece].clone()
            for other in gradients[1:]:
                total += other[piece]
            state = optimizer[piece]
            if "proj" in name:
                parts = 3 if "qkv_proj" in name else 2 if "gate_up" in name else 1
                muon(p.data, total, state[0], parts, MUON_RATE * scale)
            else:
                adam(p.data, total, state, step + 1, ADAM_RATE * scale)
        work.barrier.wait()
        phase += len(named)
        with work.next.get_lock():
            work.next.value = phase
        for g in mine:
            g.zero_()
        work.barrier.wait()
        last = step + 1 in (options.steps, options.stop)
        if rank:
            if last:
                break
            continue
        if losses:
            mean = sum(losses) / len(losses)
            smooth = mean if smooth is None else 0.95 * smooth + 0.05 * mean
        now = time.time()
        seconds += now - started
        started = now
        if (step + 1) % 20 == 0 or last:
            print(f"step {step + 1} loss {smooth:.4f} rate {scale:.3f} {seconds:.0f} s", flush=True)
        if (step + 1) % 200 == 0 or last:
            every, answers = held_out_loss(model, test)
            print(f"held out: all {every:.4f} (perplexity {math.exp(every):.2f}), answers {answers:.4f}", flush=True)
        if (step + 1) % 400 == 0 or last:
            for question in SAMPLES:
                print(f"  {question} -> {answer(model, tokenizer, question)}", flush=True)
        if now - saved > 150 or last:
            part = checkpoint.with_suffix(".part")
            torch.save({"model": model.state_dict(), "optimizer": optimizer, "step": step + 1, "seconds": seconds}, part)
            part.replace(checkpoint)
            saved = now
        if last:
            break


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tokenizer", help="folder with tokenizer.json")
    parser.add_argument("checkpoint", help="file to save to and resume from")
    parser.add_argument("--steps", type=int, default=SCHEDULE[-1][0])
    parser.add_argument("--stop", type=int, help="stop (and save) after this step")
    parser.add_argument("--compile", action="store_true", help="fuse with torch.compile: a third faster, rounds differently")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    model = Phi3()
    named = list(model.named_parameters())
    optimizer = [[torch.zeros_like(p.data) for _ in range(1 if "proj" in name else 2)] for name, p in named]
    first, seconds = 0, 0.0
    if Path(options.checkpoint).exists():
        state = torch.load(options.checkpoint)
        model.load_state_dict(state["model"])
        optimizer, first, seconds = state["optimizer"], state["step"], state["seconds"]
    model.share_memory()
    gradients = [[torch.zeros_like(p.data).share_memory_() for _, p in named] for _ in range(options.workers)]
    for tensors in optimizer:
        for t in tensors:
            t.share_memory_()
    print(f"{sum(p.numel() for _, p in named)} parameters, {LAYERS} layers, steps {first} to {options.steps}", flush=True)
    multiprocessing.spawn(worker, (options, model, gradients, optimizer, first, seconds, Work(options.workers)), nprocs=options.workers)


if __name__ == "__main__":
    main()
