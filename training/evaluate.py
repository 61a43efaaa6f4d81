"""Accuracy by skill, facts and fillers. Usage: evaluate.py ITEMS MODEL_FOLDER … [--out FILE] [--most FILLERS] [--threads N]

Reads the items that `node training/world.mjs items` writes and each model with transformers. An answer is right where it is the likeliest of all
tokens. With --out (one model): the table as JSON, with Wilson's 95 % interval of every cell.
"""

import argparse
import json
import math

import torch
from transformers import AutoModelForCausalLM


def wilson(right, total, z=1.959963984540054):
    """Wilson's 95 % interval of a share."""
    share, spread = right / total, z * z / total
    middle, half = (share + spread / 2) / (1 + spread), z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return [max(0.0, middle - half), min(1.0, middle + half)]


@torch.no_grad()
def answers(model, items, size=16384):
    """For each item: whether the answer is the likeliest token, and its probability. Rows are padded on the right, which causal attention never sees."""
    order = sorted(range(len(items)), key=lambda i: len(items[i][0]))
    right, probability, start = [False] * len(items), [0.0] * len(items), 0
    while start < len(order):
        count = max(1, min(len(order) - start, size // len(items[order[min(len(order) - 1, start + 63)]][0]), 64))
        batch = order[start : start + count]
        length = max(len(items[i][0]) for i in batch)
        ids = torch.tensor([items[i][0] + [0] * (length - len(items[i][0])) for i in batch])
        last = torch.tensor([len(items[i][0]) - 1 for i in batch])
        hidden = model.base_model(ids, use_cache=False).last_hidden_state[torch.arange(len(batch)), last]
        p = model.lm_head(hidden).softmax(-1)
        for row, i in enumerate(batch):
            right[i], probability[i] = p[row].argmax().item() == items[i][1], p[row, items[i][1]].item()
        start += count
    return right, probability


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("items")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--out")
    parser.add_argument("--most", type=int, default=10**6, help="leave out cells with more fillers")
    parser.add_argument("--count", type=int, default=10**6, help="the first items of each cell only")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for folder in args.models:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        rows = []
        with open(args.items) as lines:
            for line in lines:
                cell = json.loads(line)
                items = cell.pop("items")[: args.count]
                if cell["fillers"] > args.most or max(len(x) for x, _ in items) > 512:
                    continue
                right, probability = answers(model, items)
                n = len(items)
                rows.append({**cell, "items": n, "right": sum(right), "interval": wilson(sum(right), n), "probability": sum(probability) / n})
        print(folder)
        for skill in dict.fromkeys(r["skill"] for r in rows):
            print(f"  {skill:13}", *(f"{'held ' if r['heldOutWords'] else ''}{r['facts']}f/{r['fillers']} {r['right'] / r['items']:.2f}" for r in rows if r["skill"] == skill), sep="  ", flush=True)
        if args.out:
            with open(args.out, "w") as f:
                json.dump(rows, f)


if __name__ == "__main__":
    main()
