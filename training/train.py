"""Trains a model of the suite on the token files of `node training/world.mjs`. Usage: train.py NAME --data FOLDER --out FOLDER [--steps N] [--workers N]

Each worker is a process with one thread that takes its share of every batch's rows: matrices as small as these are faster so than with a thread per core inside each product. Writes into OUT: log.csv, loss.svg, settings.json, state.pt (from which an interrupted run resumes), config.json and model.safetensors in Hugging Face's layout.
"""

import argparse
import csv
import json
import os
import time

import numpy as np
import torch
import torch.multiprocessing as mp
from torch.nn import functional as F

from curve import svg
from models import SUITE, build


# Batches whose rows are sorted by length together.
WINDOW = 32


def batches(data, stage, size, seed):
    """Endless batches of one stage's rows (`[row, position]`), each pass in a new order. Rows of nearly one length are put together, and a batch is no longer than
    its longest row: what lies behind the last token would be computed for nothing (an eighth of all)."""
    rows = np.fromfile(os.path.join(data["folder"], stage["file"]), dtype="<u2").reshape(-1, stage["length"])
    used = ((rows & data["padding"]) == 0).sum(1)
    # A row into which no story fitted holds its first token alone.
    rows, used = rows[used > 1], used[used > 1]
    for epoch in range(10**6):
        random = np.random.default_rng([seed, epoch, stage["length"]])
        order = random.permutation(len(rows))
        for start in range(0, len(rows) - size + 1, WINDOW * size):
            window = order[start : start + WINDOW * size]
            window = window[np.argsort(used[window], kind="stable")]
            for i in random.permutation(len(window) // size):
                chosen = window[i * size : (i + 1) * size]
                yield torch.from_numpy(rows[chosen, : used[chosen].max()].astype(np.int64))


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

    def loss(self, x, padding, stream, count):
        """The loss of both in nats, summed over positions and divided by `count`."""
        n, at, total = F.rms_norm(stream, (stream.shape[-1],)), torch.arange(x.shape[1]), 0.0
        for before, (words, read) in enumerate(zip(self.classes, self.reads)):
            kind = words[x]
            last = torch.where(kind > 0, at, 0).cummax(1).values
            label = kind.gather(1, last)
            if before:
                label = F.pad(label, (1, 0))[:, :-1]
            total = total + F.cross_entropy(read(n)[~padding], label[~padding], reduction="sum")
        return total / (len(self.classes) * count)


class Sum:
    """Adds up what every worker has computed, in memory they share."""

    def __init__(self, workers, size):
        self.barrier, self.calls = mp.get_context("spawn").Barrier(workers), 0
        # Two buffers in turn: a worker that is a step ahead writes where no other still reads.
        self.parts = torch.zeros(2, workers, size).share_memory_()

    def __call__(self, rank, values):
        """The sum `[size]` over all workers' `values`, the same bits in each."""
        parts, self.calls = self.parts[self.calls % 2], self.calls + 1
        parts[rank] = values
        self.barrier.wait()
        return parts.sum(0)


MEASURES = ("loss", "answer_loss", "answers_right", "about_loss")


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
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.data, "data.json")) as f:
        data = {**json.load(f), "folder": args.data}
    settings = dict(SUITE[args.name])
    size = sum(p.numel() for part in learners(settings, data) for p in part.parameters())
    total = Sum(args.workers, size + len(MEASURES))
    if args.workers == 1:
        train(0, args, settings, data, total)
    else:
        mp.spawn(train, (args, settings, data, total), nprocs=args.workers)


def learners(settings, data):
    """The model and its help in training, with their first weights."""
    torch.manual_seed(settings["seed"])
    model = build(settings, data["vocab"])
    return model, Cues(data["cues"], data["vocab"], settings["d"])


def train(rank, args, settings, data, total):
    """One worker. All hold the same weights; the first writes."""
    torch.set_num_threads(1)
    steps = args.steps or settings["steps"]
    model, cues = learners(settings, data)
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
        if rank == 0:
            print(f"resumes at step {start}", flush=True)
    log = open(os.path.join(args.out, "log.csv"), "a", newline="") if rank == 0 else None
    table = csv.writer(log) if log else None
    if table and start == 0:
        table.writerow(["step", "tokens", "seconds", *MEASURES, "rate", "row"])
    begun, streams, mean, parent = time.time(), {}, None, os.getppid()
    shares = settings["shares"]
    finish = round(settings["finish"] * steps / settings["steps"])
    settings["finish"] = finish
    for step in range(start, steps + finish):
        if args.workers > 1 and os.getppid() != parent:
            return  # The process that started the workers was stopped.
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
        x, y, read, at = ids[:, :-1], ids[:, 1:], ~padding[:, 1:], answer[:, 1:]
        weight = torch.where(~read, 0.0, torch.where(at, settings["answer_weight"], settings["text_weight"]))
        offset = int(pick.integers(0, settings["context"] - x.shape[1] + 1)) if settings["family"] == "gpt2" and pick.random() < 0.5 else 0
        # What the whole batch's sums are divided by: each worker's part then adds up to the batch's mean.
        count = {"weight": weight.sum(), "tokens": read.sum(), "answers": at.sum().clamp(min=1), "about": (~padding[:, :-1]).sum()}
        x, y, read, at, weight, known = (part[rank :: args.workers] for part in (x, y, read, at, weight, padding[:, :-1]))
        for g in optimizer.param_groups:
            g["lr"] = rate(step, steps, settings)
        early = []
        logits = model(x, offset, early)
        losses = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(y.shape)
        loss = (losses * weight).sum() / count["weight"]
        # The help fades out by the last quarter, so that what ships stands without it.
        help = settings["cues"] * max(0.0, 1 - step / (0.75 * steps))
        about = cues.loss(x, known, early[0], count["about"]) if help > 0 else torch.zeros(())
        optimizer.zero_grad()
        (loss + help * about).backward()
        with torch.no_grad():
            right = (logits.argmax(-1) == y)[at].sum()
            measures = torch.stack([losses[read].sum() / count["tokens"], losses[at].sum() / count["answers"], right / count["answers"], about])
            summed = total(rank, torch.cat([*((torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters), measures]))
            first = 0
            for p in parameters:
                if p.grad is not None:
                    p.grad = summed[first : first + p.numel()].view_as(p)
                first += p.numel()
            now = summed[first:].numpy()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        seen += int((~padding).sum())
        mean = now if mean is None else 0.95 * mean + 0.05 * now
        if rank > 0:
            continue
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
    if rank > 0:
        return
    log.close()
    model.save(args.out)
    with open(os.path.join(args.out, "settings.json"), "w") as f:
        json.dump({**settings, "steps": steps, "workers": args.workers, "data": data["stages"]}, f, indent=1)
    with open(os.path.join(args.out, "log.csv")) as f:
        curve = svg(list(csv.DictReader(f)))
    with open(os.path.join(args.out, "loss.svg"), "w") as f:
        f.write(curve)


if __name__ == "__main__":
    main()
