"""The patching map of TransformerLens, to hold ours against: `patching.get_act_patch_resid_pre` on the same weights, prompts and threads.

usage: patching.py MODEL MAP [--cells N]

MODEL is a model's folder, MAP what `bench/map.ts --out` wrote. N cells (default 48, spread over the map; 0: all of them) are run and
timed, and count for all. Prints a line of JSON.
"""

import argparse
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("map", type=Path)
    parser.add_argument("--cells", type=int, default=48)
    asked = parser.parse_args()
    ours = json.loads(asked.map.read_text())

    import pandas as pd
    import torch
    from transformer_lens import patching
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(ours["threads"])
    torch.set_grad_enabled(False)
    loaded = AutoModelForCausalLM.from_pretrained(asked.model, dtype=torch.float32, attn_implementation="eager")
    model = TransformerBridge.boot_transformers(str(asked.model), hf_model=loaded, device="cpu")
    probe, control = (torch.tensor([ours[name]]) for name in ("ids", "other"))
    answer, (rival,) = ours["answer"], ours["rivals"]
    margin = lambda logits: (logits[0, -1, answer] - logits[0, -1, rival]).to(torch.float32)

    names = lambda name: name.endswith("hook_resid_pre")
    _, cache = model.run_with_cache(control, names_filter=names)
    base = float(margin(model(probe)))

    layers, positions = ours["layers"], len(ours["ids"])
    cells = [(layer, position) for layer in range(layers) for position in range(positions)]
    count = asked.cells or len(cells)
    chosen = [int((i + 0.5) * len(cells) / count) for i in range(count)]
    frame = pd.DataFrame([cells[i] for i in chosen], columns=["layer", "pos"])

    # What `get_act_patch_resid_pre` is, of some of the cells: that function itself takes no others than all.
    patched = lambda rows: patching.generic_activation_patch(
        model, probe, cache, margin, patch_setter=patching.layer_pos_patch_setter, activation_name="resid_pre", index_df=rows
    )
    patched(frame[:1])
    start = time.perf_counter()
    values = patched(frame)
    seconds = time.perf_counter() - start
    worst = max(abs(float(value) - ours["margins"][i]) for value, i in zip(values, chosen))
    spread = max(ours["margins"]) - min(ours["margins"])
    json.dump(
        {
            "transformer_lens": version("transformer_lens"),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "cells": count,
            "map": 1000 * seconds * len(cells) / count,
            "ratio": 1000 * seconds * len(cells) / count / ours["map"],
            "difference": worst,
            "spread": spread,
            "base": abs(base - ours["base"]),
        },
        sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
