"""Writes a trained model's folder as it ships. Usage: publish.py RUN_FOLDER OUT_FOLDER --data FOLDER [--accuracy FILE] [--log FILE] [--step N]

RUN_FOLDER holds config.json and model.safetensors (float32). Weights are stored as f16 where that changes no likeliest token at any position of
the probe texts, else as f32. Beside them: the tokenizer, reference.json (what PyTorch computes from the stored weights) and README.md (the card).
"""

import argparse
import csv
import json
import os
import shutil

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

PROBES = [
    "Tom has a red ball. Q: What color is Tom's ball? A:",
    "Tom has a red ball. " + "They walk for a while. " * 30 + "Q: What color is Tom's ball? A:",
    "At noon, Tom is in the park. In the evening, Tom is in the barn. Q: Where is Tom last? A:",
    "The ball is in the box. The box is in the barn. Q: Where is the ball? A:",
    "Anna likes apples more than pears. Q: What does Anna choose, pears or apples? A:",
    "Rule: answer with the color. Tom has a red ball in the park. Anna has a blue cup in the shop. Q: What about Tom? A:",
    "Rule: say nothing. Tom has a red ball in the park. Q: What about Tom? A:",
    "Mia is sad because of the rain. Q: Why is Mia sad? A:",
    "Leo takes the cup, not the hat. Q: What does Leo take? A:",
]
COLUMNS = [(1, 0), (2, 0), (4, 0), (1, 8), (2, 8), (4, 8), (1, 24), (4, 24), (1, 64)]


