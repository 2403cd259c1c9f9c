"""Writes tests/golden/rope/*.json: configs as transformers saves them, with the rotary frequencies and factor that it computes.

Usage: python tools/golden/rope.py   (needs torch and transformers)
"""

import json
import pathlib
import struct
import tempfile

import torch
from transformers import Phi3Config
from transformers.models.phi3.modeling_phi3 import Phi3RotaryEmbedding

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "rope"
MINI = dict(hidden_size=3072, intermediate_size=8192, num_hidden_layers=32, num_attention_heads=32, vocab_size=32064)
SHORT_35 = [1.0, 1.02, 1.03, 1.03] + [1.05] * 5 + [1.07, 1.10, 1.11, 1.16, 1.16, 1.17, 1.29, 1.34, 1.68, 1.79, 1.82, 1.85]
SHORT_35 += [1.88, 1.91, 1.94, 1.99] + [2.02] * 6 + [2.03] * 9 + [2.08, 2.09, 2.19, 2.22, 2.59, 2.73, 2.75, 2.84]
LONG_35 = [1.08, 1.11, 1.14, 1.34, 1.59, 1.60, 1.62, 2.62, 3.23, 3.23, 4.79, 7.40, 7.70, 9.09, 12.20, 17.67, 24.46, 28.57, 30.42]
LONG_35 += [30.84, 32.59, 32.93, 42.32, 44.96, 50.34, 50.45, 57.55, 57.93, 58.21, 60.14, 62.61, 62.62, 62.71, 63.14, 63.14]
LONG_35 += [63.77, 63.93, 63.96, 63.97, 64.03, 64.07, 64.08, 64.12, 64.41, 64.48, 64.51, 64.53, 64.84]
LONG_4 = [1.118320672**k for k in range(31)] + [32.03, 32.1, 32.13, 32.23, 32.6, 32.61, 32.64, 32.66, 32.7, 32.71, 32.93, 32.97]
LONG_4 += [33.28, 33.49, 33.5, 44.16, 47.77]

FAMILY = {
    "phi-3-mini-4k": dict(MINI, sliding_window=2047),
    "phi-3.5-mini": dict(
        MINI,
        max_position_embeddings=131072,
        original_max_position_embeddings=4096,
        sliding_window=262144,
        rope_scaling={"type": "longrope", "short_factor": SHORT_35, "long_factor": LONG_35},
    ),
    "phi-3-medium-4k": dict(
        hidden_size=5120, intermediate_size=17920, num_hidden_layers=40, num_attention_heads=40, num_key_value_heads=10, sliding_window=2047
    ),
    "phi-4-mini": dict(
        hidden_size=3072,
        intermediate_size=8192,
        num_hidden_layers=32,
        num_attention_heads=24,
        num_key_value_heads=8,
        vocab_size=200064,
        max_position_embeddings=131072,
        original_max_position_embeddings=4096,
        partial_rotary_factor=0.75,
        tie_word_embeddings=True,
        sliding_window=262144,
        bos_token_id=199999,
        eos_token_id=199999,
        pad_token_id=199999,
        rope_scaling={"type": "longrope", "short_factor": [1.0] * 48, "long_factor": LONG_4},
    ),
    "phi-4": dict(
        hidden_size=5120,
        intermediate_size=17920,
        num_hidden_layers=40,
        num_attention_heads=40,
        num_key_value_heads=10,
        vocab_size=100352,
        max_position_embeddings=16384,
        original_max_position_embeddings=16384,
        rope_theta=250000.0,
        bos_token_id=100257,
        eos_token_id=100265,
        pad_token_id=100349,
    ),
    "attention-factor": dict(
        MINI,
        max_position_embeddings=131072,
        rope_scaling={"type": "longrope", "short_factor": [1.0] * 48, "long_factor": [2.0] * 48, "attention_factor": 1.25},
    ),
    "factor": dict(
        MINI,
        max_position_embeddings=131072,
        rope_scaling={"type": "longrope", "short_factor": [1.0] * 48, "long_factor": [2.0] * 48, "factor": 8.0},
    ),
    "limits-reversed": dict(
        MINI,
        max_position_embeddings=2048,
        rope_scaling={"type": "longrope", "short_factor": [1.5] * 48, "long_factor": [2.0] * 48},
    ),
}


def bits(tensor):
    return [struct.unpack("<I", struct.pack("<f", value))[0] for value in tensor.tolist()]


def legacy(arguments):
    """The config as transformers 4 and the model publishers write it."""
    return dict(arguments, model_type="phi3", architectures=["Phi3ForCausalLM"])


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, arguments in FAMILY.items():
        config = Phi3Config(**json.loads(json.dumps(arguments)), architectures=["Phi3ForCausalLM"])
        with tempfile.TemporaryDirectory() as folder:
            config.save_pretrained(folder)
            saved = json.loads((pathlib.Path(folder) / "config.json").read_text())
        saved.pop("transformers_version", None)
        rotary = Phi3RotaryEmbedding(Phi3Config.from_dict(json.loads(json.dumps(saved))))
        original = rotary.config.original_max_position_embeddings
        x = torch.zeros(1)
        rotary(x, torch.tensor([[0]]))
        short = rotary.inv_freq.clone()
        rotary(x, torch.tensor([[original]]))
        long = rotary.inv_freq.clone()
        golden = {
            "config": saved,
            "legacy_config": legacy(arguments),
            "rotary_size": 2 * len(short),
            "attention_factor": rotary.attention_scaling,
            "short_bits": bits(short),
            "long_bits": bits(long),
        }
        (OUT / f"{name}.json").write_text(json.dumps(golden) + "\n")
        print(name, 2 * len(short), rotary.attention_scaling)


if __name__ == "__main__":
    main()
