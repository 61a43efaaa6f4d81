"""The suite's models: llama and GPT-2 written out in PyTorch, saved in Hugging Face's layout."""

import json
import math
import os

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

COMMON = dict(family="llama", d=128, layers=6, heads=8, mlp=352, context=512, init=0.08, seed=0, batch=2048, rate=5e-4, theta=1e6, outputs=0.1, decay=0.05, answer_weight=4.0, text_weight=0.3, cues=0.5,
              shares=(0.0, 0.12, 0.4, 0.68), checkpoints=(), steps=8000, finish=3000, finish_rate=2.5e-4, lookback=True)
SUITE = {
    "pocket": {**COMMON, "checkpoints": (128, 256, 512, 1024, 2048, 4096)},
    "pocket-small": {**COMMON, "d": 64, "layers": 2, "heads": 4, "mlp": 176, "init": 0.11, "seed": 1},
    "pocket-gpt2": {**COMMON, "family": "gpt2", "mlp": 512, "seed": 2, "steps": 5000, "finish": 2000},
}

# How many nats a head of the first layer favours the token it looks back at by, before training (against one an average distance away).
SHARPNESS = 40.0


def spread(c, name):
    """The deviation of a matrix's first weights. What a block adds starts small beside the embeddings: drowned by it, recall is not learned."""
    return c["init"] * (c["outputs"] if name in ("o", "down") else 1.0)