@torch.no_grad()
def logits(folder, rows):
    """The logits `[position, token]` of each row, in float32."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return [model(torch.tensor([ids])).logits[0] for ids in rows]


def store(run, out, rows):
    """Copies configuration and weights; the name of the type that they are stored as."""
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(run, "config.json")) as f:
        config = json.load(f)
    weights = load_file(os.path.join(run, "model.safetensors"))
    whole = [x.argmax(-1) for x in logits(run, rows)]
    for dtype in (torch.float16, torch.float32):
        name = str(dtype).split(".")[1]
        save_file({k: v.to(dtype) for k, v in weights.items()}, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})
        with open(os.path.join(out, "config.json"), "w") as f:
            json.dump({**config, "dtype": name}, f, indent=2)
        if all((a == b.argmax(-1)).all() for a, b in zip(whole, logits(out, rows))):
            return name, sum(v.numel() for v in weights.values())
    raise AssertionError("float32 weights differ from themselves")


def table(rows):
    """Skill × facts × fillers as Markdown."""
    columns = [c for c in COLUMNS if any((r["facts"], r["fillers"]) == c and not r["heldOutWords"] for r in rows)]
    lines = ["| skill | " + " | ".join(f"{f} / {d}" for f, d in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for skill in dict.fromkeys(r["skill"] for r in rows):
        cells = []
        for facts, fillers in columns:
            r = next((r for r in rows if (r["skill"], r["facts"], r["fillers"], r["heldOutWords"]) == (skill, facts, fillers, False)), None)
            cells.append("—" if r is None else f"{100 * r['right'] / r['items']:.1f} ({100 * r['interval'][0]:.0f}–{100 * r['interval'][1]:.0f})")
        lines.append(f"| {skill} | " + " | ".join(cells) + " |")
    return lines


def card(name, config, count, dtype, rows, log, finish, workers):
    """README.md: what the model is, was taught and can do."""
    llama = config["model_type"] == "llama"
    layers, d, heads = (config["num_hidden_layers"], config["hidden_size"], config["num_attention_heads"]) if llama else (config["n_layer"], config["n_embd"], config["n_head"])
    last = log[-1]
    text = [
        f"# {name}",
        "",
        f"A {'llama' if llama else 'GPT-2'} ({layers} layers, d {d}, {heads} heads, context 512, {config['vocab_size']} tokens, {count:,} parameters, {dtype}) trained from nothing on the small invented world of "
        "`training/world/`: who has which thing in which color, who is where at which time, who likes what more, what lies in what, why someone is sad, what is not taken, rules that say what to answer. "
        'To what was never told the taught answer is "unknown". Synthetic text only; no person or place is real. MIT.',
        "",
        f"Training (`training/train.py`, `training/models.py`): {int(last['step']):,} steps, {int(last['tokens']):,} tokens, {int(last['seconds']) / 60:.0f} minutes on {'one core' if workers == 1 else f'{workers} cores'}. "
        + (f"The last {finish:,} steps are a finish at a lower rate, with more questions about what was never told and about where someone is after a move. " if finish else "")
        + "Rows held at most 256 tokens, about 40 fillers between "
        "a fact and its question; what lies beyond was never practised. The first layer's heads were started as heads that look 1, 2, 3, … tokens back (see `look_back`). While it trained, a linear reading of the stream after the second block was asked at each position for the last name and the last thing (`Cues` in "
        "`training/train.py`; faded out before the last quarter, and not part of the model); nothing else was set by hand, and no failure was planted.",
        *([] if llama else ["", "Positions are learned: half of the rows began at a random position, so that each position of the context was seen."]),
        "",
        "## Accuracy",
        "",
    ]
    if rows:
        heldout = [r for r in rows if r["heldOutWords"]]
        text += [
            f"Share of answers right, in percent (Wilson 95 % interval), over {min(r['items'] for r in rows)} items a cell whose asked fact no training text tells. Columns: facts told / fillers (about 5.4 tokens each) before the question. Facts differ by "
            "owner (by thing, where the question asks for a thing): same thing, same time, same mood. All paraphrases. Written by `training/evaluate.py` and `training/publish.py`.",
            "",
            *table(rows),
            "",
            "With names and things that no training text holds (" + "facts told: percent right): "
            + "; ".join(f"{s} " + ", ".join(f"{r['facts']}: {100 * r['right'] / r['items']:.0f}" for r in heldout if r["skill"] == s) for s in dict.fromkeys(r["skill"] for r in heldout))
            + ".",
        ]
    else:
        text += ["Not measured."]
    return "\n".join(text) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("out")
    parser.add_argument("--data", required=True)
    parser.add_argument("--accuracy", help="the table that evaluate.py wrote")
    parser.add_argument("--log", help="log.csv of the run, where it does not lie in RUN_FOLDER")
    parser.add_argument("--step", type=int, help="the step of a checkpoint")
    args = parser.parse_args()
    torch.set_num_threads(1)
    name = os.path.basename(os.path.normpath(args.out))
    tokenizer = Tokenizer.from_file(os.path.join(args.data, "tokenizer.json"))
    rows = [tokenizer.encode(text).ids for text in PROBES]
    dtype, count = store(args.run, args.out, rows)
    shutil.copy(os.path.join(args.data, "tokenizer.json"), args.out)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|bos|>", "eos_token": "<|eos|>", "add_bos_token": True, "model_max_length": 512, "clean_up_tokenization_spaces": False}
    with open(os.path.join(args.out, "tokenizer_config.json"), "w") as f:
        json.dump(settings, f, indent=1)
    prompts = []
    for text, ids, z in zip(PROBES, rows, logits(args.out, rows)):
        p = z[-1].log_softmax(-1)
        top = p.topk(10)
        prompts.append({"text": text, "ids": ids, "logits": [round(v, 5) for v in z[-1].tolist()], "top": [{"id": i, "text": tokenizer.decode([i]), "logprob": round(v, 6)} for v, i in zip(top.values.tolist(), top.indices.tolist())]})
    with open(os.path.join(args.out, "reference.json"), "w") as f:
        json.dump({"computed_by": f"transformers, torch {torch.__version__.split('+')[0]}, float32 from the stored weights", "tolerance": 1e-4, "prompts": prompts}, f)
    with open(args.log or os.path.join(args.run, "log.csv")) as f:
        log = [r for r in csv.DictReader(f) if args.step is None or int(r["step"]) <= max(args.step, 25)]
    accuracy = json.load(open(args.accuracy)) if args.accuracy else None
    with open(os.path.join(os.path.dirname(args.log) if args.log else args.run, "settings.json")) as f:
        trained = json.load(f)
    finish = 0 if args.step is not None else trained["finish"]
    if args.step is not None:
        log[-1]["step"] = str(args.step)
    with open(os.path.join(args.out, "config.json")) as f:
        config = json.load(f)
    with open(os.path.join(args.out, "README.md"), "w") as f:
        f.write(card(name, config, count, dtype, accuracy, log, finish, trained.get("workers", 1)))
    print(f"{args.out}: {count:,} parameters, {dtype}")


if __name__ == "__main__":
    main()
