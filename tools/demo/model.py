"""The Phi-3 forward pass in plain PyTorch, as small as training needs it."""
import torch
import torch.nn.functional as F
from torch import nn

HIDDEN, HEADS, INTERMEDIATE, LAYERS, VOCABULARY = 384, 4, 768, 4, 4096
WINDOW, CONTEXT, EPSILON, THETA = 256, 2048, 1e-5, 10000.0
HEAD = HIDDEN // HEADS


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(HIDDEN))

    def forward(self, x):
        return F.rms_norm(x, (HIDDEN,), self.weight, EPSILON)


def rotate(x, cos, sin):  # (rows, heads, tokens, head)
    low, high = x.chunk(2, -1)
    return x * cos + torch.cat((-high, low), -1) * sin


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = Norm(), Norm()
        self.self_attn, self.mlp = nn.Module(), nn.Module()
        self.self_attn.qkv_proj = nn.Linear(HIDDEN, 3 * HIDDEN, bias=False)
        self.self_attn.o_proj = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.mlp.gate_up_proj = nn.Linear(HIDDEN, 2 * INTERMEDIATE, bias=False)
        self.mlp.down_proj = nn.Linear(INTERMEDIATE, HIDDEN, bias=False)

    def forward(self, x, cos, sin, mask):
        rows, tokens, _ = x.shape
        q, k, v = self.self_attn.qkv_proj(self.input_layernorm(x)).view(rows, tokens, 3, HEADS, HEAD).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, attn_mask=mask)
        x = x + self.self_attn.o_proj(y.transpose(1, 2).reshape(rows, tokens, HIDDEN))
        gate, up = self.mlp.gate_up_proj(self.post_attention_layernorm(x)).chunk(2, -1)
        return x + self.mlp.down_proj(F.silu(gate) * up)


class Phi3(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(VOCABULARY, HIDDEN)
        self.model.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.model.norm = Norm()
        self.lm_head = nn.Linear(HIDDEN, VOCABULARY, bias=False)
        frequency = THETA ** (-torch.arange(0, HEAD, 2) / HEAD)
        angle = torch.outer(torch.arange(CONTEXT).float(), frequency)
        angle = torch.cat((angle, angle), -1)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                zero = name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight"))
                nn.init.zeros_(p) if zero else nn.init.normal_(p, std=0.3 if "embed" in name else 0.6 * HIDDEN ** -0.5)

    def hidden(self, tokens, mask):  # (rows, tokens), (rows, 1, tokens, tokens)
        n = tokens.shape[1]
        x = self.model.embed_tokens(tokens)
        for layer in self.model.layers:
            x = layer(x, self.cos[:n], self.sin[:n], mask)
        return self.model.norm(x)

    def forward(self, tokens, mask):
        return self.lm_head(self.hidden(tokens, mask))


def window_mask(tokens, window=WINDOW):
    i = torch.arange(tokens)
    distance = i[:, None] - i[None]
    return (distance >= 0) & (distance < window)
