"""Trains the small ResNet. Usage: python scripts/fit_resnet.py --config experiments/resnet.yaml"""
import argparse

import torch
import yaml
from torch import nn, optim
from torch.utils.data import DataLoader
from vision.engine import train_one_epoch, validate
from vision.images import FolderOfImages
from vision.nets import resnet_small
from vision.timer import timed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default="experiments/resnet.yaml")
    parser.add_argument("--out", default="runs/last")
    args = parser.parse_args()
    with open(args.config) as file:
        cfg = yaml.safe_load(file)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = resnet_small(cfg["classes"]).to(device)
    optimizer = optim.AdamW(model.parameters(), lr=cfg["lr"], weight_decay=cfg["weight_decay"])
    loader = DataLoader(FolderOfImages("images/train"), batch_size=cfg["batch_size"], shuffle=True)
    held = DataLoader(FolderOfImages("images/val"), batch_size=256)
    scaler = torch.cuda.amp.GradScaler()
    for epoch in range(cfg["epochs"]):
        with timed(f"epoch {epoch}"):
            train_one_epoch(model, loader, nn.CrossEntropyLoss(), optimizer, scaler, device)
        print(epoch, validate(model, held, device))
    torch.save(model.state_dict(), f"{args.out}/model.pt")


if __name__ == "__main__":
    main()
