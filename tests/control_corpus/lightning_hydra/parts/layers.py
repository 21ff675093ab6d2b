from torch import nn


def mlp(hidden, n_in=14, n_out=2, p=0.1):
    layers, width = [], n_in
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(p)]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, n_out))
