"""Trains a model of the suite on the token files of `node training/world.mjs`. Usage: train.py NAME --data FOLDER --out FOLDER [--steps N] [--threads N]

Writes into OUT: log.csv, loss.svg, settings.json, state.pt (from which an interrupted run resumes), config.json and model.safetensors in Hugging Face's layout.
"""

import argparse
import csv
import json
import os
import time

import numpy as np
import torch
from torch.nn import functional as F

from curve import svg
from models import SUITE, build


def batches(data, stage, size, seed):
    """Endless batches of one stage's rows (`[row, position]`), each pass in a new order."""
    rows = np.fromfile(os.path.join(data["folder"], stage["file"]), dtype="<u2").reshape(-1, stage["length"])
    for epoch in range(10**6):
        order = np.random.default_rng([seed, epoch, stage["length"]]).permutation(len(rows))
        for i in range(0, len(rows) - size + 1, size):
            yield torch.from_numpy(rows[order[i : i + size]].astype(np.int64))


class Cues(torch.nn.Module):
    """What a sentence is about, read from the residual stream after the second block at every position: the last name so far, and the last thing or
    box before. A help in training that is not saved with the model: without it, names are found at few distances from what is said of them."""

    def __init__(self, kinds, vocab, d):
        super().__init__()
        self.classes, self.reads = [], torch.nn.ModuleList()
        for kind in kinds:
            words = torch.zeros(vocab, dtype=torch.long)
            for i, ids in enumerate(kind):
                words[ids] = i + 1
            self.classes.append(words)
            self.reads.append(torch.nn.Linear(d, len(kind) + 1))

    def loss(self, x, padding, stream):
        """The mean loss of both, in nats."""
        n, at, total = F.rms_norm(stream, (stream.shape[-1],)), torch.arange(x.shape[1]), 0.0
        for before, (words, read) in enumerate(zip(self.classes, self.reads)):
            kind = words[x]
            last = torch.where(kind > 0, at, 0).cummax(1).values
            label = kind.gather(1, last)
            if before:
                label = F.pad(label, (1, 0))[:, :-1]
            total = total + F.cross_entropy(read(n)[~padding], label[~padding])
        return total / len(self.classes)


def rate(step, steps, settings):
    """Warm-up over 100 steps, then constant, then down to a twentieth over the last quarter. The finish warms up again, to its own rate, and falls from there to its end."""
    if step < steps:
        left = (steps - step) / (0.25 * steps)
        return settings["rate"] * min(1.0, (step + 1) / 100, max(0.05, left))
    step, finish = step - steps, settings["finish"]
    return settings["finish_rate"] * min((step + 1) / 100, max(0.05, (finish - step) / finish))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(SUITE))
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    settings = dict(SUITE[args.name])
    steps = args.steps or settings["steps"]
    torch.manual_seed(settings["seed"])
    torch.set_num_threads(args.threads)
    with open(os.path.join(args.data, "data.json")) as f:
        data = {**json.load(f), "folder": args.data}
    os.makedirs(args.out, exist_ok=True)
    model = build(settings, data["vocab"])
    cues = Cues(data["cues"], data["vocab"], settings["d"])
    parameters = [*model.parameters(), *cues.parameters()]
    decayed = [p for p in parameters if p.dim() > 1]
    plain = [p for p in parameters if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings["decay"]}, {"params": plain, "weight_decay": 0.0}], lr=1.0, betas=(0.9, 0.98), fused=True
    )
    state, start, spent, seen = os.path.join(args.out, "state.pt"), 0, 0.0, 0
    if os.path.exists(state):
        saved = torch.load(state)
        model.load_state_dict(saved["model"])
        cues.load_state_dict(saved["cues"])
        optimizer.load_state_dict(saved["optimizer"])
        start, spent, seen = saved["step"], saved["seconds"], saved["tokens"]
        print(f"resumes at step {start}", flush=True)
    log = open(os.path.join(args.out, "log.csv"), "a", newline="")
    table = csv.writer(log)
    if start == 0:
        table.writerow(["step", "tokens", "seconds", "loss", "answer_loss", "answers_right", "about_loss", "rate", "row"])
    begun, streams, mean = time.time(), {}, None
    shares = settings["shares"]
    finish = round(settings["finish"] * steps / settings["steps"])
    settings["finish"] = finish
    for step in range(start, steps + finish):
        s = max(i for i, share in enumerate(shares) if share * steps <= step) if step < steps else len(shares)
        # One batch in five (in the finish, two) is of an earlier stage, so that what was learned there stays.
        pick = np.random.default_rng([settings["seed"], step])
        if s > 0 and pick.random() < (0.2 if step < steps else 0.4):
            s = int(pick.integers(0, s))
        stage = data["stages"][s]
        if s not in streams:
            streams[s] = batches(data, stage, settings["batch"] // stage["length"], settings["seed"] + start)
        raw = next(streams[s])
        answer, padding, ids = (raw & data["answer"]) > 0, (raw & data["padding"]) > 0, raw & 0x3FFF
        x, y = ids[:, :-1], ids[:, 1:]
        weight = torch.where(padding[:, 1:], 0.0, torch.where(answer[:, 1:], settings["answer_weight"], settings["text_weight"]))
        offset = int(pick.integers(0, settings["context"] - x.shape[1] + 1)) if settings["family"] == "gpt2" and pick.random() < 0.5 else 0
        for g in optimizer.param_groups:
            g["lr"] = rate(step, steps, settings)
        early = []
        logits = model(x, offset, early)
        losses = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(y.shape)
        loss = (losses * weight).sum() / weight.sum()
        # The help fades out by the last quarter, so that what ships stands without it.
        help = settings["cues"] * max(0.0, 1 - step / (0.75 * steps))
        about = cues.loss(x, padding[:, :-1], early[0]) if help > 0 else torch.zeros(())
        loss = loss + help * about
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        seen += int((~padding).sum())
        with torch.no_grad():
            at = answer[:, 1:]
            now = np.array([losses[~padding[:, 1:]].mean().item(), losses[at].mean().item(), (logits.argmax(-1) == y)[at].float().mean().item(), about.item()])
        mean = now if mean is None else 0.95 * mean + 0.05 * now
        if (step + 1) % 25 == 0 or step + 1 == steps + finish:
            elapsed = spent + time.time() - begun
            table.writerow([step + 1, seen, round(elapsed), *(f"{v:.4f}" for v in mean), f"{rate(step, steps, settings):.2e}", stage["length"]])
            log.flush()
        if step + 1 in settings["checkpoints"]:
            model.save(os.path.join(args.out, f"step-{step + 1}"))
        if (step + 1) % 250 == 0 or step + 1 == steps + finish:
            torch.save(
                {"model": model.state_dict(), "cues": cues.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1, "seconds": spent + time.time() - begun, "tokens": seen},
                state + ".part",
            )
            os.replace(state + ".part", state)
    log.close()
    model.save(args.out)
    with open(os.path.join(args.out, "settings.json"), "w") as f:
        json.dump({**settings, "steps": steps, "data": data["stages"]}, f, indent=1)
    with open(os.path.join(args.out, "log.csv")) as f:
        curve = svg(list(csv.DictReader(f)))
    with open(os.path.join(args.out, "loss.svg"), "w") as f:
        f.write(curve)


if __name__ == "__main__":
    main()
