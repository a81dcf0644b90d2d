"""Trains the tiny model's weights: see README.md here. Two processes of one thread each, which average their gradients: on two
cores that others use too, that is faster than two threads in one process, where each waits for the other in every operation."""

import argparse
import json
import os
import random
import signal
import time
from collections import deque
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from data import Batch, Words, batches, conversations
from model import Tiny, read_config
from muon import Muon
from torch.distributed.constants import default_pg_timeout

SAVE_SECONDS = 300
LOG_STEPS = 50
# Of the stage's rate, for each optimizer.
RATE_SHARES = (1.0, 0.5)


def loss_of(model: Tiny, batch: Batch) -> tuple[torch.Tensor, float]:
    """The loss, and the share of answers in which every token is the likeliest one."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = model(batch.ids).flatten(0, 1)[batch.rows]
        logits = model.logits(states).float()
    wrong = (logits.argmax(-1) != batch.targets).float()
    missed = torch.zeros(batch.answers).index_add_(0, batch.answer_of, wrong)
    return F.cross_entropy(logits, batch.targets), (missed == 0).float().mean().item()


def optimizers(model: Tiny) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for the rest."""
    matrices = [p for p in model.layers.parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [
        Muon(matrices, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(others, lr=1, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def average(model: Tiny, measures: list[float], ranks: int) -> list[float]:
    """Averages gradients over the processes, and measures with them."""
    flat = torch.cat([p.grad.flatten() for p in model.parameters()] + [torch.tensor(measures)])
    if ranks > 1:
        dist.all_reduce(flat)
        flat /= ranks
    at = 0
    for p in model.parameters():
        p.grad.copy_(flat[at : at + p.numel()].view_as(p))
        at += p.numel()
    return flat[at:].tolist()


def stage_batches(words: Words, stage: dict, seed: int):
    """Batches of the stage's mixture: each source with its weight."""
    sources = [
        batches(conversations(words, "train", seed * 100 + i, source["options"]), source.get("tokens", stage["tokens"]), seed)
        for i, source in enumerate(stage["sources"])
    ]
    choose = random.Random(seed)
    weights = [source["weight"] for source in stage["sources"]]
    while True:
        yield next(choose.choices(sources, weights)[0])


def rate(stage: dict, done: int, step: int) -> float:
    """Warms up over the first steps of all; falls linearly to the stage's last rate, if it has one, over its steps."""
    share = min(1.0, done / stage["steps"])
    last = stage.get("last_rate", stage["rate"])
    return min(1.0, (step + 1) / 100) * (stage["rate"] + (last - stage["rate"]) * share)


def train(rank: int, ranks: int, folder: Path, schedule_file: Path, seed: int) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    if ranks > 1:
        # Whoever stops one process for a while stops the other's next step, not the run.
        dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=ranks,
                                timeout=default_pg_timeout * 24)  # fmt: skip
    words, model = Words(), Tiny(read_config())
    opts = optimizers(model)
    at = {"stage": 0, "done": 0, "step": 0, "tokens": 0, "seconds": 0.0}
    latest = folder / "checkpoint.pt"
    if latest.exists():
        saved = torch.load(latest)
        model.load_state_dict(saved["model"])
        for opt, state in zip(opts, saved["optimizers"], strict=True):
            opt.load_state_dict(state)
        at = saved["at"]
    ended: list[bool] = []
    if rank == 0:
        print(f"{sum(p.numel() for p in model.parameters())} parameters, from step {at['step']}", flush=True)

    def save() -> None:
        if rank == 0:
            torch.save({"model": model.state_dict(), "optimizers": [o.state_dict() for o in opts], "at": at}, f"{latest}.new")
            os.replace(f"{latest}.new", latest)

    if rank == 0:
        signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    saved_at = time.monotonic()
    while at["stage"] < len(stages := json.loads(schedule_file.read_text())):
        stage = stages[at["stage"]]
        source = stage_batches(words, stage, seed + 1000 * at["stage"] + 10 * at["step"] + rank)
        recent: deque[tuple[float, float]] = deque(maxlen=LOG_STEPS)
        while at["done"] < stage["steps"]:
            started = time.monotonic()
            batch = next(source)
            model.zero_grad(set_to_none=True)
            loss, exact = loss_of(model, batch)
            loss.backward()
            loss_all, exact_all, tokens = average(model, [loss.item(), exact, float(batch.ids.numel())], ranks)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for opt, share in zip(opts, RATE_SHARES, strict=True):
                for group in opt.param_groups:
                    group["lr"] = share * rate(stage, at["done"], at["step"])
                opt.step()
            recent.append((loss_all, exact_all))
            at["step"] += 1
            at["done"] += 1
            at["tokens"] += int(tokens * ranks)
            at["seconds"] += time.monotonic() - started
            if at["step"] % LOG_STEPS == 0:
                mean_loss, mean_exact = (sum(x) / len(recent) for x in zip(*recent, strict=True))
                if rank == 0:
                    print(f"{at['seconds']:.0f} s, stage {at['stage']}, step {at['step']}, {at['tokens'] / 1e6:.2f} M tokens, "
                          f"loss {mean_loss:.4f}, exact {mean_exact:.3f}", flush=True)  # fmt: skip
                # Both processes see the same averages, so they leave a stage together.
                if mean_exact >= stage.get("until_exact", 2):
                    break
            if ended or time.monotonic() - saved_at > SAVE_SECONDS:
                saved_at = time.monotonic()
                save()
            if ended:
                return
        at["stage"] += 1
        at["done"] = 0
        save()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="for checkpoints; a run that was broken off goes on from the last one")
    parser.add_argument("--schedule", type=Path, default=Path(__file__).parent / "schedule.json")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    (args.folder / "meeting").unlink(missing_ok=True)
    rest = (args.processes, args.folder.resolve(), args.schedule.resolve(), args.seed)
    # This process is one of them: a signal that stops it for a while stops the run, a signal that ends it ends the run.
    for rank in range(1, args.processes):
        mp.get_context("spawn").Process(target=train, args=(rank, *rest), daemon=True).start()
    train(0, *rest)


if __name__ == "__main__":
    main()
