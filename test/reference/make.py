#!/usr/bin/env python3
"""Regenerates every fixture in this folder (see README.md for what each array is).

    python make.py              all of it (about a minute on one core)
    python make.py llama gpt2   only these parts: llama gpt2 qwen2 qwen3 gpt_neox
                                formats kquant dequant stories260K
    python make.py --check DIR  regenerate into DIR instead of beside this script

Then `node pack.mjs` packs what it wrote, and the derivable files that README.md names may be deleted.

Each number is computed three times: by Hugging Face transformers (eager attention, forward hooks), by
TransformerLens (TransformerBridge, raw weights), and by `Plain`, a forward pass written out below in
float64. `analyse` runs once per implementation; the three results must agree (`compare`) before anything
is written. What is written is always the Hugging Face float32 value.

Needs: torch, transformers, transformer_lens, safetensors, tokenizers, gguf. No network. Fixed seeds.
"""
import copy
import json
import math
import os
import re
import shutil
import struct
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, LlamaConfig, LlamaForCausalLM

transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)
torch.set_grad_enabled(False)

HERE = Path(__file__).resolve().parent
GREEDY_STEPS = 24
SHIFT_GAP = 8
VALUE_SCALES = (0.0, 0.5, 2.0)
DIRECTION_LAYER = 1
DIRECTION_COEF = 3.0
PERTURB_LAYER = 1
PERTURB_SIZE = 1e-2
TOLERANCE = 1e-4  # |ours - theirs| <= TOLERANCE * (1 + |theirs|): what a float32 reimplementation must meet
AGREEMENT = 3e-5  # the three implementations here must agree to this, on the same scale

# ----------------------------------------------------------------------------------------------------------
# Text: a small corpus for the tokenizers, and the prompts. [[...]] marks the span.
# ----------------------------------------------------------------------------------------------------------
CORPUS = """
Once upon a time there was a little girl named Lily. She had a red ball and a small dog.
Tom had a blue kite. The kite was in the tree and Tom was sad. Lily gave Tom her ball.
The cat sat on the mat and the dog ran to the door. Her mother said it was time to go home.
One day the boy went to the park with his friend. They saw a big bird near the water.
Ben lost his hat in the garden. Anna found the hat under the old bench and gave it to Ben.
The teacher asked where the book was. The book was on the table, next to the green lamp.
It was raining, so they stayed inside the house and played with the toys all day.
The old man walked slowly to the market. He bought three apples, two pears and some bread.
When the sun went down, the children were tired. They wanted to sleep, but the wind was loud.
"Do you want to play?" asked the fox. "Yes, I do!" said the rabbit, and they ran to the hill.
The answer is 42. The train leaves at 10:35 and the ticket costs 7 coins.
You are a helpful assistant. Answer the question in one word. The secret word is apple.
What did Lily give to Tom? Lily gave Tom her red ball. What was the color of the kite? It was blue.
""".strip().splitlines()

PROMPTS = {
    "short": "The [[cat]] sat on the mat",
    "control": "Lily had a [[red ball]]. Tom had a blue kite. Lily gave Tom her",
    "probe": "Lily had a [[big red ball]]. One day it was raining, so the children stayed in the house with the dog. "
             "Tom had a blue kite. Lily gave Tom her",
}

TOKENIZER_CASES = [
    "", " ", "Hello world", " leading space", "trailing space ", "two  spaces   three", "tab\tand\nnewline\n\n",
    "Don't we'll I'm they've", "UPPER lower MiXeD", "1234567 3.14 10:35", "naïve café Ünïcödé", "e\u0301 decomposed",
    "日本語のテキスト", "emoji 🙂👩‍👩‍👧 end", "<|endoftext|>", "a<|im_start|>b", "!!! ??? ...---", "x\r\ny",
]

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
CHAT = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "What did Lily give to Tom?"},
    {"role": "assistant", "content": "Her red ball."},
    {"role": "user", "content": "What was the color of the kite?"},
]


# ----------------------------------------------------------------------------------------------------------
# Tokenizers: byte-level BPE, arranged as each family's real one is (pre-tokenizer, specials, BOS).
# ----------------------------------------------------------------------------------------------------------
LLAMA3_RE = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
             r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN_RE = LLAMA3_RE.replace(r"\p{N}{1,3}", r"\p{N}")


def make_tokenizer(style, n_merges=100, corpus=CORPUS):
    """Returns (tokenizers.Tokenizer, tokenizer_config dict). style: llama3 | gpt2 | qwen | neox."""
    tok = Tokenizer(models.BPE(ignore_merges=style == "llama3"))
    if style in ("llama3", "qwen"):
        pattern = Regex(LLAMA3_RE if style == "llama3" else QWEN_RE)
        tok.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(pattern, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ])
    else:
        tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if style in ("qwen", "neox"):
        tok.normalizer = normalizers.NFC()
    tok.decoder = decoders.ByteLevel()
    first = ["<|endoftext|>", "<|padding|>"] if style == "neox" else []
    trainer = trainers.BpeTrainer(vocab_size=256 + len(first) + n_merges, special_tokens=first, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tok.train_from_iterator(corpus, trainer)
    last = {"llama3": ["<|begin_of_text|>", "<|end_of_text|>"], "gpt2": ["<|endoftext|>"],
            "qwen": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "neox": []}[style]
    tok.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in last])
    conf = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 256, "clean_up_tokenization_spaces": False}
    byte_level = processors.ByteLevel(trim_offsets=False)
    if style == "llama3":
        bos = "<|begin_of_text|>"
        tok.post_processor = processors.Sequence([byte_level, processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tok.token_to_id(bos))])])
        conf |= {"bos_token": bos, "eos_token": "<|end_of_text|>"}
    else:
        tok.post_processor = byte_level
        if style == "qwen":
            conf |= {"bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
                     "add_bos_token": False, "chat_template": CHAT_TEMPLATE}
        else:
            conf |= {k: "<|endoftext|>" for k in ("bos_token", "eos_token", "unk_token")}
    return tok, conf


# ----------------------------------------------------------------------------------------------------------
# Models: config.json as it stands on the Hub, random weights of a size that makes attention peaky.
# ----------------------------------------------------------------------------------------------------------
FAMILIES = {
    "llama": {
        "seed": 6, "tokenizer": "llama3", "prompts": PROMPTS,
        "config": dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=64, intermediate_size=160,
                       num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, hidden_act="silu",
                       max_position_embeddings=256, rms_norm_eps=1e-5, rope_theta=10000.0, rope_scaling=None,
                       attention_bias=False, mlp_bias=False, tie_word_embeddings=True, torch_dtype="float32")},
    "gpt2": {
        "seed": 3, "tokenizer": "gpt2", "prompts": PROMPTS,
        "config": dict(architectures=["GPT2LMHeadModel"], model_type="gpt2", n_embd=48, n_layer=3, n_head=4, n_inner=None,
                       n_positions=256, n_ctx=256, activation_function="gelu_new", layer_norm_epsilon=1e-5,
                       attn_pdrop=0.1, embd_pdrop=0.1, resid_pdrop=0.1, initializer_range=0.02)},
    "qwen2": {
        "seed": 3, "tokenizer": "qwen", "prompts": PROMPTS,
        "config": dict(architectures=["Qwen2ForCausalLM"], model_type="qwen2", hidden_size=48, intermediate_size=128,
                       num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, hidden_act="silu",
                       max_position_embeddings=256, max_window_layers=3, sliding_window=128, use_sliding_window=False,
                       rms_norm_eps=1e-6, rope_theta=1000000.0, tie_word_embeddings=True, torch_dtype="float32")},
    "qwen3": {
        "seed": 29, "tokenizer": "qwen", "prompts": PROMPTS,
        "config": dict(architectures=["Qwen3ForCausalLM"], model_type="qwen3", hidden_size=48, intermediate_size=128,
                       num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=16, hidden_act="silu",
                       attention_bias=False, max_position_embeddings=256, max_window_layers=3, sliding_window=None,
                       use_sliding_window=False, rms_norm_eps=1e-6, rope_theta=1000000.0, rope_scaling=None,
                       tie_word_embeddings=True, torch_dtype="float32")},
    "gpt_neox": {
        "seed": 3, "tokenizer": "neox", "prompts": PROMPTS,
        "config": dict(architectures=["GPTNeoXForCausalLM"], model_type="gpt_neox", hidden_size=64, intermediate_size=160,
                       num_hidden_layers=3, num_attention_heads=4, hidden_act="gelu", max_position_embeddings=256,
                       layer_norm_eps=1e-5, rotary_pct=0.25, rotary_emb_base=10000, use_parallel_residual=True,
                       tie_word_embeddings=False, torch_dtype="float16")},
}


def random_weights(model, seed):
    """Deterministic weights, by parameter name in sorted order. Scales give scores of standard deviation ~2-3."""
    g = torch.Generator().manual_seed(seed)
    out = {}
    for name, p in sorted(model.named_parameters()):
        r = torch.randn(p.shape, generator=g)
        is_norm = re.search(r"(norm|ln_\w+|layernorm)\.(weight|bias)$", name)
        if name.endswith("bias"):
            w = r * 0.2
        elif is_norm:
            w = (1.5 if re.search(r"[qk]_norm", name) else 1.0) + r * 0.25
        elif re.search(r"wpe", name):
            w = r * 0.25
        elif re.search(r"(wte|embed_tokens|embed_in|lm_head|embed_out)\.weight$", name):
            w = r * 0.35
        else:  # a projection: output standard deviation `gain` for unit-variance input
            conv1d = p.ndim == 2 and model.config.model_type == "gpt2"  # stored [in, out]
            fan_in = p.shape[0] if conv1d else p.shape[1]
            gain = 1.5 if re.search(r"(q_proj|k_proj|c_attn|query_key_value|gate_proj|c_fc|h_to_4h)", name) else 1.0
            w = r * gain / math.sqrt(fan_in)
        out[name] = w
    return out


HUB_RENAME = {"lm_head.weight": "embed_out.weight"}  # gpt_neox: the name inside published checkpoints


