"""Training learns, and the seed alone decides what it learns from."""

import numpy as np

import train

CONFIG = {
    "model": {"hidden": 8, "activation": "relu"},
    "optimizer": {"learning_rate": 0.1, "momentum": 0.9, "alpha": 0.0, "batch_size": 16, "epochs": 15},
}


def blobs() -> tuple[train.Array, train.Labels]:
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 4
    return rng.normal(0, 0.1, (200, 6)) + np.eye(6)[labels], labels.astype(np.int64)


def test_learns_separable_classes():
    assert train.train(CONFIG, *blobs(), seed=0)["accuracy"] > 0.95


def test_same_seed_gives_the_same_metrics():
    first, second = (train.train(CONFIG, *blobs(), seed=3) for _ in range(2))
    assert first["log_loss"] == second["log_loss"]


def test_another_seed_gives_others():
    assert train.train(CONFIG, *blobs(), seed=3)["log_loss"] != train.train(CONFIG, *blobs(), seed=4)["log_loss"]
