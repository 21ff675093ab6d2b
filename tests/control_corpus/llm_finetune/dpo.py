import torch
import torch.nn.functional as F
from accelerate import Accelerator
from transformers import AutoModelForCausalLM, get_cosine_schedule_with_warmup


def preference_loss(policy, reference, beta=0.1):
    return -F.logsigmoid(beta * ((policy[0] - policy[1]) - (reference[0] - reference[1]))).mean()


def loop(model, loader, steps):
    accelerator = Accelerator(gradient_accumulation_steps=4)
    opt = torch.optim.AdamW(model.parameters(), 5e-7)
    plan = get_cosine_schedule_with_warmup(opt, 100, steps)
    model, opt, loader, plan = accelerator.prepare(model, opt, loader, plan)
    for batch in loader:
        with accelerator.accumulate(model):
            loss = preference_loss(*batch["logps"])
            accelerator.backward(loss)
            opt.step()
            plan.step()
            opt.zero_grad()


if __name__ == "__main__":
    loop(AutoModelForCausalLM.from_pretrained("out/sft"), torch.load("pairs.pt"), 1000)