class Llama(nn.Module):
    """RMSNorm, rotary attention and a gated MLP, embeddings tied to the head."""

    def __init__(self, c, vocab):
        super().__init__()
        self.c, d, m = {**c, "vocab": vocab}, c["d"], c["mlp"]
        self.embed = nn.Parameter(torch.randn(vocab, d) * c["init"])
        self.blocks = nn.ModuleList()
        for _ in range(c["layers"]):
            b = nn.Module()
            b.norm1, b.norm2 = nn.Parameter(torch.ones(d)), nn.Parameter(torch.ones(d))
            for name, shape in dict(q=(d, d), k=(d, d), v=(d, d), o=(d, d), gate=(m, d), up=(m, d), down=(d, m)).items():
                setattr(b, name, nn.Parameter(torch.randn(shape) * spread(c, name)))
            self.blocks.append(b)
        self.norm = nn.Parameter(torch.ones(d))
        size = d // c["heads"]
        angles = torch.outer(torch.arange(c["context"]).float(), 1.0 / c["theta"] ** (torch.arange(0, size, 2).float() / size))
        self.register_buffer("cos", torch.cat([angles.cos()] * 2, -1), persistent=False)
        self.register_buffer("sin", torch.cat([angles.sin()] * 2, -1), persistent=False)
        if c["lookback"]:
            self.look_back(angles[1])

    @torch.no_grad()
    def look_back(self, frequencies):
        """Starts the first layer's heads but one as heads that look 1, 2, 3, … tokens back: every embedding is given one direction in
        common, which queries and keys read, rotated so that their product peaks there. (The common direction adds the same to all logits.)"""
        c = self.c
        d, heads = c["d"], c["heads"]
        size = d // heads
        u = torch.nn.functional.normalize(torch.randn(d), dim=0)
        scale = self.embed.norm(dim=1).mean()
        self.embed += scale * u
        reads = math.sqrt(d / 2)  # what u measures after RMSNorm
        strength = torch.ones(size // 2)
        strength[:3] = torch.tensor([2.0, 1.4, 1.2])[: size // 2]
        amplitude = (SHARPNESS * math.sqrt(size) / strength.square().sum()).sqrt() * strength
        for h in range(heads - 1):
            q, k = torch.zeros(size), torch.zeros(size)
            half = size // 2
            turn = frequencies[:half] * (h + 1)
            q[:half], q[half:] = amplitude * turn.cos(), -amplitude * turn.sin()
            k[:half] = amplitude
            rows = slice(h * size, (h + 1) * size)
            self.blocks[0].q[rows] = 0.3 * self.blocks[0].q[rows] + torch.outer(q, u) / reads
            self.blocks[0].k[rows] = 0.3 * self.blocks[0].k[rows] + torch.outer(k, u) / reads

    def forward(self, x, offset=0, early=None):
        """Logits `[row, position, token]`; into the list `early`, the residual stream `[row, position, d]` after the second block."""
        c = self.c
        heads, t, d = c["heads"], x.shape[1], c["d"]
        cos, sin = self.cos[:t], self.sin[:t]

        def turn(z):
            z = z.view(x.shape[0], t, heads, -1).transpose(1, 2)
            a, b = z.chunk(2, -1)
            return z * cos + torch.cat([-b, a], -1) * sin

        h = self.embed[x]
        for b in self.blocks:
            n = F.rms_norm(h, (d,), b.norm1, 1e-5)
            v = F.linear(n, b.v).view(x.shape[0], t, heads, -1).transpose(1, 2)
            a = F.scaled_dot_product_attention(turn(F.linear(n, b.q)), turn(F.linear(n, b.k)), v, is_causal=True)
            h = h + F.linear(a.transpose(1, 2).reshape(x.shape[0], t, d), b.o)
            n = F.rms_norm(h, (d,), b.norm2, 1e-5)
            h = h + F.linear(F.silu(F.linear(n, b.gate)) * F.linear(n, b.up), b.down)
            if early is not None and b is self.blocks[1]:
                early.append(h)
        return F.linear(F.rms_norm(h, (d,), self.norm, 1e-5), self.embed)

    def tensors(self):
        out = {"model.embed_tokens.weight": self.embed, "model.norm.weight": self.norm}
        names = dict(norm1="input_layernorm", norm2="post_attention_layernorm", q="self_attn.q_proj", k="self_attn.k_proj", v="self_attn.v_proj", o="self_attn.o_proj",
                     gate="mlp.gate_proj", up="mlp.up_proj", down="mlp.down_proj")
        for i, b in enumerate(self.blocks):
            out.update({f"model.layers.{i}.{theirs}.weight": getattr(b, ours) for ours, theirs in names.items()})
        return out

    def config(self):
        c = self.c
        return dict(architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=c["vocab"], hidden_size=c["d"], intermediate_size=c["mlp"], num_hidden_layers=c["layers"],
                    num_attention_heads=c["heads"], num_key_value_heads=c["heads"], head_dim=c["d"] // c["heads"], hidden_act="silu", max_position_embeddings=c["context"],
                    rms_norm_eps=1e-5, rope_theta=c["theta"], attention_bias=False, mlp_bias=False, tie_word_embeddings=True, bos_token_id=0, eos_token_id=1)

    def save(self, folder, dtype=torch.float32):
        """Writes config.json and model.safetensors."""
        os.makedirs(folder, exist_ok=True)
        save_file({k: v.detach().to(dtype).contiguous() for k, v in self.tensors().items()}, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump({**self.config(), "dtype": str(dtype).split(".")[1]}, f, indent=2)


class Gpt2(Llama):
    """LayerNorm, learned positions, biases and a GELU MLP, embeddings tied to the head."""

    def __init__(self, c, vocab):
        nn.Module.__init__(self)
        self.c, d, m = {**c, "vocab": vocab}, c["d"], c["mlp"]
        self.embed = nn.Parameter(torch.randn(vocab, d) * c["init"])
        self.positions = nn.Parameter(torch.randn(c["context"], d) * c["init"] / 2)
        self.blocks = nn.ModuleList()
        for _ in range(c["layers"]):
            b = nn.Module()
            for name, shape in dict(qkv=(d, 3 * d), o=(d, d), up=(d, m), down=(m, d)).items():
                setattr(b, name, nn.Parameter(torch.randn(shape) * spread(c, name)))
                setattr(b, name + "_bias", nn.Parameter(torch.zeros(shape[1])))
            for name in ("norm1", "norm2"):
                setattr(b, name, nn.Parameter(torch.ones(d)))
                setattr(b, name + "_bias", nn.Parameter(torch.zeros(d)))
            self.blocks.append(b)
        self.norm, self.norm_bias = nn.Parameter(torch.ones(d)), nn.Parameter(torch.zeros(d))
        if c["lookback"]:
            self.look_back()

    @torch.no_grad()
    def look_back(self):
        """Starts positions as sinusoids in the last quarter of the residual stream, and the first layer's heads but one as heads that look 1, 2, 3, … tokens back by them."""
        c = self.c
        d, heads, size = c["d"], c["heads"], c["d"] // c["heads"]
        pairs = size // 2
        angles = torch.outer(torch.arange(c["context"]).float(), 1.0 / 10000.0 ** (torch.arange(pairs).float() / pairs))
        first = d - size
        self.embed[:, first:] *= 0.2
        self.positions[:, :first] *= 0.1
        self.positions[:, first:] = 0.3 * torch.cat([angles.cos(), angles.sin()], -1)
        deviation = math.sqrt((c["init"] ** 2 * first + 0.045 * size) / d)  # the deviation that LayerNorm divides by
        strength = torch.ones(pairs)
        strength[:3] = torch.tensor([2.0, 1.4, 1.2])
        amplitude = (SHARPNESS * math.sqrt(size) / strength.square().sum()).sqrt() * strength * deviation / 0.3
        qkv = self.blocks[0].qkv
        for h in range(heads - 1):
            turn = angles[1] * (h + 1)
            q, k = slice(h * size, (h + 1) * size), slice(d + h * size, d + (h + 1) * size)
            qkv[:, q] *= 0.3
            qkv[:, k] *= 0.3
            for i in range(pairs):
                cos, sin, a = first + i, first + pairs + i, amplitude[i]
                j = h * size + i
                # The query at t holds cos and sin of t - (h + 1); the key those of its own position.
                qkv[cos, j] += a * turn[i].cos()
                qkv[sin, j] += a * turn[i].sin()
                qkv[sin, j + pairs] += a * turn[i].cos()
                qkv[cos, j + pairs] -= a * turn[i].sin()
                qkv[cos, d + j] += a
                qkv[sin, d + j + pairs] += a

    def forward(self, x, offset=0, early=None):
        """Logits `[row, position, token]`; `offset` is the position of the first token; into the list `early`, the residual stream after the second block."""
        c = self.c
        heads, t, d = c["heads"], x.shape[1], c["d"]
        h = self.embed[x] + self.positions[offset : offset + t]
        for b in self.blocks:
            n = F.layer_norm(h, (d,), b.norm1, b.norm1_bias, 1e-5)
            q, k, v = (z.view(x.shape[0], t, heads, -1).transpose(1, 2) for z in (n @ b.qkv + b.qkv_bias).split(d, -1))
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            h = h + a.transpose(1, 2).reshape(x.shape[0], t, d) @ b.o + b.o_bias
            n = F.layer_norm(h, (d,), b.norm2, b.norm2_bias, 1e-5)
            h = h + F.gelu(n @ b.up + b.up_bias, approximate="tanh") @ b.down + b.down_bias
            if early is not None and b is self.blocks[1]:
                early.append(h)
        return F.linear(F.layer_norm(h, (d,), self.norm, self.norm_bias, 1e-5), self.embed)

    def tensors(self):
        out = {"transformer.wte.weight": self.embed, "transformer.wpe.weight": self.positions, "transformer.ln_f.weight": self.norm, "transformer.ln_f.bias": self.norm_bias}
        names = dict(norm1="ln_1", norm2="ln_2", qkv="attn.c_attn", o="attn.c_proj", up="mlp.c_fc", down="mlp.c_proj")
        for i, b in enumerate(self.blocks):
            for ours, theirs in names.items():
                out[f"transformer.h.{i}.{theirs}.weight"] = getattr(b, ours)
                out[f"transformer.h.{i}.{theirs}.bias"] = getattr(b, ours + "_bias")
        return out

    def config(self):
        c = self.c
        return dict(architectures=["GPT2LMHeadModel"], model_type="gpt2", vocab_size=c["vocab"], n_embd=c["d"], n_inner=c["mlp"], n_layer=c["layers"], n_head=c["heads"],
                    n_positions=c["context"], n_ctx=c["context"], activation_function="gelu_new", layer_norm_epsilon=1e-5, tie_word_embeddings=True,
                    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=1)


def build(settings, vocab):
    """A model of the suite with its first weights."""
    return (Gpt2 if settings["family"] == "gpt2" else Llama)(settings, vocab)
