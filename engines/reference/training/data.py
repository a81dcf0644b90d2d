"""Conversations from the generator (main.ts) as batches of token ids."""

import json
import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from model import FOLDER
from torch import Tensor

GENERATOR = Path(__file__).resolve().parent / "main.ts"
# Conversations that are sorted by length together, so that a batch pads little.
POOL = 256
PIECES = re.compile(r" ?[A-Za-z]+|[^A-Za-z]")


class Words:
    """Encodes texts of the vocabulary as tokenizer.json does; a word outside it is a mistake of the generator."""

    def __init__(self) -> None:
        file = json.loads((FOLDER / "tokenizer.json").read_text())
        self.ids = {token.replace("Ġ", " "): i for token, i in file["model"]["vocab"].items()}
        self.special = {token["content"]: token["id"] for token in file["added_tokens"]}

    def encode(self, text: str) -> list[int]:
        return [self.ids[piece] for piece in PIECES.findall(text)]


@dataclass
class Conversation:
    ids: list[int]
    answers: list[tuple[int, int]]  # [first, end) of each answer with its end mark


def encode(words: Words, line: str) -> Conversation:
    drawn = json.loads(line)
    mark = words.special
    ids, answers = [mark["<|bos|>"]], []
    # The story stands in a system message or before the first question: every other conversation each.
    apart = len(drawn["story"]) % 2 == 0
    if apart:
        ids += [mark["<|system|>"], *words.encode(drawn["story"]), mark["<|end|>"]]
    for i, (question, answer) in enumerate(drawn["turns"]):
        text = question if apart or i > 0 else f"{drawn['story']} {question}"
        ids += [mark["<|user|>"], *words.encode(text), mark["<|end|>"], mark["<|assistant|>"]]
        first = len(ids)
        ids += [*words.encode(answer), mark["<|end|>"]]
        answers.append((first, len(ids)))
    return Conversation(ids, answers)


def conversations(words: Words, split: str, seed: int, options: dict[str, str]) -> Iterator[Conversation]:
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    command = ["node", str(GENERATOR), "--split", split, "--count", "1000000000", "--seed", str(seed), *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            yield encode(words, line)


@dataclass
class Batch:
    ids: Tensor  # conversations × length, padded with 0
    rows: Tensor  # of the flattened positions before each token of an answer
    targets: Tensor  # those tokens
    answer_of: Tensor  # which answer each belongs to
    answers: int


def collate(group: list[Conversation]) -> Batch:
    # Lengths in steps of 16: few shapes.
    length = -(-max(len(c.ids) for c in group) // 16) * 16
    ids = torch.zeros(len(group), length, dtype=torch.long)
    rows, targets, answer_of, answers = [], [], [], 0
    for i, c in enumerate(group):
        ids[i, : len(c.ids)] = torch.tensor(c.ids)
        for first, end in c.answers:
            rows += range(i * length + first - 1, i * length + end - 1)
            targets += c.ids[first:end]
            answer_of += [answers] * (end - first)
            answers += 1
    return Batch(ids, torch.tensor(rows), torch.tensor(targets), torch.tensor(answer_of), answers)


def batches(source: Iterator[Conversation], tokens: int, seed: int) -> Iterator[Batch]:
    """Batches of at most `tokens` tokens with their padding, or of one conversation."""
    shuffle = random.Random(seed)
    size = 0
    while True:
        # Long conversations fill a batch alone: a small pool of them is enough.
        pool = [next(source) for _ in range(min(POOL, max(4, 8 * tokens // size)) if size else 16)]
        size = max(len(c.ids) for c in pool)
        pool.sort(key=lambda c: len(c.ids))
        groups, group = [], []
        for c in pool:
            if group and len(c.ids) * (len(group) + 1) > tokens:
                groups.append(group)
                group = []
            group.append(c)
        groups.append(group)
        shuffle.shuffle(groups)
        for one in groups:
            yield collate(one)
