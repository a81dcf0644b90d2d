"""Writes a checkpoint's weights to the model's folder, and what PyTorch answers with them to a few prompts: the oracle for the
engine (test/flow/trained-weights.test.ts).  python export.py FOLDER"""

import json
import sys
from itertools import islice
from pathlib import Path

import torch
from data import Words, conversations
from model import FOLDER, Tiny, checkpoint, read_config
from safetensors.torch import save_file

ORACLE = FOLDER.parents[3] / "test" / "fixtures" / "trained-answers.json"
PROMPTS = [{"words": "40-60", "facts": "3"}, {"words": "300-400", "facts": "10"}, {"words": "1500-1700", "facts": "16"}]
EACH = 2
TOKENS_MAX = 24


@torch.no_grad()
def greedy(model: Tiny, prompt: list[int], ends: list[int]) -> list[int]:
    ids = list(prompt)
    while len(ids) - len(prompt) < TOKENS_MAX:
        ids.append(int(model.logits(model(torch.tensor([ids]))[0, -1]).argmax()))
        if ids[-1] in ends:
            break
    return ids[len(prompt) :]


def main() -> None:
    torch.set_num_threads(1)
    config, words = read_config(), Words()
    model = Tiny(config)
    model.load_state_dict(torch.load(Path(sys.argv[1]) / "checkpoint.pt")["model"])
    save_file(checkpoint(model), FOLDER / "model.safetensors", metadata={"format": "pt"})
    answers = []
    for i, options in enumerate(PROMPTS):
        for c in islice(conversations(words, "test", 4000 + i, {**options, "turns": "2"}), EACH):
            prompt = c.ids[: c.answers[-1][0]]
            answers.append({"prompt": prompt, "answer": greedy(model, prompt, config["eos_token_ids"])})
    ORACLE.write_text(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main()
