#!/usr/bin/env python3
"""Writes config_variants.json: what configurations of the supported families compute, by Hugging Face transformers in float32.

    python make_variants.py

Each entry has a config.json as on the Hub and one as transformers 5 saves it, the tensors of the model's file (name, shape) and the logits of the last
position for `ids`, with positions 0, 1, ... and with a gap of 8 before the 21st token. The weights are not stored: value i of tensor number t is
(((i + 1) * 7919 + t * 104729) mod 2003 - 1001) / 1001 times 0.35 for matrices and 0.3 for vectors, plus 1 for the weights of norms (3 for those
before the MLP of the llama kind, so that clipped activations clip), in float64 rounded to float32; test/engine/model-variants.test.ts makes the same. Needs torch, transformers, safetensors. No network.
"""
import json
import os
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM

torch.set_grad_enabled(False)
torch.set_num_threads(1)


LLAMA = {
    'model_type': 'llama',
    'architectures': ['LlamaForCausalLM'],
    'hidden_size': 32,
    'intermediate_size': 40,
    'num_hidden_layers': 2,
    'num_attention_heads': 4,
    'num_key_value_heads': 2,
    'hidden_act': 'silu',
    'max_position_embeddings': 128,
    'rms_norm_eps': 1e-05,
    'rope_theta': 10000.0,
    'vocab_size': 64,
    'tie_word_embeddings': False,
    'bos_token_id': 1,
    'eos_token_id': 2,
}

MISTRAL = {
    'model_type': 'mistral',
    'architectures': ['MistralForCausalLM'],
    'hidden_size': 32,
    'intermediate_size': 40,
    'num_hidden_layers': 2,
    'num_attention_heads': 4,
    'num_key_value_heads': 2,
    'hidden_act': 'silu',
    'max_position_embeddings': 128,
    'rms_norm_eps': 1e-05,
    'rope_theta': 10000.0,
    'vocab_size': 64,
    'tie_word_embeddings': False,
    'bos_token_id': 1,
    'eos_token_id': 2,
    'sliding_window': None,
}

QWEN2 = {
    'model_type': 'qwen2',
    'architectures': ['Qwen2ForCausalLM'],
    'hidden_size': 32,
    'intermediate_size': 40,
    'num_hidden_layers': 2,
    'num_attention_heads': 4,
    'num_key_value_heads': 2,
    'hidden_act': 'silu',
    'max_position_embeddings': 128,
    'rms_norm_eps': 1e-06,
    'rope_theta': 10000.0,
    'vocab_size': 64,
    'tie_word_embeddings': False,
    'bos_token_id': 1,
    'eos_token_id': 2,
    'sliding_window': 64,
    'use_sliding_window': False,
    'max_window_layers': 1,
}

QWEN3 = {
    'model_type': 'qwen3',
    'architectures': ['Qwen3ForCausalLM'],
    'hidden_size': 32,
    'intermediate_size': 40,
    'num_hidden_layers': 2,
    'num_attention_heads': 4,
    'num_key_value_heads': 2,
    'hidden_act': 'silu',
    'max_position_embeddings': 128,
    'rms_norm_eps': 1e-05,
    'rope_theta': 10000.0,
    'vocab_size': 64,
    'tie_word_embeddings': False,
    'bos_token_id': 1,
    'eos_token_id': 2,
    'head_dim': 16,
}

GPT2 = {
    'model_type': 'gpt2',
    'architectures': ['GPT2LMHeadModel'],
    'n_embd': 32,
    'n_layer': 2,
    'n_head': 4,
    'n_positions': 128,
    'activation_function': 'gelu_new',
    'layer_norm_epsilon': 1e-05,
    'vocab_size': 64,
    'bos_token_id': 1,
    'eos_token_id': 1,
}

NEOX = {
    'model_type': 'gpt_neox',
    'architectures': ['GPTNeoXForCausalLM'],
    'hidden_size': 64,
    'intermediate_size': 40,
    'num_hidden_layers': 2,
    'num_attention_heads': 4,
    'hidden_act': 'gelu',
    'max_position_embeddings': 128,
    'layer_norm_eps': 1e-05,
    'rotary_pct': 0.25,
    'rotary_emb_base': 10000,
    'use_parallel_residual': True,
    'tie_word_embeddings': False,
    'vocab_size': 64,
    'bos_token_id': 0,
    'eos_token_id': 0,
}

