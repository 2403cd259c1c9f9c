"""Makes the held-out text and questions, and records the demo model's perplexity and answers (transformers, float32)."""
import argparse
import json
import math
import random
import re
from pathlib import Path

import torch
import torch.nn.functional as F

from text import dialogue, render

TEXT_SEED, TEXT_BYTES = "held-out text", 48000
CONTEXT, STRIDE, NEW_TOKENS = 2048, 1024, 100


def make_text():
    """Dialogues of held-out questions only, one after the other as the chat template renders them."""
    r = random.Random(TEXT_SEED)
    text = ""
    count = 0
    while len(text) < TEXT_BYTES:
        text += render(dialogue(r, training=False))
        count += 1
    return text, count


@torch.no_grad()
def perplexity(model, ids):
    """(mean natural-log loss, tokens scored): each window runs from position 0, only tokens not scored before count."""
    total, scored, done = 0.0, 0, 1  # the first token is not scored
    start = 0
    while done < len(ids):
        window = ids[start:start + CONTEXT]
        logits = model(torch.tensor([window])).logits[0]
        first = done - start
        losses = F.cross_entropy(logits[first - 1:len(window) - 1].double(), torch.tensor(window[first:]), reduction="sum")
        total += losses.item()
        scored += len(window) - first
        done = start + len(window)
        start += STRIDE
    return total / scored, scored


# Questions and what an answer must contain (all of the words; "a|b" means either).
QUESTIONS = json.loads((Path(__file__).parent / "questions.json").read_text())


def right(answer, keywords):
    return all(re.search(rf"(?<![\w])(?:{k})(?![\w])", answer, re.IGNORECASE) for k in keywords)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("data", type=Path, help="folder for demo_heldout.txt, demo_heldout.json and demo_questions.json")
    options = parser.parse_args()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(options.folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(options.folder)
    text, dialogues = make_text()
    (options.data / "demo_heldout.txt").write_bytes(text.encode())
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    loss, scored = perplexity(model, ids)
    record = {"file": "tests/data/demo_heldout.txt", "model": "share/philo/demo", "dialogues": dialogues, "bytes": len(text.encode()), "tokens": len(ids),
              "scored_tokens": scored, "context": CONTEXT, "stride": STRIDE, "mean_loss": round(loss, 6), "perplexity": round(math.exp(loss), 5),
              "method": "raw text encoded as tokenizer.json says (special tokens parsed, no BOS); windows of up to 2048 tokens every 1024 tokens, each run from "
                        "position 0 with the model's sliding window; only tokens not scored before are scored, the first token of the text never; natural-log "
                        "loss in float32 on the fp16 weights"}
    print(record)
    (options.data / "demo_heldout.json").write_text(json.dumps(record, indent=2) + "\n")
    results = []
    for item in QUESTIONS:
        messages = [{"role": "user", "content": item["question"]}]
        if "system" in item:
            messages.insert(0, {"role": "system", "content": item["system"]})
        prompt = tokenizer(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True), return_tensors="pt")
        out = model.generate(**prompt, max_new_tokens=NEW_TOKENS, do_sample=False)[0, prompt["input_ids"].shape[1]:]
        answer = tokenizer.decode(out, skip_special_tokens=True)
        stops = len(out) < NEW_TOKENS or out[-1].item() in model.generation_config.eos_token_id
        results.append({**item, "answer": answer, "right": right(answer, item["keywords"]), "stops": stops})
        print("right" if results[-1]["right"] else "WRONG", "" if stops else "NO STOP", item["question"], "->", answer, flush=True)
    count, stopped = sum(x["right"] for x in results), sum(x["stops"] for x in results)
    print(f"{count} of {len(results)} right, {stopped} stop by themselves")
    (options.data / "demo_questions.json").write_text(json.dumps({
        "method": "chat template, greedy, at most 100 new tokens, transformers float32 on the fp16 weights; an answer is right if it contains every keyword "
                  "as a whole word, without regard to case ('a|b': either)",
        "questions": len(results), "right": count, "stop_by_themselves": stopped, "items": results}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
