"""Tests of the trainer: `python -m unittest discover -s training` with training/requirements.txt installed."""

import csv
import json
import os
import subprocess
import sys
import tempfile
import unittest

import torch
from transformers import AutoModelForCausalLM

from models import SUITE, build

HERE = os.path.dirname(os.path.abspath(__file__))


class Layout(unittest.TestCase):
    def test_transformers_loads_each_model_with_equal_logits(self):
        for name, settings in SUITE.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                torch.manual_seed(settings["seed"])
                model = build(settings, 300)
                model.save(folder)
                theirs = AutoModelForCausalLM.from_pretrained(folder).eval()
                ids = torch.randint(0, 300, (3, 60))
                with torch.no_grad():
                    a, b = model(ids), theirs(ids).logits
                self.assertLess(((a - b).abs() / (1 + b.abs())).max().item(), 1e-4)
                self.assertEqual(sum(p.numel() for p in model.parameters()), sum(p.numel() for p in theirs.parameters()))

    def test_transformers_loads_every_shipped_model_and_gives_its_stored_logits(self):
        models = os.path.join(HERE, "..", "media", "models")
        folders = [root for root, _, files in os.walk(models) if "reference.json" in files]
        self.assertTrue(folders)
        for folder in folders:
            with self.subTest(folder), open(os.path.join(folder, "reference.json")) as f:
                model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
                for prompt in json.load(f)["prompts"]:
                    with torch.no_grad():
                        p = model(torch.tensor([prompt["ids"]])).logits[0, -1].log_softmax(-1)
                    for top in prompt["top"]:
                        self.assertAlmostEqual(p[top["id"]].item(), top["logprob"], delta=1e-3)

    def test_first_layer_looks_back(self):
        for name in ("pocket", "pocket-gpt2"):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                torch.manual_seed(0)
                build(SUITE[name], 300).save(folder)
                model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
                with torch.no_grad():
                    pattern = model(torch.randint(2, 300, (8, 64)), output_attentions=True).attentions[0].mean(0)
                for head in range(4):
                    distances = [pattern[head, 40, 40 - n].item() for n in range(12)]
                    self.assertEqual(distances.index(max(distances)), head + 1, f"head {head}: {distances}")


class Smoke(unittest.TestCase):
    def test_twenty_steps_run_and_an_interrupted_run_resumes(self):
        with tempfile.TemporaryDirectory() as folder:
            data, out = os.path.join(folder, "data"), os.path.join(folder, "run")
            subprocess.run(["node", os.path.join(HERE, "world.mjs"), data, "1", "0.02"], check=True, capture_output=True)
            for steps in (10, 20):
                command = [sys.executable, os.path.join(HERE, "train.py"), "pocket-small", "--data", data, "--out", out, "--steps", str(steps), "--workers", "1"]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            # Each run ends with its finish: 3 in 8 of the steps asked for.
            self.assertIn("resumes at step 14", said)
            with open(os.path.join(out, "log.csv")) as f:
                rows = list(csv.DictReader(f))
            self.assertEqual([int(r["step"]) for r in rows], [14, 25, 28])
            self.assertLess(float(rows[-1]["loss"]), float(rows[0]["loss"]))
            AutoModelForCausalLM.from_pretrained(out)

    def test_workers_that_share_each_batch_learn_what_one_learns_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            data = os.path.join(folder, "data")
            subprocess.run(["node", os.path.join(HERE, "world.mjs"), data, "1", "0.02"], check=True, capture_output=True)
            logs, weights = [], []
            for workers in ("1", "2"):
                out = os.path.join(folder, workers)
                command = [sys.executable, os.path.join(HERE, "train.py"), "pocket-small", "--data", data, "--out", out, "--steps", "10", "--workers", workers]
                subprocess.run(command, check=True, capture_output=True)
                with open(os.path.join(out, "log.csv")) as f:
                    logs.append(list(csv.DictReader(f))[-1])
                weights.append(AutoModelForCausalLM.from_pretrained(out).state_dict())
            for measure in ("loss", "answer_loss", "about_loss"):
                self.assertAlmostEqual(float(logs[0][measure]), float(logs[1][measure]), delta=1e-3)
            for name, alone in weights[0].items():
                self.assertLess((alone - weights[1][name]).abs().max().item(), 1e-3, name)


if __name__ == "__main__":
    unittest.main()