REMOVED = object()
VARIANTS = {
    'llama base': (LLAMA, {}),
    'llama tied': (LLAMA, {'tie_word_embeddings': True}),
    'llama bias': (LLAMA, {'attention_bias': True, 'mlp_bias': True}),
    'llama attn_bias': (LLAMA, {'attention_bias': True}),
    'llama headdim': (LLAMA, {'head_dim': 12}),
    'llama mha': (LLAMA, {'num_key_value_heads': REMOVED}),
    'llama mqa': (LLAMA, {'num_key_value_heads': 1}),
    'llama linear': (LLAMA, {'rope_scaling': {'type': 'linear', 'factor': 4.0}}),
    'llama llama3': (LLAMA, {'rope_scaling': {'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0, 'original_max_position_embeddings': 32}}),
    'llama yarn': (LLAMA, {'rope_scaling': {'rope_type': 'yarn', 'factor': 4.0, 'original_max_position_embeddings': 32}}),
    'llama yarn_noorig': (LLAMA, {'rope_scaling': {'rope_type': 'yarn', 'factor': 4.0}}),
    'llama yarn_opts': (LLAMA, {'rope_scaling': {'rope_type': 'yarn', 'factor': 4.0, 'original_max_position_embeddings': 32, 'beta_fast': 8.0, 'beta_slow': 0.5, 'truncate': False, 'attention_factor': 1.3}}),
    'llama yarn_mscale': (LLAMA, {'rope_scaling': {'rope_type': 'yarn', 'factor': 4.0, 'original_max_position_embeddings': 32, 'mscale': 0.7, 'mscale_all_dim': 1.3}}),
    'llama act_gelu': (LLAMA, {'hidden_act': 'gelu'}),
    'llama act_gelu_new': (LLAMA, {'hidden_act': 'gelu_new'}),
    'llama act_gelu_pytorch_tanh': (LLAMA, {'hidden_act': 'gelu_pytorch_tanh'}),
    'llama act_gelu_fast': (LLAMA, {'hidden_act': 'gelu_fast'}),
    'llama act_gelu_10': (LLAMA, {'hidden_act': 'gelu_10'}),
    'llama act_quick_gelu': (LLAMA, {'hidden_act': 'quick_gelu'}),
    'llama act_relu': (LLAMA, {'hidden_act': 'relu'}),
    'llama act_relu2': (LLAMA, {'hidden_act': 'relu2'}),
    'llama act_relu6': (LLAMA, {'hidden_act': 'relu6'}),
    'llama act_leaky_relu': (LLAMA, {'hidden_act': 'leaky_relu'}),
    'llama act_tanh': (LLAMA, {'hidden_act': 'tanh'}),
    'llama act_sigmoid': (LLAMA, {'hidden_act': 'sigmoid'}),
    'llama act_linear': (LLAMA, {'hidden_act': 'linear'}),
    'llama act_hardswish': (LLAMA, {'hidden_act': 'hardswish'}),
    'llama act_mish': (LLAMA, {'hidden_act': 'mish'}),
    'llama act_laplace': (LLAMA, {'hidden_act': 'laplace'}),
    'llama act_swish': (LLAMA, {'hidden_act': 'swish'}),
    'llama act_gelu_accurate': (LLAMA, {'hidden_act': 'gelu_accurate'}),
    'llama act_gelu_python': (LLAMA, {'hidden_act': 'gelu_python'}),
    'llama eps': (LLAMA, {'rms_norm_eps': 0.1}),
    'llama theta': (LLAMA, {'rope_theta': 500.0}),
    'llama defaults': (LLAMA, {'hidden_act': REMOVED, 'max_position_embeddings': REMOVED, 'rms_norm_eps': REMOVED, 'rope_theta': REMOVED, 'tie_word_embeddings': REMOVED}),
    'mistral null': (MISTRAL, {}),
    'mistral window_long': (MISTRAL, {'sliding_window': 128}),
    'mistral headdim': (MISTRAL, {'head_dim': 16}),
    'qwen2 base': (QWEN2, {}),
    'qwen2 yarn': (QWEN2, {'rope_scaling': {'type': 'yarn', 'factor': 2.0, 'original_max_position_embeddings': 64}}),
    'qwen2 tied': (QWEN2, {'tie_word_embeddings': True}),
    'qwen2 noslide': (QWEN2, {'sliding_window': 8, 'use_sliding_window': True, 'max_window_layers': 2}),
    'qwen3 base': (QWEN3, {}),
    'qwen3 bias': (QWEN3, {'attention_bias': True}),
    'qwen3 nohd': (QWEN3, {'head_dim': REMOVED}),
    'qwen3 gelu': (QWEN3, {'hidden_act': 'gelu'}),
    'gpt2 base': (GPT2, {}),
    'gpt2 inner': (GPT2, {'n_inner': 50}),
    'gpt2 noscale': (GPT2, {'scale_attn_weights': False}),
    'gpt2 untied': (GPT2, {'tie_word_embeddings': False}),
    'gpt2 relu': (GPT2, {'activation_function': 'relu'}),
    'gpt2 upcast': (GPT2, {'reorder_and_upcast_attn': True}),
    'gpt2 by_layer': (GPT2, {'scale_attn_by_inverse_layer_idx': True, 'reorder_and_upcast_attn': True}),
    'gpt_neox base': (NEOX, {}),
    'gpt_neox serial': (NEOX, {'use_parallel_residual': False}),
    'gpt_neox full': (NEOX, {'rotary_pct': 1.0}),
    'gpt_neox nobias': (NEOX, {'attention_bias': False}),
    'gpt_neox linear': (NEOX, {'rope_scaling': {'type': 'linear', 'factor': 2.0}}),
    'gpt_neox tied': (NEOX, {'tie_word_embeddings': True}),
    'gpt_neox fast': (NEOX, {'hidden_act': 'gelu_fast'}),
    'gpt_neox defaults': (NEOX, {'rotary_pct': REMOVED, 'rotary_emb_base': REMOVED}),
    'gpt_neox yarn': (NEOX, {'rope_scaling': {'type': 'yarn', 'factor': 2.0, 'original_max_position_embeddings': 64}}),
}

IDS = [(7 * i * i + 3 * i + 5) % 60 + 2 for i in range(40)]
GAP_AT, GAP = 20, 8


def values(number, name, shape):
    count = int(np.prod(shape))
    x = (((np.arange(1, count + 1, dtype=np.int64) * 7919 + number * 104729) % 2003) - 1001) / 1001
    if len(shape) > 1:
        return (x * 0.35).astype(np.float32).reshape(shape)
    offset = 3 if name.endswith("post_attention_layernorm.weight") else 1 if name.endswith("weight") else 0
    return (x * 0.3 + offset).astype(np.float32)


def variant(base, changes):
    config = {k: v for k, v in {**base, **changes}.items() if v is not REMOVED}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "config.json").write_text(json.dumps(config))
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), attn_implementation="eager", dtype=torch.float32).eval()
        model.save_pretrained(folder / "saved")
        with safe_open(folder / "saved" / "model.safetensors", "pt") as file:
            tensors = [[name, list(file.get_slice(name).get_shape())] for name in sorted(file.keys())]
        state = model.state_dict()
        for number, (name, shape) in enumerate(tensors):
            state[name if name in state else "lm_head.weight"].copy_(torch.from_numpy(values(number, name, shape)))
        if model.config.tie_word_embeddings:
            model.tie_weights()
        current = json.loads((folder / "saved" / "config.json").read_text())
    ids = torch.tensor([IDS])
    gap = torch.tensor([[i if i < GAP_AT else i + GAP for i in range(len(IDS))]])
    plain = model(ids).logits[0, -1]
    # The mask of ones: without it transformers takes a jump for packed sequences.
    shifted = model(ids, attention_mask=torch.ones_like(ids), position_ids=gap).logits[0, -1]
    current.pop("transformers_version", None)
    digits = lambda row: [float(f"{x:.8g}") for x in row.tolist()]
    return {"config": config, "config_v5": current, "tensors": tensors, "logits": digits(plain), "logits_gap": digits(shifted)}


if __name__ == "__main__":
    out = {"ids": IDS, "gap_at": GAP_AT, "gap": GAP, "variants": {name: variant(*v) for name, v in VARIANTS.items()}}
    text = json.dumps(out, separators=(",", ":"))
    (Path(__file__).resolve().parent / "config_variants.json").write_text(text + "\n")
