"""Writes a training checkpoint as a Hugging Face folder in fp16 and checks that transformers computes the same from it."""
import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import model as architecture
from model import Phi3, window_mask
from tokenizer import END, ASSISTANT, END_OF_TEXT

PROMPT = "<|system|>\nYou are a helpful AI assistant.<|end|>\n<|user|>\nCan you introduce yourself?<|end|>\n<|assistant|>\n"


def config():
    return {
        "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1,
        "embd_pdrop": 0.0, "eos_token_id": END_OF_TEXT, "hidden_act": "silu", "hidden_size": architecture.HIDDEN, "initializer_range": 0.02,
        "intermediate_size": architecture.INTERMEDIATE, "max_position_embeddings": architecture.CONTEXT, "num_attention_heads": architecture.HEADS,
        "num_hidden_layers": architecture.LAYERS, "num_key_value_heads": architecture.HEADS,
        "original_max_position_embeddings": architecture.CONTEXT, "pad_token_id": END_OF_TEXT, "resid_pdrop": 0.0,
        "rms_norm_eps": architecture.EPSILON, "rope_scaling": None, "rope_theta": architecture.THETA, "sliding_window": architecture.WINDOW,
        "tie_word_embeddings": False, "torch_dtype": "float16", "use_cache": True, "vocab_size": architecture.VOCABULARY,
    }


def write(checkpoint, tokenizer_folder, folder):
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.to(torch.float16).contiguous() for k, v in torch.load(checkpoint)["model"].items()}
    assert all(torch.isfinite(v).all() for v in state.values())
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    for name, value in (("config.json", config()),
                        ("generation_config.json", {"_from_model_config": True, "bos_token_id": 1, "do_sample": False,
                                                    "eos_token_id": [END_OF_TEXT, ASSISTANT, END], "pad_token_id": END_OF_TEXT})):
        (folder / name).write_text(json.dumps(value, indent=2) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copyfile(Path(tokenizer_folder) / name, folder / name)


@torch.no_grad()
def check(folder):
    """The largest difference of a logit between transformers and model.py, over a text longer than the window."""
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ours = Phi3().eval()
    ours.load_state_dict({k: v.float() for k, v in load_file(folder / "model.safetensors").items()})
    tokenizer = AutoTokenizer.from_pretrained(folder)
    plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
    text = PROMPT * 40
    assert tokenizer(text)["input_ids"] == plain.encode(text).ids
    ids = torch.tensor([plain.encode(text).ids])
    difference = (theirs(ids).logits - ours(ids, window_mask(ids.shape[1])[None, None])).abs().max().item()
    prompt = tokenizer(PROMPT, return_tensors="pt")
    answer = theirs.generate(**prompt, max_new_tokens=100)
    print(f"{ids.shape[1]} tokens, largest difference of a logit {difference:.2e}")
    print(tokenizer.decode(answer[0], skip_special_tokens=False))
    assert difference < 1e-3, difference
    print(f"{sum(f.stat().st_size for f in folder.iterdir()) / 1e6:.2f} MB")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("tokenizer", help="folder with tokenizer.json")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    write(options.checkpoint, options.tokenizer, options.folder)
    check(options.folder)


if __name__ == "__main__":
    main()
