from argparse import ArgumentParser

import torch
from gnn.factory import make
from gnn.molecules import Molecules
from torch_geometric.loader import DataLoader


def epoch(model, opt, loader):
    total = 0.0
    for graphs in loader:
        opt.zero_grad()
        error = (model(graphs).squeeze(-1) - graphs.y).abs().mean()
        error.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        total += float(error)
    return total / len(loader)


if __name__ == "__main__":
    parser = ArgumentParser()
    parser.add_argument("--settings", default="gnn/settings/qm9.yml")
    model, opt = make(parser.parse_args().settings)
    loader = DataLoader(Molecules("qm9"), 64, shuffle=True)
    for number in range(100):
        print(number, epoch(model, opt, loader))
