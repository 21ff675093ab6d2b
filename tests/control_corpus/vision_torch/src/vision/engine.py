"""One epoch of training and validation."""
import time

import torch
from torch.cuda.amp import autocast


def train_one_epoch(model, loader, criterion, optimizer, scaler, device, log_every=50):
    model.train()
    running, started = 0.0, time.time()
    for step, (images, labels) in enumerate(loader):
        images, labels = images.to(device, non_blocking=True), labels.to(device)
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            loss = criterion(model(images), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        running += loss.item()
        if step % log_every == 0:
            print(f"{step:5d} loss {running / (step + 1):.4f} {time.time() - started:.0f}s")
    return running / max(1, len(loader))


@torch.no_grad()
def validate(model, loader, device):
    model.eval()
    right = total = 0
    for images, labels in loader:
        predicted = model(images.to(device)).argmax(1).cpu()
        right += (predicted == labels).sum().item()
        total += len(labels)
    return right / total
