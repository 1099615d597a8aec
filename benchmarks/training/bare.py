"""The other side: a script as TRL's documentation writes it, with the same rows, settings and model."""

from clock import Clock  # isort: skip  (first: its clock starts when it is imported)

import shutil
import sys
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from shapes import ADAPTER, LOADED, SAME, SHAPES, TEMPLATE, rows
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

folder, shape, stage = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
out = folder / "trained" / f"bare-{shape}-{stage}"
shutil.rmtree(out, ignore_errors=True)
tokenizer = AutoTokenizer.from_pretrained(folder / shape)
tokenizer.chat_template = TEMPLATE.read_text()
quantisation = BitsAndBytesConfig(**LOADED, bnb_4bit_compute_dtype=getattr(torch, SHAPES[shape]["compute"]))
model = AutoModelForCausalLM.from_pretrained(
    folder / shape,
    quantization_config=quantisation,
    dtype=getattr(torch, SHAPES[shape]["compute"]),
    device_map={"": 0 if torch.cuda.is_available() else "cpu"},
)


def turn(role, text):
    return [{"role": role, "content": text}]


if stage == "sft":
    data = [
        {"prompt": turn("user", row["instruction"]), "completion": turn("assistant", row["response"])}
        for row in rows(folder, stage)
    ]
    config, trainer_class = SFTConfig, SFTTrainer
else:
    data = [{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in rows(folder, stage)]
    config, trainer_class = DPOConfig, DPOTrainer
clock = Clock()
trainer = trainer_class(
    model=model,
    args=config(output_dir=str(out), **{**SAME, **SHAPES[shape]["training"]}),
    train_dataset=Dataset.from_list(data),
    processing_class=tokenizer,
    peft_config=LoraConfig(task_type="CAUSAL_LM", **ADAPTER),
)
trainer.train()
trainer.save_model(str(out))
tokenizer.save_pretrained(str(out))
clock.tell()
