from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

from sft.formatting import to_chat
from sft.settings import read


def main():
    s = read("sft/run.yaml")
    tokenizer = AutoTokenizer.from_pretrained(s["base"])
    model = AutoModelForCausalLM.from_pretrained(s["base"], torch_dtype="bfloat16")
    data = load_dataset("json", data_files=s["files"], split="train").map(to_chat)
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(output_dir=s["out"], learning_rate=s["lr"], num_train_epochs=s["epochs"]),
        train_dataset=data,
        peft_config=LoraConfig(r=s["lora_r"], lora_alpha=32, target_modules="all-linear"),
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.save_model()


if __name__ == "__main__":
    main()