def write_model(folder, spec):
    """Writes config.json, model.safetensors, tokenizer files. Returns nothing: references are read back from disk."""
    folder.mkdir(parents=True, exist_ok=True)
    tok, tok_conf = spec["tokenizer"]() if callable(spec["tokenizer"]) else make_tokenizer(spec["tokenizer"])
    config = dict(spec["config"])
    config["vocab_size"] = tok.get_vocab_size() + spec.get("vocab_padding", 0)
    for key in ("bos_token", "eos_token"):
        config[f"{key}_id"] = tok.token_to_id(tok_conf[key]) if tok_conf.get(key) else None
    model = AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(**config))
    weights = random_weights(model, spec["seed"])
    missing = model.load_state_dict(weights, strict=False).missing_keys
    assert set(missing) <= {"lm_head.weight"}, missing
    if config["model_type"] == "gpt_neox":
        weights = {HUB_RENAME.get(k, k): v for k, v in weights.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    v5 = {k: v for k, v in json.loads(model.config.to_json_string()).items() if k not in ("_name_or_path", "transformers_version")}
    dump(folder / ("config.json" if not spec.get("v5_config") else "config.classic.json"), config)
    dump(folder / ("config.v5.json" if not spec.get("v5_config") else "config.json"), v5)
    tok.save(str(folder / "tokenizer.json"))
    dump(folder / "tokenizer_config.json", tok_conf)


def dump(path, obj):
    path.write_text(json.dumps(obj, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


# ----------------------------------------------------------------------------------------------------------
# The algebra, in plain torch: one forward pass for all families. This is the definition of every hook.
# ----------------------------------------------------------------------------------------------------------
class Plain:
    """Weights regrouped by head, and a forward pass with edits. `config` is the raw config.json dict.

    W_Q [head, d_head, d_model], W_K and W_V [kv_head, d_head, d_model], W_O [head, d_head, d_model], W_U [vocab, d_model].
    """

    def __init__(self, state, config, dtype=torch.float64):
        c, self.dtype = config, dtype
        s = {k.replace("embed_out.", "lm_head."): v.to(dtype) for k, v in state.items()}
        kind = c["model_type"]
        self.H = c.get("num_attention_heads") or c["n_head"]
        self.KV = c.get("num_key_value_heads") or self.H
        self.d = c.get("hidden_size") or c["n_embd"]
        self.L = c.get("num_hidden_layers") or c["n_layer"]
        self.dh = c.get("head_dim") or self.d // self.H
        self.norm_kind = "ln" if kind in ("gpt2", "gpt_neox") else "rms"
        self.eps = c.get("rms_norm_eps") or c.get("layer_norm_epsilon") or c["layer_norm_eps"]
        self.parallel = kind == "gpt_neox" and c.get("use_parallel_residual", True)
        self.act = {"silu": F.silu, "gelu": F.gelu, "gelu_new": lambda x: F.gelu(x, approximate="tanh")}[
            c.get("hidden_act") or c["activation_function"]]
        self.inv_freq = None if kind == "gpt2" else self._inv_freq(c, kind)
        self.layers = [getattr(self, "_" + ("llama" if self.norm_kind == "rms" else kind))(s, i) for i in range(self.L)]
        top = {"gpt2": ("transformer.wte", "transformer.ln_f"), "gpt_neox": ("gpt_neox.embed_in", "gpt_neox.final_layer_norm")}
        embed, final = top.get(kind, ("model.embed_tokens", "model.norm"))
        self.W_E = s[embed + ".weight"]
        self.W_pos = s.get("transformer.wpe.weight")
        self.ln_f = (s[final + ".weight"], s.get(final + ".bias"))
        self.W_U = s.get("lm_head.weight", self.W_E)

    def _inv_freq(self, c, kind):
        r = dict(c.get("rope_scaling") or {}) | dict(c.get("rope_parameters") or {})
        theta = r.get("rope_theta") or c.get("rope_theta") or c["rotary_emb_base"]
        part = r.get("partial_rotary_factor") or c.get("rotary_pct") or 1.0
        n = int(self.dh * part)
        f = 1.0 / theta ** (torch.arange(0, n, 2, dtype=torch.float64) / n)
        if r.get("rope_type", "default") == "llama3":
            old, lo, hi = r["original_max_position_embeddings"], r["low_freq_factor"], r["high_freq_factor"]
            wave = 2 * math.pi / f
            smooth = ((old / wave - lo) / (hi - lo)).clamp(0, 1)  # 1: untouched, 0: divided by factor
            f = (1 - smooth) * f / r["factor"] + smooth * f
        return f.to(self.dtype)

    def _llama(self, s, i):  # llama, mistral, qwen2, qwen3
        p, g = f"model.layers.{i}.", lambda k: s.get(f"model.layers.{i}.{k}")
        w = {"ln1": (s[p + "input_layernorm.weight"], None), "ln2": (s[p + "post_attention_layernorm.weight"], None)}
        for n, heads in (("q", self.H), ("k", self.KV), ("v", self.KV)):
            w["W_" + n] = s[p + f"self_attn.{n}_proj.weight"].view(heads, self.dh, self.d)
            b = g(f"self_attn.{n}_proj.bias")
            w["b_" + n] = None if b is None else b.view(heads, self.dh)
            w[n + "_norm"] = g(f"self_attn.{n}_norm.weight")
        w["W_o"] = s[p + "self_attn.o_proj.weight"].view(self.d, self.H, self.dh).permute(1, 2, 0)
        w["b_o"] = g("self_attn.o_proj.bias")
        for n in ("gate", "up", "down"):
            w["m_" + n], w["mb_" + n] = s[p + f"mlp.{n}_proj.weight"], g(f"mlp.{n}_proj.bias")
        return w

    def _gpt2(self, s, i):  # Conv1D: weights are [in, out]; q, k, v are thirds of the output
        p = f"transformer.h.{i}."
        w = {n: (s[p + f"ln_{n[-1]}.weight"], s[p + f"ln_{n[-1]}.bias"]) for n in ("ln1", "ln2")}
        W, b = s[p + "attn.c_attn.weight"].view(self.d, 3, self.H, self.dh), s[p + "attn.c_attn.bias"].view(3, self.H, self.dh)
        for j, n in enumerate("qkv"):
            w["W_" + n], w["b_" + n] = W[:, j].permute(1, 2, 0), b[j]
        w["W_o"], w["b_o"] = s[p + "attn.c_proj.weight"].view(self.H, self.dh, self.d), s[p + "attn.c_proj.bias"]
        for n, k in (("up", "c_fc"), ("down", "c_proj")):
            w["m_" + n], w["mb_" + n] = s[p + f"mlp.{k}.weight"].T, s[p + f"mlp.{k}.bias"]
        return w

    def _gpt_neox(self, s, i):  # q, k, v interleaved per head: rows are [head, 3, d_head]
        p, g = f"gpt_neox.layers.{i}.", lambda k: s.get(f"gpt_neox.layers.{i}.{k}")
        w = {"ln1": (s[p + "input_layernorm.weight"], s[p + "input_layernorm.bias"]),
             "ln2": (s[p + "post_attention_layernorm.weight"], s[p + "post_attention_layernorm.bias"])}
        W, b = s[p + "attention.query_key_value.weight"].view(self.H, 3, self.dh, self.d), g("attention.query_key_value.bias")
        for j, n in enumerate("qkv"):
            w["W_" + n], w["b_" + n] = W[:, j], None if b is None else b.view(self.H, 3, self.dh)[:, j]
        w["W_o"], w["b_o"] = s[p + "attention.dense.weight"].view(self.d, self.H, self.dh).permute(1, 2, 0), g("attention.dense.bias")
        for n, k in (("up", "dense_h_to_4h"), ("down", "dense_4h_to_h")):
            w["m_" + n], w["mb_" + n] = s[p + f"mlp.{k}.weight"], s[p + f"mlp.{k}.bias"]
        return w

    def norm(self, x, wb):
        """Returns (output, scale [.., 1], normalized before weight and bias)."""
        w, b = wb
        if self.norm_kind == "ln":
            x = x - x.mean(-1, keepdim=True)
        scale = (x.pow(2).mean(-1, keepdim=True) + self.eps).sqrt()
        n = x / scale
        return n * w + (0 if b is None else b), scale, n

    def rope(self, x, positions):
        """Half-split RoPE on the first 2*len(inv_freq) dims of x [pos, head, d_head]; the rest passes through."""
        if self.inv_freq is None:
            return x
        n = len(self.inv_freq)
        angle = positions[:, None, None].to(self.dtype) * self.inv_freq
        cos, sin = angle.cos(), angle.sin()
        a, b, rest = x[..., :n], x[..., n:2 * n], x[..., 2 * n:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)

    def unembed(self, x):
        return x @ self.W_U.T

    def lens(self, x):
        return self.unembed(self.norm(x.to(self.dtype), self.ln_f)[0])

    def run(self, ids, edits={}, positions=None):
        """edits: {(kind, layer): f}. kind resid_pre, attn_out, mlp_out, z: f maps the tensor to a new one;
        scores: a tensor [head, query, key] added before softmax; value_scale: (query, (start, end), w)."""
        ids = torch.as_tensor(ids)
        T = len(ids)
        positions = torch.arange(T) if positions is None else positions
        edit = lambda kind, l, x: edits[kind, l](x) if (kind, l) in edits else x
        lin = lambda x, w, b: x @ w.T + (0 if b is None else b)
        t = {"hook_embed": self.W_E[ids]}
        x = t["hook_embed"]
        if self.W_pos is not None:
            t["hook_pos_embed"] = self.W_pos[positions]
            x = x + t["hook_pos_embed"]
        future = torch.ones(T, T, dtype=torch.bool).triu(1)
        for l, w in enumerate(self.layers):
            B = f"blocks.{l}."
            t[B + "hook_resid_pre"] = x = edit("resid_pre", l, x)
            h, t[B + "ln1.hook_scale"], t[B + "ln1.hook_normalized"] = self.norm(x, w["ln1"])
            for n in "qkv":
                y = torch.einsum("td,hed->the", h, w["W_" + n])
                t[B + "attn.hook_" + n] = y if w["b_" + n] is None else y + w["b_" + n]
            q, k, v = (t[B + "attn.hook_" + n] for n in "qkv")
            if w.get("q_norm") is not None:
                q, k = ((y / (y.pow(2).mean(-1, keepdim=True) + self.eps).sqrt()) * g for y, g in ((q, w["q_norm"]), (k, w["k_norm"])))
            q, k = self.rope(q, positions), self.rope(k, positions)
            if self.inv_freq is not None:
                t[B + "attn.hook_rot_q"], t[B + "attn.hook_rot_k"] = q, k
            k, v = (y.repeat_interleave(self.H // self.KV, dim=1) for y in (k, v))
            scores = torch.einsum("qhe,khe->hqk", q, k) / math.sqrt(self.dh)
            scores = scores.masked_fill(future, -math.inf)
            if ("scores", l) in edits:
                scores = scores + edits["scores", l].to(self.dtype)
            t[B + "attn.hook_attn_scores"] = scores
            t[B + "attn.hook_pattern"] = pattern = scores.softmax(-1)
            if ("value_scale", l) in edits:
                at, (s, e), f = edits["value_scale", l]
                pattern = pattern.clone()
                pattern[:, at, s:e] *= f  # the same as scaling v for this query alone
            z = torch.einsum("hqk,khe->qhe", pattern, v)
            t[B + "attn.hook_z"] = z = edit("z", l, z)
            a = torch.einsum("the,hed->td", z, w["W_o"]) + (0 if w["b_o"] is None else w["b_o"])
            t[B + "hook_attn_out"] = a = edit("attn_out", l, a)
            mid = x if self.parallel else x + a
            if not self.parallel:
                t[B + "hook_resid_mid"] = mid
            h, t[B + "ln2.hook_scale"], t[B + "ln2.hook_normalized"] = self.norm(mid, w["ln2"])
            up = lin(h, w["m_up"], w["mb_up"])
            post = self.act(lin(h, w["m_gate"], w["mb_gate"])) * up if "m_gate" in w else self.act(up)
            t[B + "mlp.hook_post"] = post
            t[B + "hook_mlp_out"] = m = edit("mlp_out", l, lin(post, w["m_down"], w["mb_down"]))
            t[B + "hook_resid_post"] = x = x + a + m
        out, t["ln_final.hook_scale"], t["ln_final.hook_normalized"] = self.norm(x, self.ln_f)
        t["ln_final.hook_out"] = out
        t["logits"] = self.unembed(out)
        return t


# ----------------------------------------------------------------------------------------------------------
# The same run in Hugging Face transformers: eager attention, forward hooks, their own kernels.
# ----------------------------------------------------------------------------------------------------------
MODULES = {  # layers, attention, output projection, mlp, mlp output projection, norms, embeddings, final norm
    "gpt2": dict(layers="transformer.h", attn="attn", o="attn.c_proj", mlp="mlp", down="mlp.c_proj", ln1="ln_1", ln2="ln_2",
                 embed="transformer.wte", pos="transformer.wpe", final="transformer.ln_f"),
    "gpt_neox": dict(layers="gpt_neox.layers", attn="attention", o="attention.dense", mlp="mlp", down="mlp.dense_4h_to_h",
                     ln1="input_layernorm", ln2="post_attention_layernorm", embed="gpt_neox.embed_in", pos=None,
                     final="gpt_neox.final_layer_norm"),
    "llama": dict(layers="model.layers", attn="self_attn", o="self_attn.o_proj", mlp="mlp", down="mlp.down_proj",
                  ln1="input_layernorm", ln2="post_attention_layernorm", embed="model.embed_tokens", pos=None, final="model.norm"),
}


class HF:
    def __init__(self, model):
        self.model = model.eval()
        assert model.config._attn_implementation == "eager"
        self.kind = model.config.model_type
        self.m = MODULES.get(self.kind, MODULES["llama"])
        self.layers = model.get_submodule(self.m["layers"])
        self.final = model.get_submodule(self.m["final"])

    def lens(self, x):
        return self.model.get_output_embeddings()(self.final(x))

    def run(self, ids, edits={}, positions=None):
        t, handles, c, m = {}, [], self.model.config, self.m
        H = c.num_attention_heads
        KV = getattr(c, "num_key_value_heads", None) or H
        on = lambda mod, f: handles.append(mod.register_forward_hook(f, with_kwargs=True))
        before = lambda mod, f: handles.append(mod.register_forward_pre_hook(f, with_kwargs=True))

        def norm_hooks(mod, name):
            def f(mod, args, kw, out):
                x = args[0][0]
                if mod.__class__.__name__ == "LayerNorm":
                    x, eps = x - x.mean(-1, keepdim=True), mod.eps
                else:
                    eps = mod.variance_epsilon
                scale = (x.pow(2).mean(-1, keepdim=True) + eps).sqrt()
                t[name + ".hook_scale"], t[name + ".hook_normalized"] = scale, x / scale
                if name == "ln_final":
                    t[name + ".hook_out"] = out[0]
            on(mod, f)

        def edited(kind, l, key, x, shape=None):  # x has a batch axis; f does not
            y = x[0] if shape is None else x[0].view(shape)
            if (kind, l) in edits:
                y = edits[kind, l](y)
            t[key] = y
            return y.reshape(x.shape)

        def attach(l, layer):
            B = f"blocks.{l}."
            sub = lambda k: layer.get_submodule(m[k])
            before(layer, lambda mod, a, kw: ((edited("resid_pre", l, B + "hook_resid_pre", a[0]), *a[1:]), kw))
            on(layer, lambda mod, a, kw, out: t.__setitem__(B + "hook_resid_post", (out[0] if isinstance(out, tuple) else out)[0]))
            on(sub("attn"), lambda mod, a, kw, out: (edited("attn_out", l, B + "hook_attn_out", out[0]), *out[1:]))
            on(sub("mlp"), lambda mod, a, kw, out: edited("mlp_out", l, B + "hook_mlp_out", out))
            before(sub("o"), lambda mod, a, kw: ((edited("z", l, B + "attn.hook_z", a[0], (a[0].shape[1], H, -1)),), kw))
            before(sub("down"), lambda mod, a, kw: t.__setitem__(B + "mlp.hook_post", a[0][0]))
            if not getattr(layer, "use_parallel_residual", False):
                before(sub("ln2"), lambda mod, a, kw: t.__setitem__(B + "hook_resid_mid", a[0][0]))
            norm_hooks(sub("ln1"), B + "ln1")
            norm_hooks(sub("ln2"), B + "ln2")
            attn = sub("attn")
            put = lambda n, x: t.__setitem__(B + "attn.hook_" + n, x)
            if self.kind == "gpt2":
                on(attn.c_attn, lambda mod, a, kw, out: [put(n, x.view(x.shape[0], H, -1)) for n, x in zip("qkv", out[0].chunk(3, -1))] and None)
            elif self.kind == "gpt_neox":
                on(attn.query_key_value, lambda mod, a, kw, out: [put(n, x) for n, x in zip("qkv", out[0].view(out.shape[1], H, -1).chunk(3, -1))] and None)
            else:
                for n, heads in (("q", H), ("k", KV), ("v", KV)):
                    on(getattr(attn, n + "_proj"), lambda mod, a, kw, out, n=n, heads=heads: put(n, out[0].view(out.shape[1], heads, -1)))

        def eager(module, query, key, value, attention_mask, **kw):  # wraps the family's own eager attention
            l = module.layer_idx
            B, mask = f"blocks.{l}.attn.", attention_mask
            if ("scores", l) in edits:
                mask = mask + edits["scores", l][None].to(query.dtype)
            out, pattern = original(module, query, key, value, mask, **kw)
            if self.kind != "gpt2":
                t[B + "hook_rot_q"], t[B + "hook_rot_k"] = query[0].transpose(0, 1), key[0].transpose(0, 1)
            k = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
            scores = (query @ k.transpose(-1, -2)) * kw["scaling"] + mask
            assert (scores.softmax(-1) - pattern).abs().max() < 1e-6
            scores = scores.masked_fill(scores < -1e30, -math.inf)  # transformers masks with finfo.min
            t[B + "hook_attn_scores"], t[B + "hook_pattern"] = scores[0], pattern[0]
            if ("value_scale", l) in edits:
                at, (s, e), f = edits["value_scale", l]
                scaled = value.clone()
                scaled[:, :, s:e] *= f
                out = out.clone()
                out[:, at] = original(module, query, key, scaled, mask, **kw)[0][:, at]
            return out, pattern

        code = sys.modules[type(self.model).__module__]
        original, code.eager_attention_forward = code.eager_attention_forward, eager
        try:
            on(self.model.get_submodule(m["embed"]), lambda mod, a, kw, out: t.__setitem__("hook_embed", out[0]))
            if m["pos"]:
                on(self.model.get_submodule(m["pos"]), lambda mod, a, kw, out: t.__setitem__("hook_pos_embed", out[0]))
            norm_hooks(self.final, "ln_final")
            for l, layer in enumerate(self.layers):
                attach(l, layer)
            ids = torch.as_tensor(ids)[None]
            pos = torch.arange(ids.shape[1]) if positions is None else positions
            # The mask must be given: without one (and without a cache) transformers reads a jump in position_ids
            # as the start of another packed sequence and cuts attention there.
            t["logits"] = self.model(input_ids=ids, attention_mask=torch.ones_like(ids), position_ids=pos[None], use_cache=False).logits[0]
        finally:
            code.eager_attention_forward = original
            for h in handles:
                h.remove()
        return t

    def greedy(self, ids, steps):
        """Greedy decoding with a KV cache, never stopping early. Returns (ids, logits [step, vocab])."""
        cache, feed, out, rows = DynamicCache(config=self.model.config), torch.as_tensor(ids)[None], [], []
        for _ in range(steps):
            row = self.model(input_ids=feed, past_key_values=cache, use_cache=True).logits[0, -1]
            rows.append(row)
            out.append(int(row.argmax()))
            feed = torch.tensor([[out[-1]]])
        return out, torch.stack(rows)


# ----------------------------------------------------------------------------------------------------------
# The same run in TransformerLens (TransformerBridge, raw weights, no processing).
# ----------------------------------------------------------------------------------------------------------
class TL:
    def __init__(self, model, folder):
        from transformer_lens.model_bridge import TransformerBridge
        self.bridge = TransformerBridge.boot_transformers(str(folder), hf_model=copy.deepcopy(model), device="cpu")

    def lens(self, x):
        return self.bridge.unembed(self.bridge.ln_final(x[None, None]))[0, 0]

    def run(self, ids, edits={}, positions=None):
        hooks = []
        for (kind, l), f in edits.items():
            B = f"blocks.{l}."
            if kind == "scores":
                hooks.append((B + "attn.hook_attn_scores", lambda x, hook, f=f: x + f[None].to(x.dtype)))
            elif kind == "value_scale":
                def scale(x, hook, f=f):
                    at, (s, e), w = f
                    x = x.clone()
                    x[:, :, at, s:e] *= w
                    return x
                hooks.append((B + "attn.hook_pattern", scale))
            else:
                name = B + ("attn.hook_z" if kind == "z" else "hook_" + kind)
                hooks.append((name, lambda x, hook, f=f: f(x[0])[None]))
        ids = torch.as_tensor(ids)[None]
        kw = {} if positions is None else {"position_ids": positions[None], "attention_mask": torch.ones_like(ids)}
        with self.bridge.hooks(fwd_hooks=hooks):
            logits, cache = self.bridge.run_with_cache(ids, prepend_bos=False, return_type="logits", **kw)
        t = {k: v[0] for k, v in cache.items() if isinstance(v, torch.Tensor)}
        for k in [k for k in t if k.endswith("hook_attn_scores")]:
            t[k] = t[k].masked_fill(t[k] < -1e30, -math.inf)
        return t | {"logits": logits[0]}


# ----------------------------------------------------------------------------------------------------------
# The analyses. Written once, run with each implementation.
# ----------------------------------------------------------------------------------------------------------
HOOK = re.compile(r"^(hook_embed|hook_pos_embed|ln_final\.hook_(scale|normalized|out)|blocks\.\d+\.("
                  r"hook_resid_(pre|mid|post)|hook_attn_out|hook_mlp_out|mlp\.hook_post|ln[12]\.hook_(scale|normalized)"
                  r"|attn\.hook_(q|k|v|rot_q|rot_k|attn_scores|pattern|z)))$")


def put(at, vec):
    """Edit: replace the rows `at` (an index or a list) by vec."""
    def f(x):
        x = x.clone()
        x[at] = vec.to(x.dtype)
        return x
    return f


def analyse(impl, W, prompts, pair, rand):
    """impl: Plain | HF | TL. W: a Plain of the same precision, for the algebra on weights. prompts: name -> dict with
    ids, span, answer, rivals. Returns {array name: tensor}."""
    out, L, H = {}, W.L, W.H
    base = {p: impl.run(q["ids"]) for p, q in prompts.items()}
    B = lambda l, n: f"blocks.{l}.{n}"

    def scored(q, edits={}, positions=None):
        """Log-probabilities of (answer, *rivals) and the logit difference answer - rivals[0], at the last position."""
        row = impl.run(q["ids"], edits, positions)["logits"][-1]
        lp = row.log_softmax(-1)[[q["answer"], *q["rivals"]]]
        return lp, row[q["answer"]] - row[q["rivals"][0]]

    lds = lambda pairs: torch.stack([x[1] for x in pairs])
    lps = lambda pairs: torch.stack([x[0] for x in pairs])
    mean_z = [torch.cat([base[p][B(l, "attn.hook_z")] for p in prompts]).mean(0) for l in range(L)]  # pooled over all tokens
    out["mean_z"] = torch.stack(mean_z)
    direction = rand["direction"]

    for p, q in prompts.items():
        t, n, put_out = base[p], len(q["ids"]), lambda k, v: out.__setitem__(f"{p}/{k}", v)
        (s, e), a, rivals = q["span"], q["answer"], q["rivals"]
        for k, v in t.items():
            if HOOK.match(k):
                put_out(k, v)
        put_out("logits", t["logits"])
        put_out("final_logprobs", t["logits"][-1].log_softmax(-1))

        # Logit lens, the final norm recomputed at every layer
        rows = [t[B(l, "hook_resid_pre")][-1] for l in range(L)] + [t[B(L - 1, "hook_resid_post")][-1]]
        lens = torch.stack([impl.lens(r).log_softmax(-1) for r in rows])
        put_out("lens.logprobs", lens)
        put_out("lens.margin", lens[:, a] - lens[:, rivals].max(-1).values)

        # Direct logit attribution, the final norm's scale frozen
        u, scale = W.W_U[a] - W.W_U[rivals[0]], t["ln_final.hook_scale"][-1]
        w_f, b_f = W.ln_f

        def direct(c):  # c [..., d_model]
            c = c - c.mean(-1, keepdim=True) if W.norm_kind == "ln" else c
            return (c * w_f / scale) @ u

        zero = torch.zeros((), dtype=u.dtype)
        heads = [torch.einsum("he,hed->hd", t[B(l, "attn.hook_z")][-1], W.layers[l]["W_o"]) for l in range(L)]
        source = []  # [layer] of [head, source, d_model]: pattern * v W_O
        for l in range(L):
            v = t[B(l, "attn.hook_v")].repeat_interleave(H // W.KV, dim=1)
            vo = torch.einsum("khe,hed->hkd", v, W.layers[l]["W_o"])
            source.append(t[B(l, "attn.hook_pattern")][:, -1, :, None] * vo)
        dla = {
            "dla.embed": direct(t["hook_embed"][-1]),
            "dla.pos_embed": direct(t["hook_pos_embed"][-1]) if "hook_pos_embed" in t else zero,
            "dla.head": direct(torch.stack(heads)),
            "dla.attn_bias": torch.stack([zero if W.layers[l]["b_o"] is None else direct(W.layers[l]["b_o"]) for l in range(L)]),
            "dla.mlp": torch.stack([direct(t[B(l, "hook_mlp_out")][-1]) for l in range(L)]),
            "dla.ln_final_bias": zero if b_f is None else b_f @ u,
            "dla.unembed_bias": zero,  # none of these families has one
        }
        total = t["logits"][-1, a] - t["logits"][-1, rivals[0]]
        assert abs(sum(x.sum() for x in dla.values()) - total) < 1e-4, (p, "direct logit attribution does not sum")
        dla["dla.total"] = total
        dla["dla.head_source"] = direct(torch.stack(source))
        assert (dla["dla.head_source"].sum(-1) - dla["dla.head"]).abs().max() < 1e-4
        for k, v in dla.items():
            put_out(k, v)
        put_out("attn.value_norm", torch.stack(source).norm(dim=-1))

        # Knockout: scores from the last query to the span become -inf
        def block(heads=slice(None)):
            m = torch.zeros(H, n, n)
            m[heads, -1, s:e] = -math.inf
            return m
        put_out("knockout.all_layers", scored(q, {("scores", l): block() for l in range(L)})[0])
        put_out("knockout.layer", lps([scored(q, {("scores", l): block()}) for l in range(L)]))
        put_out("knockout.head", torch.stack([lps([scored(q, {("scores", l): block(h)}) for h in range(H)]) for l in range(L)]))

        # Ablations at every position
        def head_to(h, value):
            def f(z):
                z = z.clone()
                z[:, h] = value
                return z
            return f
        put_out("ablate.zero_head", torch.stack([lds([scored(q, {("z", l): head_to(h, 0.0)}) for h in range(H)]) for l in range(L)]))
        put_out("ablate.mean_head", torch.stack([lds([scored(q, {("z", l): head_to(h, mean_z[l][h])}) for h in range(H)]) for l in range(L)]))
        for kind in ("attn_out", "mlp_out"):
            put_out(f"ablate.zero_{kind}", lds([scored(q, {(kind, l): torch.zeros_like}) for l in range(L)]))

        # Scaling the span's values for the last query, in all layers
        put_out("scale_values", lds([scored(q, {("value_scale", l): (-1, (s, e), f) for l in range(L)}) for f in VALUE_SCALES]))

        # Position shift: a gap after the span
        pos = torch.arange(n)
        pos[e:] += SHIFT_GAP
        put_out("shift.logits", impl.run(q["ids"], {}, pos)["logits"][-1])

        # A direction added at the last position, and projected out everywhere
        u1 = direction.to(u.dtype)
        add = {("resid_pre", DIRECTION_LAYER): lambda x: torch.cat([x[:-1], x[-1:] + DIRECTION_COEF * u1.to(x.dtype)])}
        out_of = {("resid_pre", DIRECTION_LAYER): lambda x: x - (x @ u1.to(x.dtype))[:, None] * u1.to(x.dtype)}
        put_out("direction.added_logits", impl.run(q["ids"], add)["logits"][-1])
        put_out("direction.removed_logits", impl.run(q["ids"], out_of)["logits"][-1])

        # Growth of a small perturbation
        noise = rand[f"{p}/noise"].to(u.dtype)
        nudged = impl.run(q["ids"], {("resid_pre", PERTURB_LAYER): lambda x: torch.cat([x[:-1], x[-1:] + noise.to(x.dtype)])})
        grow = lambda l: (nudged[B(l, "hook_resid_post")][-1] - t[B(l, "hook_resid_post")][-1]).norm() / t[B(l, "hook_resid_post")][-1].norm()
        put_out("perturb.growth", torch.stack([grow(l) for l in range(PERTURB_LAYER, L)]))

    # Activation patching, control -> probe
    probe, control = prompts["probe"], base["control"]
    ld = lambda p: base[p]["logits"][-1, probe["answer"]] - base[p]["logits"][-1, probe["rivals"][0]]
    gap = ld("control") - ld("probe")

    def patched(name, grid):
        """grid: nested lists of edits, [layer][...]."""
        got = [[scored(probe, edits) for edits in row] for row in grid]
        out[f"patch/{name}.logprobs"] = torch.stack([lps(row) for row in got])
        out[f"patch/{name}.logit_diff"] = x = torch.stack([lds(row) for row in got])
        out[f"patch/{name}.recovery"] = (x - ld("probe")) / gap

    spans = [(i, j) for i, j, what in pair if what == "span"]
    for kind in ("resid_pre", "attn_out", "mlp_out"):
        value = lambda l, j: control[B(l, f"hook_{kind}")][j]
        patched(kind, [[{(kind, l): put(i, value(l, j))} for i, j, _ in pair] for l in range(L)])
        whole = [[{(kind, l): put([i for i, _ in spans], value(l, [j for _, j in spans]))}] for l in range(L)]
        patched(f"span_{kind}", whole)
    z = lambda l: control[B(l, "attn.hook_z")][-1]
    patched("z_last", [[{("z", l): lambda x, l=l, h=h: put((-1, h), z(l)[h])(x)} for h in range(H)] for l in range(L)])
    out["patch/base"] = torch.stack([ld("control"), ld("probe")])
    return out


def compare(ours, theirs, label, limit=AGREEMENT):
    """Largest |a - b| / (1 + |b|) over arrays both have, by group; fails above `limit`."""
    worst = {}
    for k, b in theirs.items():
        if k not in ours:
            continue
        a, b = ours[k].double(), b.double()
        assert a.shape == b.shape, (label, k, a.shape, b.shape)
        inf = torch.isinf(b)
        assert torch.equal(inf, torch.isinf(a)), (label, k, "different masks")
        a, b = a[~inf], b[~inf]
        d = float(((a - b).abs() / (1 + b.abs())).max()) if b.numel() else 0.0
        group = re.sub(r"^(short|control|probe)/", "", re.sub(r"blocks\.\d+", "blocks.N", k))
        group = re.sub(r"^(dla|lens|knockout|ablate|direction|perturb|shift|greedy|patch).*", r"\1", group)
        worst[group] = max(worst.get(group, 0.0), d)
    bad = {k: v for k, v in worst.items() if not v < limit}
    assert not bad, (label, bad)
    return worst


# ----------------------------------------------------------------------------------------------------------
# Prompts -> ids, spans, answers; the reference files
# ----------------------------------------------------------------------------------------------------------
def locate(marked):
    """Text without [[ ]], and the span's character range."""
    i, j = marked.index("[["), marked.index("]]")
    return marked[:i] + marked[i + 2:j] + marked[j + 2:], (i, j - 2)


def encode_prompt(tok, marked):
    text, (cs, ce) = locate(marked)
    enc = tok.encode(text)
    inside = [i for i, (a, b) in enumerate(enc.offsets) if b > cs and a < ce and not enc.special_tokens_mask[i]]
    return {"text": text, "ids": enc.ids, "ids_no_special": tok.encode(text, add_special_tokens=False).ids,
            "tokens": [tok.decode([i], skip_special_tokens=False) for i in enc.ids],
            "span": [inside[0], inside[-1] + 1], "span_text": text[cs:ce]}


def align(probe, control):
    """Pairs [probe position, control position, what]: the span from its end backwards, the common tail (at most 4
    tokens, last first), and the first token where it is the same in both."""
    (ps, pe), (cs, ce) = probe["span"], control["span"]
    pairs = [[pe - 1 - i, ce - 1 - i, "span"] for i in range(min(pe - ps, ce - cs))]
    P, C = len(probe["ids"]), len(control["ids"])
    for i in range(4):
        assert probe["ids"][P - 1 - i] == control["ids"][C - 1 - i]
        pairs.append([P - 1 - i, C - 1 - i, "last" if i == 0 else "tail"])
    if probe["ids"][0] == control["ids"][0]:
        pairs.append([0, 0, "first"])
    return pairs


def choose_answers(prompts, hf, allowed):
    """Ordinary tokens only. Pair: the answer is what the control says, rivals[0] what the probe says instead (its best other token).
    short: top-1 against its two runners-up."""
    top = {p: [i for i in hf.run(q["ids"])["logits"][-1].argsort(descending=True).tolist() if i in allowed] for p, q in prompts.items()}
    prompts["short"] |= {"answer": top["short"][0], "rivals": top["short"][1:3]}
    answer = top["control"][0]
    rivals = [i for i in top["probe"] if i != answer][:2]
    for p in ("control", "probe"):
        prompts[p] |= {"answer": answer, "rivals": rivals}


def reference(folder, name, hf_model, config, prompts, allowed, seed, tl_folder=None, extra={}):
    """Computes everything for one model three times, checks, writes reference.json and reference.safetensors."""
    hf = HF(hf_model)
    state = {k: v for k, v in hf_model.state_dict().items()}
    W32, W64 = Plain(state, config, torch.float32), Plain(state, config, torch.float64)
    choose_answers(prompts, hf, allowed)
    pair = align(prompts["probe"], prompts["control"])
    g = torch.Generator().manual_seed(seed + 1000)
    d = torch.randn(W32.d, generator=g)
    rand = {"direction": d / d.norm()}
    for p, q in prompts.items():
        v = torch.randn(W32.d, generator=g)
        at = hf.run(q["ids"])[f"blocks.{PERTURB_LAYER}.hook_resid_pre"][-1].norm()
        rand[f"{p}/noise"] = v / v.norm() * PERTURB_SIZE * at

    ours = analyse(hf, W32, prompts, pair, rand)
    checks = {"plain_float64": compare(analyse(W64, W64, prompts, pair, rand), ours, name + " plain float64")}
    if tl_folder is not None:
        lens = analyse(TL(hf_model, tl_folder), W32, prompts, pair, rand)
        missing = {re.sub(r".*/", "", re.sub(r"blocks\.\d+", "blocks.N", k)) for k in ours if k not in lens}
        checks["transformer_lens"] = compare(lens, ours, name + " TransformerLens")
        checks["not_in_transformer_lens"] = sorted(missing)

    for p, q in prompts.items():  # every intervention must do something
        row = ours[f"{p}/logits"][-1]
        base_lp, base_ld = ours[f"{p}/final_logprobs"][[q["answer"], *q["rivals"]]], row[q["answer"]] - row[q["rivals"][0]]
        for key, base, least_effect in (
                ("knockout.all_layers", base_lp, 0.05), ("knockout.layer", base_lp, 0.02), ("knockout.head", base_lp, 1e-3),
                ("ablate.zero_head", base_ld, 1e-3), ("ablate.mean_head", base_ld, 1e-3), ("ablate.zero_attn_out", base_ld, 0.05),
                ("ablate.zero_mlp_out", base_ld, 0.05), ("scale_values", base_ld, 0.02), ("shift.logits", row, 0.02),
                ("direction.added_logits", row, 0.05), ("direction.removed_logits", row, 0.02)):
            effect = float((ours[f"{p}/{key}"] - base).abs().max())
            assert effect > least_effect, (name, p, key, effect)
    gap = ours["patch/base"]
    assert abs(float(gap[0] - gap[1])) > 1.0, (name, "control and probe too close for a recovery", gap)
    ours["direction"] = rand["direction"]
    greedy, least = {}, math.inf
    for p, q in prompts.items():
        ours[f"{p}/perturb.noise"] = rand[f"{p}/noise"]
        greedy[p], rows = hf.greedy(q["ids"], GREEDY_STEPS)
        ours[f"{p}/greedy.logits"] = rows
        again = W64.run(q["ids"] + greedy[p])["logits"][len(q["ids"]) - 1:-1]  # no cache
        assert again.argmax(-1).tolist() == greedy[p]
        compare({"greedy": again}, {"greedy": rows}, name + " greedy")
        top2 = again.topk(2).values
        least = min(least, float((top2[:, 0] - top2[:, 1]).min()))
    assert least > 1e-2, (name, "greedy decoding has a near tie", least)
    scores = [v for k, v in ours.items() if k.endswith("hook_pattern")]
    peak = float(torch.cat([v[:, 4:].max(-1).values.flatten() for v in scores]).mean())

    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.float().contiguous().clone() for k, v in ours.items()}, folder / "reference.safetensors",
              metadata={"computed_by": "Hugging Face transformers, eager attention, float32"})
    dump(folder / "reference.json", {
        "format": 1, "name": name,
        "model": {"n_layers": W32.L, "n_heads": W32.H, "n_kv_heads": W32.KV, "d_model": W32.d, "d_head": W32.dh,
                  "d_mlp": int(W32.layers[0]["m_up"].shape[0]), "d_vocab": int(W32.W_U.shape[0]), "norm": W32.norm_kind, "eps": W32.eps,
                  "parallel": bool(W32.parallel), "gated_mlp": "m_gate" in W32.layers[0], "qk_norm": W32.layers[0].get("q_norm") is not None,
                  "rotary_dims": 0 if W32.inv_freq is None else 2 * len(W32.inv_freq),
                  "tied": bool(torch.equal(W32.W_U, W32.W_E)),
                  "biases": {"qkv": W32.layers[0]["b_q"] is not None, "attn_out": W32.layers[0]["b_o"] is not None,
                             "mlp": W32.layers[0]["mb_up"] is not None}},
        "prompts": prompts,
        "pair": {"control": "control", "probe": "probe", "align": pair, "align_axes": ["probe position", "control position", "what"],
                 "logit_diff": {"control": float(gap[0]), "probe": float(gap[1])}},
        "settings": {"value_scales": VALUE_SCALES, "shift_gap": SHIFT_GAP, "direction_layer": DIRECTION_LAYER,
                     "direction_coef": DIRECTION_COEF, "perturb_layer": PERTURB_LAYER, "perturb_size": PERTURB_SIZE},
        "greedy": greedy, "greedy_least_gap": round(least, 4), "mean_peak_attention": round(peak, 3),
        "tolerance": {"rule": "abs(a - b) <= tolerance * (1 + abs(b))", "tolerance": TOLERANCE},
        **extra,
        "crosscheck": {k: v if isinstance(v, list) else {g: float(f"{x:.2g}") for g, x in sorted(v.items())} for k, v in checks.items()},
    })
    print(f"{name:14s} plain64 {max(checks['plain_float64'].values()):.1e}  TL "
          f"{max(checks.get('transformer_lens', {'': float('nan')}).values()):.1e}  lengths {[len(q['ids']) for q in prompts.values()]}  "
          f"peak attention {peak:.2f}  ld {float(gap[0]):.2f} / {float(gap[1]):.2f}  greedy gap {least:.3f}", flush=True)


def load_hf(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    return model.eval()


def make_family(out, name, spec, tl=True):
    folder = out / name
    write_model(folder, spec)
    model, config = load_hf(folder), json.loads((folder / "config.json").read_text())
    other = next(p for p in (folder / "config.v5.json", folder / "config.classic.json") if p.exists())
    twin = AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(**json.loads(other.read_text())),
                                            attn_implementation="eager", dtype=torch.float32)
    twin.load_state_dict(model.state_dict())
    tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
    auto = AutoTokenizer.from_pretrained(folder)
    prompts = {p: encode_prompt(tok, text) for p, text in spec["prompts"].items()}
    for q in prompts.values():
        assert auto(q["text"]).input_ids == q["ids"], "transformers and tokenizers disagree"
        ids = torch.tensor([q["ids"]])
        assert (twin.eval()(ids).logits - model(ids).logits).abs().max() < 1e-6, "the two config files differ in effect"
    extra = {"tokenizer_cases": [{"text": s, "ids": tok.encode(s).ids, "ids_no_special": tok.encode(s, add_special_tokens=False).ids,
                                  "decoded": tok.decode(tok.encode(s).ids, skip_special_tokens=True)} for s in TOKENIZER_CASES],
             "adds_bos": tok.encode("a").ids != tok.encode("a", add_special_tokens=False).ids}
    for case in extra["tokenizer_cases"]:
        assert auto(case["text"]).input_ids == case["ids"], case
    if auto.chat_template:
        text = auto.apply_chat_template(CHAT, tokenize=False, add_generation_prompt=True)
        extra["chat"] = {"messages": CHAT, "text": text, "ids": tok.encode(text, add_special_tokens=False).ids,
                         "text_without_generation_prompt": auto.apply_chat_template(CHAT, tokenize=False)}
    ordinary = set(range(tok.get_vocab_size())) - set(tok.get_added_tokens_decoder())
    reference(folder, name, model, config, prompts, ordinary, spec["seed"], folder if tl else None, extra)
    return model


# ----------------------------------------------------------------------------------------------------------
# Other formats: shards, bf16, f16, GGUF
# ----------------------------------------------------------------------------------------------------------
GGUF_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
GGUF_LAYER = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
              "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
              "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
              "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def gguf_name(hf):
    m = re.fullmatch(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)", hf)
    if m:
        return f"blk.{m[1]}.{GGUF_LAYER[m[2]]}.{m[3]}"
    stem, kind = hf.rsplit(".", 1)
    return f"{GGUF_NAMES[stem]}.{kind}"


def permute(w, heads):
    """llama.cpp's row order for Q and K in `llama` files (half-split RoPE -> adjacent pairs), as convert_hf_to_gguf does it."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def unpermute(w, heads):
    return w.reshape(heads, w.shape[0] // heads // 2, 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def rope_heads(arch, name, config):
    """Number of heads to permute by, or None: only `llama` files are permuted."""
    m = arch == "llama" and re.search(r"attn_(q|k)\.(weight|bias)$", name)
    return m and (config["num_attention_heads"] if m[1] == "q" else config["num_key_value_heads"])


def write_gguf(path, arch, config, tok, tok_conf, tensors, kind):
    """tensors: GGUF name -> (float32 array, type name) or (raw uint8 blocks [rows, bytes], type name), in file order."""
    import gguf
    w = gguf.GGUFWriter(str(path), arch)
    w.add_name(f"reference {arch}")
    w.add_file_type(getattr(gguf.LlamaFileType, kind))
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_block_count(config["num_hidden_layers"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(heads)
    w.add_head_count_kv(config["num_key_value_heads"])
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_rope_freq_base(config["rope_theta"])
    if arch == "llama":
        w.add_rope_dimension_count(head_dim)
    if config.get("head_dim"):
        w.add_key_length(head_dim)
        w.add_value_length(head_dim)
    w.add_vocab_size(config["vocab_size"])
    w.add_tokenizer_model("gpt2")  # llama.cpp's name for byte-level BPE
    w.add_tokenizer_pre({"llama": "llama-bpe", "qwen2": "qwen2"}[arch])
    spec = json.loads(tok.to_str())
    by_id = sorted(tok.get_vocab(with_added_tokens=True).items(), key=lambda x: x[1])
    special = {t["id"] for t in spec["added_tokens"] if t["special"]}
    tokens = [t for t, _ in by_id]
    types = [gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL for _, i in by_id]
    for i in range(len(tokens), config["vocab_size"]):
        tokens.append(f"[PAD{i}]")
        types.append(gguf.TokenType.UNUSED)
    w.add_token_list(tokens)
    w.add_token_types(types)
    w.add_token_merges([" ".join(m) for m in spec["model"]["merges"]])
    if tok_conf.get("bos_token"):
        w.add_bos_token_id(tok.token_to_id(tok_conf["bos_token"]))
    w.add_eos_token_id(tok.token_to_id(tok_conf["eos_token"]))
    w.add_add_bos_token(tok.encode("a").ids != tok.encode("a", add_special_tokens=False).ids)
    if "chat_template" in tok_conf:
        w.add_chat_template(tok_conf["chat_template"])
    for name, (data, type_name) in tensors.items():
        qtype = gguf.GGMLQuantizationType[type_name]
        if data.dtype == np.uint8:
            w.add_tensor(name, data, raw_dtype=qtype)
        elif type_name == "F32":
            w.add_tensor(name, np.ascontiguousarray(data, dtype=np.float32))
        elif type_name == "F16":
            w.add_tensor(name, data.astype(np.float16))
        else:
            w.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(data, dtype=np.float32), qtype), raw_dtype=qtype)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def gguf_tensors(state, arch, config, type_name):
    """As convert_hf_to_gguf: matrices in the asked type, vectors (norms, biases) in F32, Q and K permuted for llama."""
    out = {}
    if (config.get("rope_scaling") or {}).get("rope_type") == "llama3":  # llama.cpp keeps llama3 scaling as divisors of the frequencies
        plain = dict(config, rope_scaling=None)
        dims = {k: v.float() for k, v in state.items()}
        f0, f1 = (Plain(dims, c).inv_freq for c in (plain, config))
        out["rope_freqs.weight"] = ((f0 / f1).float().numpy(), "F32")
    for hf, v in state.items():
        name, v = gguf_name(hf), v.float().numpy()
        heads = rope_heads(arch, name, config)
        out[name] = (permute(v, heads) if heads else v, type_name if v.ndim == 2 else "F32")
    return out


def read_gguf(path, arch, config):
    """GGUF -> {HF name: float32 tensor}, dequantised by gguf-py, Q and K put back in HF order."""
    import gguf
    back = {}
    for t in gguf.GGUFReader(str(path)).tensors:
        if t.name == "rope_freqs.weight":
            continue
        v = gguf.quants.dequantize(t.data, t.tensor_type).reshape(tuple(int(n) for n in reversed(t.shape)))
        heads = rope_heads(arch, t.name, config)
        back[t.name] = torch.tensor(np.array(unpermute(v, heads) if heads else v, dtype=np.float32))
    hf_names = {gguf_name(n): n for n in [*(f"{a}.weight" for a in GGUF_NAMES)] +
                [f"model.layers.{i}.{a}.{k}" for i in range(config["num_hidden_layers"]) for a in GGUF_LAYER for k in ("weight", "bias")]}
    return {hf_names[k]: v for k, v in back.items()}


def with_weights(model, state):
    m = copy.deepcopy(model)
    missing = m.load_state_dict({k: v.float() for k, v in state.items()}, strict=False).missing_keys
    assert set(missing) <= {"lm_head.weight"}
    m.tie_weights()
    return m


def logits_of(model, prompts):
    out = {f"{p}/final_logits": model(torch.tensor([q["ids"]])).logits[0, -1] for p, q in prompts.items()}
    return out | {"control/logits": model(torch.tensor([prompts["control"]["ids"]])).logits[0]}


def check_hf_gguf(folder, file, want, prompts, tok):
    """transformers has its own GGUF reader: it must load the file to the same logits, and the same token ids."""
    transformers.utils.logging.disable_progress_bar()
    m = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32, attn_implementation="eager").eval()
    got = logits_of(m, prompts)
    worst = max(float((got[k] - want[k]).abs().max()) for k in want)
    assert worst < 1e-4, (file, worst)
    t = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    for q in prompts.values():
        assert t(q["text"], add_special_tokens=False).input_ids == q["ids_no_special"], (file, "tokens")
    return worst


def make_formats(out):
    make_hub_layouts(out)
    make_variants(out)


def make_variants(out):
    """llama in shards, bf16, f16 and GGUF of eight types; qwen2 in GGUF F16. Logits of each in variants.safetensors."""
    for name, types in (("llama", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]), ("qwen2", ["F16"])):
        folder = out / name
        config, tok_conf = (json.loads((folder / f).read_text()) for f in ("config.json", "tokenizer_config.json"))
        tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
        prompts = json.loads((folder / "reference.json").read_text())["prompts"]
        state, model = load_file(folder / "model.safetensors"), load_hf(folder)
        arrays, notes = {}, {}

        def note(variant, m, **more):
            got = logits_of(m, prompts)
            arrays.update({f"{variant}/{k}": v for k, v in got.items()})
            base = logits_of(model, prompts)
            notes[variant] = {"max_difference_from_f32": float(f"{max(float((got[k] - base[k]).abs().max()) for k in got):.3g}"), **more}
            return got

        if name == "llama":
            for kind in ("sharded", "bf16", "f16"):
                sub = folder / kind
                sub.mkdir(exist_ok=True)
                for f in ("config.json", "tokenizer.json", "tokenizer_config.json"):
                    shutil.copy(folder / f, sub / f)
                if kind == "sharded":
                    names, index = sorted(state), {}
                    half = len(names) // 2
                    for i, part in enumerate((names[:half], names[half:])):
                        file = f"model-0000{i + 1}-of-00002.safetensors"
                        save_file({k: state[k] for k in part}, sub / file, metadata={"format": "pt"})
                        index |= {k: file for k in part}
                    dump(sub / "model.safetensors.index.json", {"metadata": {"total_size": sum(v.numel() * 4 for v in state.values())}, "weight_map": index})
                else:
                    dtype = {"bf16": torch.bfloat16, "f16": torch.float16}[kind]
                    c = dict(config, torch_dtype=str(dtype)[6:])
                    dump(sub / "config.json", c)
                    save_file({k: v.to(dtype) for k, v in state.items()}, sub / "model.safetensors", metadata={"format": "pt"})
                note(kind, load_hf(sub))
            assert notes["sharded"]["max_difference_from_f32"] == 0

        sub = folder / "gguf"
        sub.mkdir(exist_ok=True)
        for type_name in types:
            file = f"model.{type_name}.gguf"
            kind = "ALL_F32" if type_name == "F32" else "MOSTLY_" + type_name
            write_gguf(sub / file, config["model_type"], config, tok, tok_conf, gguf_tensors(state, config["model_type"], config, type_name), kind)
            back = read_gguf(sub / file, config["model_type"], config)
            assert set(back) == set(state)
            if type_name == "F32":
                assert all(torch.equal(back[k], state[k]) for k in state)
            got = note("gguf." + type_name, with_weights(model, back))
            notes["gguf." + type_name]["transformers_gguf_reader_max_difference"] = float(f"{check_hf_gguf(sub, file, got, prompts, tok):.2g}")
            key = "model.layers.0.self_attn.k_proj.weight"
            arrays[f"gguf.{type_name}/{key}"] = back[key]
        if name == "llama":
            for a, b in (("f16", "gguf.F16"), ("bf16", "gguf.BF16")):  # the norms stay F32 in GGUF, so only close
                assert abs(notes[a]["max_difference_from_f32"] - notes[b]["max_difference_from_f32"]) < 0.5
        save_file({k: v.float().contiguous().clone() for k, v in arrays.items()}, folder / "variants.safetensors")
        dump(folder / "variants.json", {"ids": {p: q["ids"] for p, q in prompts.items()}, "variants": notes})
        print(f"{name} formats:", {k: v["max_difference_from_f32"] for k, v in notes.items()}, flush=True)


def make_hub_layouts(out):
    """gpt2 and gpt_neox with the tensor names and leftover buffers of the checkpoints first published; same weights."""
    for name in ("gpt2", "gpt_neox"):
        folder = out / name
        sub = folder / "hub_layout"
        sub.mkdir(exist_ok=True)
        state, ctx = load_file(folder / "model.safetensors"), 256
        if name == "gpt2":  # no "transformer." prefix; the causal mask is stored per layer
            state = {k.removeprefix("transformer."): v for k, v in state.items()}
            state |= {f"h.{i}.attn.bias": torch.ones(ctx, ctx).tril()[None, None].contiguous() for i in range(3)}
        else:
            for i in range(3):
                p = f"gpt_neox.layers.{i}.attention."
                state[p + "bias"] = torch.ones(ctx, ctx, dtype=torch.bool).tril()[None, None].contiguous()
                state[p + "masked_bias"] = torch.tensor(-1e9)
                state[p + "rotary_emb.inv_freq"] = 1.0 / 10000 ** (torch.arange(0, 4, 2).float() / 4)
        save_file(state, sub / "model.safetensors", metadata={"format": "pt"})
        for f in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            shutil.copy(folder / f, sub / f)
        prompts = json.loads((folder / "reference.json").read_text())["prompts"]
        a, b = logits_of(load_hf(folder), prompts), logits_of(load_hf(sub), prompts)
        assert all(torch.equal(a[k], b[k]) for k in a), name


# ----------------------------------------------------------------------------------------------------------
# Block formats: raw blocks and their values; a whole model in K-quants
# ----------------------------------------------------------------------------------------------------------
BLOCKS = {  # type: (values per block, bytes per block, byte offsets of the float16 fields)
    "Q4_0": (32, 18, [0]), "Q4_1": (32, 20, [0, 2]), "Q5_0": (32, 22, [0]), "Q5_1": (32, 24, [0, 2]), "Q8_0": (32, 34, [0]),
    "Q2_K": (256, 84, [80, 82]), "Q3_K": (256, 110, [108]), "Q4_K": (256, 144, [0, 2]), "Q5_K": (256, 176, [0, 2]), "Q6_K": (256, 210, [208]),
}
SECOND = {"Q4_1": -7.5, "Q5_1": -15.5, "Q2_K": 1.5, "Q4_K": 7.5, "Q5_K": 15.5}  # minimum / scale that centres the values on zero


def random_blocks(kind, n, rng, std=None):
    """n blocks of random bits [n, bytes] with sane float16 scales; with std, scaled so the values have that deviation."""
    import gguf
    size, nbytes, fields = BLOCKS[kind]
    raw = rng.integers(0, 256, (n, nbytes), dtype=np.uint8)
    scale = rng.uniform(0.8, 1.2, n)

    def set_fields(factor):
        for j, at in enumerate(fields):
            v = (scale * factor * (SECOND[kind] if j else 1)).astype(np.float16)
            raw[:, at:at + 2] = v.view(np.uint8).reshape(n, 2)

    set_fields(0.05)
    if std is not None:
        got = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[kind]).std()
        set_fields(0.05 * std / got)
    return raw


def ggml_block(kind, b):
    """One block to values, a plain transcription of ggml's C loops: a second opinion on gguf-py."""
    f16 = lambda at: np.float64(b[at:at + 2].copy().view(np.float16)[0])
    B = [int(x) for x in b]
    if kind in ("Q4_0", "Q4_1", "Q5_0", "Q5_1"):
        qs = B[-16:]
        q = [x & 15 for x in qs] + [x >> 4 for x in qs]
        if kind[1] == "5":
            qh = int.from_bytes(bytes(B[-20:-16]), "little")
            q = [x | ((qh >> i & 1) << 4) for i, x in enumerate(q)]
        return [f16(0) * x + f16(2) if kind[3] == "1" else f16(0) * (x - (8 if kind[1] == "4" else 16)) for x in q]
    if kind == "Q8_0":
        return [f16(0) * (x - 256 if x > 127 else x) for x in B[2:]]
    y = []
    if kind == "Q2_K":
        sc, q, d, m, i = B[:16], B[16:80], f16(80), f16(82), 0
        for half in (0, 32):
            for shift in (0, 2, 4, 6):
                for part in (0, 16):
                    y += [d * (sc[i] & 15) * (q[half + part + l] >> shift & 3) - m * (sc[i] >> 4) for l in range(16)]
                    i += 1
    elif kind == "Q3_K":
        hm, q, s, d, i = B[:32], B[32:96], B[96:108], f16(108), 0
        sc = [((s[j] & 15) if j < 8 else (s[j - 8] >> 4)) | ((s[8 + j % 4] >> 2 * (j // 4) & 3) << 4) for j in range(16)]
        for half in (0, 1):
            for j in range(4):
                for part in (0, 16):
                    y += [d * (sc[i] - 32) * ((q[32 * half + part + l] >> 2 * j & 3) - (0 if hm[part + l] >> (4 * half + j) & 1 else 4)) for l in range(16)]
                    i += 1
    elif kind in ("Q4_K", "Q5_K"):
        s, d, m = B[4:16], f16(0), f16(2)
        qh, q = (B[16:48], B[48:]) if kind == "Q5_K" else ([0] * 32, B[16:])
        scale = lambda j: s[j] & 63 if j < 4 else (s[j + 4] & 15) | (s[j - 4] >> 6) << 4
        low = lambda j: s[j + 4] & 63 if j < 4 else s[j + 4] >> 4 | (s[j] >> 6) << 4
        for j in range(8):
            for l in range(32):
                x = (q[32 * (j // 2) + l] >> 4 * (j % 2) & 15) + 16 * (qh[l] >> j & 1)
                y.append(d * scale(j) * x - m * low(j))
    else:  # Q6_K
        sc, d = [x - 256 if x > 127 else x for x in B[192:208]], f16(208)
        for half in (0, 1):
            for j in range(4):
                for l in range(32):
                    lo = B[64 * half + 32 * (j % 2) + l] >> 4 * (j // 2) & 15
                    hi = B[128 + 32 * half + l] >> 2 * j & 3
                    y.append(d * sc[8 * half + 2 * j + l // 16] * ((lo | hi << 4) - 32))
    return y


def make_dequant(out, seed=7):
    import gguf
    folder, rng, arrays = out / "dequant", np.random.default_rng(seed), {}
    folder.mkdir(parents=True, exist_ok=True)
    for kind, (size, nbytes, fields) in BLOCKS.items():
        raw = random_blocks(kind, 8, rng)
        special = {1: 0.0, 2: -0.03, 3: 6e-8, 4: 3e-5}  # block: scale = zero, negative, the smallest subnormal, a subnormal
        for block, v in special.items():
            raw[block, fields[0]:fields[0] + 2] = np.array([v], np.float16).view(np.uint8)
        raw[5, [i for i in range(nbytes) if not any(f <= i < f + 2 for f in fields)]] = 255
        raw[6, [i for i in range(nbytes) if not any(f <= i < f + 2 for f in fields)]] = 0
        values = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[kind]).astype(np.float32)
        assert values.shape == (8, size) and np.isfinite(values).all()
        for b, v in zip(raw, values):
            assert np.allclose(ggml_block(kind, b), v, rtol=1e-5, atol=1e-7), kind
        arrays |= {kind + ".raw": torch.tensor(raw), kind + ".values": torch.tensor(values)}
    halves = np.concatenate([rng.integers(0, 65536, 250).astype(np.uint16), np.array([0, 0x8000, 1, 0x03FF, 0x0400, 0x7BFF], np.uint16)])
    halves = halves[np.isfinite(halves.view(np.float16)) & np.isfinite((halves.astype(np.uint32) << 16).view(np.float32))]
    arrays["F16.raw"] = arrays["BF16.raw"] = torch.tensor(halves.view(np.uint8).reshape(-1, 2))
    arrays["F16.values"] = torch.tensor(halves.view(np.float16).astype(np.float32))
    arrays["BF16.values"] = torch.tensor((halves.astype(np.uint32) << 16).view(np.float32))
    arrays["BF16.raw"] = arrays["BF16.raw"].clone()
    save_file(arrays, folder / "dequant.safetensors")
    print("dequant:", ", ".join(BLOCKS), flush=True)


KQUANT = dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=256, intermediate_size=256, num_hidden_layers=2,
              num_attention_heads=4, num_key_value_heads=2, hidden_act="silu", max_position_embeddings=256, rms_norm_eps=1e-5,
              rope_theta=10000.0, tie_word_embeddings=False, torch_dtype="float32")
KQUANT_TYPES = [  # per layer: q k v o gate up down
    ["Q2_K", "Q3_K", "Q5_K", "Q4_K", "Q2_K", "Q3_K", "Q6_K"],
    ["Q4_K", "Q5_K", "Q6_K", "Q3_K", "Q4_K", "Q5_K", "Q2_K"],
]


def make_kquant(out):
    """A two-layer llama whose matrices are random K-quant blocks, as GGUF only."""
    folder, rng = out / "llama_kquant", np.random.default_rng(9)
    folder.mkdir(parents=True, exist_ok=True)
    tok, tok_conf = make_tokenizer("llama3")
    c = KQUANT | {"vocab_size": tok.get_vocab_size()}
    d, kv = c["hidden_size"], c["hidden_size"] // 2
    norm = lambda: ((1 + 0.25 * rng.standard_normal(d)).astype(np.float32), "F32")
    matrix = lambda rows, kind, std: (random_blocks(kind, rows * d // 256, rng, std).reshape(rows, -1), kind)
    tensors = {"token_embd.weight": matrix(c["vocab_size"], "Q6_K", 0.5), "output.weight": matrix(c["vocab_size"], "Q6_K", 0.2), "output_norm.weight": norm()}
    for i, kinds in enumerate(KQUANT_TYPES):
        tensors |= {f"blk.{i}.{n}.weight": norm() for n in ("attn_norm", "ffn_norm")}
        for n, rows, kind, gain in zip(("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"),
                                       (d, kv, kv, d, d, d, d), kinds, (1.3, 1.3, 1, 1, 1.3, 1, 1)):
            tensors[f"blk.{i}.{n}.weight"] = matrix(rows, kind, gain / math.sqrt(d))
    file = "model.mixed_K.gguf"
    write_gguf(folder / file, "llama", c, tok, tok_conf, tensors, "MOSTLY_Q4_K_M")
    model = AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(**c), attn_implementation="eager", dtype=torch.float32).eval()
    model = with_weights(model, read_gguf(folder / file, "llama", c))
    prompts = {p: encode_prompt(tok, t) for p, t in PROMPTS.items()}
    got = logits_of(model, prompts)
    plain = Plain(model.state_dict(), c)
    for p, q in prompts.items():
        assert (plain.run(q["ids"])["logits"][-1] - got[f"{p}/final_logits"]).abs().max() < 1e-4
    check_hf_gguf(folder, file, got, prompts, tok)
    save_file({k: v.contiguous().clone() for k, v in got.items()}, folder / "reference.safetensors")
    greedy = {p: HF(model).greedy(q["ids"], GREEDY_STEPS)[0] for p, q in prompts.items()}
    dump(folder / "reference.json", {"prompts": prompts, "greedy": greedy, "config": c, "types": {k: t for k, (_, t) in tensors.items()}})
    print("kquant: logits std", float(got["control/logits"].std()), flush=True)


# ----------------------------------------------------------------------------------------------------------
# stories260K: a trained model in llama2.c's checkpoint format
# ----------------------------------------------------------------------------------------------------------
STORY_PROMPTS = {  # picked by hand: the model says " b(all)" in the control and " to(y)" in the probe
    "short": "Once upon a time, a [[cat]] was",
    "control": "Once upon a time, Lily had a [[red ball]]. One day, she lost her",
    "probe": "Once upon a time, Lily had a [[big red ball]]. Her mom had a toy for Tim. Tim liked the toy. "
             "They played with the toy all day. One day, she lost her",
}


def read_llama2c(path):
    """Legacy llama2.c checkpoint: 7 int32, then float32 arrays. Q and K rows are in adjacent-pair RoPE order."""
    data = path.read_bytes()
    d, hidden, L, H, KV, vocab, ctx = struct.unpack("7i", data[:28])
    shared, vocab, dh = vocab > 0, abs(vocab), d // H
    w, at = {}, 28

    def take(name, *shape):
        nonlocal at
        n = int(np.prod(shape))
        w[name] = np.frombuffer(data, np.float32, n, at).reshape(shape)
        at += 4 * n

    take("embed", vocab, d)
    take("attn_norm", L, d)
    take("q", L, H * dh, d)
    take("k", L, KV * dh, d)
    take("v", L, KV * dh, d)
    take("o", L, d, H * dh)
    take("ffn_norm", L, d)
    take("gate", L, hidden, d)   # w1
    take("down", L, d, hidden)   # w2
    take("up", L, hidden, d)     # w3
    take("final_norm", d)
    take("rope_real", ctx, dh // 2)  # recomputed, not used
    take("rope_imag", ctx, dh // 2)
    if not shared:
        take("output", vocab, d)
    assert at == len(data), (at, len(data))
    return w, dict(d=d, hidden=hidden, L=L, H=H, KV=KV, vocab=vocab, ctx=ctx, shared=shared, dh=dh)


def llama2c_forward(w, c, ids):
    """run.c's arithmetic in float64 numpy, with RoPE on adjacent pairs: logits [pos, vocab]."""
    w = {k: v.astype(np.float64) for k, v in w.items()}
    T, dh = len(ids), c["dh"]
    rms = lambda x, g: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * g
    angle = np.arange(T)[:, None] / 10000.0 ** (np.arange(0, dh, 2) / dh)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]

    def rope(x):  # [pos, head, d_head]
        y = np.empty_like(x)
        y[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
        y[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
        return y

    x = w["embed"][ids]
    for l in range(c["L"]):
        h = rms(x, w["attn_norm"][l])
        q = rope((h @ w["q"][l].T).reshape(T, c["H"], dh))
        k = rope((h @ w["k"][l].T).reshape(T, c["KV"], dh))
        v = (h @ w["v"][l].T).reshape(T, c["KV"], dh)
        z = np.zeros((T, c["H"], dh))
        for head in range(c["H"]):
            g = head // (c["H"] // c["KV"])
            for t in range(T):
                s = k[:t + 1, g] @ q[t, head] / math.sqrt(dh)
                p = np.exp(s - s.max())
                z[t, head] = (p / p.sum()) @ v[:t + 1, g]
        x = x + z.reshape(T, -1) @ w["o"][l].T
        h = rms(x, w["ffn_norm"][l])
        a = h @ w["gate"][l].T
        x = x + (a / (1 + np.exp(-a)) * (h @ w["up"][l].T)) @ w["down"][l].T
    return rms(x, w["final_norm"]) @ w.get("output", w["embed"]).T


class Llama2cTokenizer:
    """tokenizer.bin of llama2.c: int32 longest token, then per token float32 score, int32 length, bytes."""

    def __init__(self, path, size):
        data, at = path.read_bytes(), 4
        self.pieces, self.scores = [], []
        for _ in range(size):
            score, n = struct.unpack_from("fi", data, at)
            self.pieces.append(data[at + 8:at + 8 + n])
            self.scores.append(score)
            at += 8 + n
        assert at == len(data)
        self.index = {}
        for i, p in enumerate(self.pieces):
            self.index.setdefault(p, i)

    def encode(self, text, bos=True):
        """run.c's encode: a dummy space in front, characters (or their bytes, id = byte + 3), then the best-scored merges."""
        ids = []
        for ch in (" " + text if text else ""):
            b = ch.encode()
            ids += [self.index[b]] if b in self.index else [x + 3 for x in b]
        while True:
            best = None
            for i in range(len(ids) - 1):
                j = self.index.get(self.pieces[ids[i]] + self.pieces[ids[i + 1]])
                if j is not None and (best is None or self.scores[j] > best[0]):
                    best = (self.scores[j], i, j)
            if best is None:
                break
            ids[best[1]:best[1] + 2] = [best[2]]
        return [1] * bos + ids

    def raw(self, i):
        m = re.fullmatch(rb"<0x([0-9A-F]{2})>", self.pieces[i])
        return bytes([int(m[1], 16)]) if m else self.pieces[i]

    def decode(self, ids):
        """run.c's decode of each token after its predecessor: the space after BOS is dropped."""
        out = b""
        for prev, i in zip([None, *ids], ids):
            if i == 1:
                continue
            piece = self.raw(i)
            out += piece[1:] if prev == 1 and piece[:1] == b" " else piece
        return out.decode(errors="replace")

    def prompt(self, marked):
        text, (cs, ce) = locate(marked)
        ids, at, offsets = self.encode(text), -1, []  # -1: the dummy space
        for i in ids:
            n = 0 if i == 1 else len(self.raw(i))
            offsets.append((at, at + n))
            at += n
        inside = [i for i, (a, b) in enumerate(offsets) if b > cs and a < ce and b > a]
        return {"text": text, "ids": ids, "ids_no_special": self.encode(text, bos=False),
                "tokens": [self.pieces[i].decode(errors="replace") for i in ids],
                "span": [inside[0], inside[-1] + 1], "span_text": text[cs:ce]}


def make_stories(out, source=HERE / "stories260K", prompts=STORY_PROMPTS, folder_name="stories260K", seed=31):
    import tempfile
    w, c = read_llama2c(source / "stories260K.bin")
    tok = Llama2cTokenizer(source / "tok512.bin", c["vocab"])
    config = dict(model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=c["vocab"], hidden_size=c["d"], intermediate_size=c["hidden"],
                  num_hidden_layers=c["L"], num_attention_heads=c["H"], num_key_value_heads=c["KV"], hidden_act="silu", max_position_embeddings=c["ctx"],
                  rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=c["shared"], attention_bias=False, mlp_bias=False,
                  bos_token_id=1, eos_token_id=2)
    state = {"model.embed_tokens.weight": w["embed"], "model.norm.weight": w["final_norm"]}
    for l in range(c["L"]):
        for name, key in (("self_attn.q_proj", "q"), ("self_attn.k_proj", "k"), ("self_attn.v_proj", "v"), ("self_attn.o_proj", "o"),
                          ("mlp.gate_proj", "gate"), ("mlp.up_proj", "up"), ("mlp.down_proj", "down"),
                          ("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm")):
            v = w[key][l]
            if key in "qk":  # adjacent pairs -> half-split
                v = unpermute(v, c["H"] if key == "q" else c["KV"])
            state[f"model.layers.{l}.{name}.weight"] = v
    state = {k: torch.tensor(np.array(v)) for k, v in state.items()}
    cfg = LlamaConfig(**{k: v for k, v in config.items() if k != "model_type"})
    model = with_weights(AutoModelForCausalLM.from_config(cfg, attn_implementation="eager", dtype=torch.float32).eval(), state)
    ps = {p: tok.prompt(t) for p, t in prompts.items()}
    for q in ps.values():
        assert tok.decode(q["ids"]) == q["text"]
        want = llama2c_forward(w, c, q["ids"])
        got = model(torch.tensor([q["ids"]])).logits[0].double().numpy()
        assert np.abs(want - got).max() < 1e-4, np.abs(want - got).max()
    cases = [s for s in TOKENIZER_CASES if "<|" not in s] + ["Once upon a time, there was a little girl named Lily."]
    extra = {"weights": "stories260K.bin (with tok512.bin)", "hf_config": config,
             "tokenizer_cases": [{"text": s, "ids": tok.encode(s), "ids_no_special": tok.encode(s, bos=False), "decoded": tok.decode(tok.encode(s))} for s in cases],
             "adds_bos": True, "greedy_text": {}}
    hf = HF(model)
    for p, q in ps.items():
        extra["greedy_text"][p] = tok.decode(q["ids"] + hf.greedy(q["ids"], GREEDY_STEPS)[0])
    with tempfile.TemporaryDirectory() as tmp:
        model.save_pretrained(tmp)
        blank, conf = make_tokenizer("gpt2")  # TransformerLens insists on one; ids are passed directly, it is never used
        blank.save(tmp + "/tokenizer.json")
        dump(Path(tmp) / "tokenizer_config.json", conf)
        reference(out / folder_name, folder_name, model, config, ps, set(range(3, c["vocab"])), seed, tmp, extra)
    print("  ", extra["greedy_text"]["probe"], flush=True)


def update_readme(out):
    """Writes the cross-check figures of every reference.json between the markers of README.md."""
    readme = HERE / "README.md"
    if not readme.exists() or out != HERE:
        return
    rows = ["| model | prompt lengths | plain torch float64 (worst array) | TransformerLens (worst array) | not given by TransformerLens |", "|---|---|---|---|---|"]
    for f in sorted(out.glob("*/reference.json")):
        j = json.loads(f.read_text())
        if "crosscheck" not in j:
            continue
        worst = lambda k: "{1:.1e} ({0})".format(*max(j["crosscheck"][k].items(), key=lambda x: x[1]))
        lengths = ", ".join(str(len(q["ids"])) for q in j["prompts"].values())
        rows.append(f"| {j['name']} | {lengths} | {worst('plain_float64')} | {worst('transformer_lens')} | {', '.join(j['crosscheck']['not_in_transformer_lens']) or 'nothing'} |")
    text = readme.read_text()
    a, b = "<!-- crosscheck -->\n", "<!-- /crosscheck -->"
    readme.write_text(text[:text.index(a) + len(a)] + "\n".join(rows) + "\n" + text[text.index(b):])


def main():
    args = sys.argv[1:]
    out = HERE
    if "--check" in args:
        i = args.index("--check")
        out = Path(args[i + 1])
        del args[i:i + 2]
    parts = args or [*FAMILIES, "formats", "kquant", "dequant", "stories260K"]
    for part in parts:
        if part in FAMILIES:
            make_family(out, part, FAMILIES[part])
        else:
            {"formats": make_formats, "kquant": make_kquant, "dequant": make_dequant, "stories260K": make_stories}[part](out)
    update_readme(out)


if __name__ == "__main__":
    main()
