import torch
import yaml
from torch_geometric.nn import GIN


def make(path):
    with open(path) as handle:
        s = yaml.safe_load(handle)
    model = GIN(s["inputs"], s["width"], s["depth"], 1)
    return model, torch.optim.RAdam(model.parameters(), s["lr"])
