"""Trains a small neural network to read handwritten digits and says how good it is.

    python train.py --seed 0

Reads conf/train.yaml and data/digits.csv.gz, writes metrics.json. The seed decides the split into training and
test images, the initial weights and the order of the batches: two configurations with the same seed are compared
on the same images.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

# The matrices are small: more threads cost more than they bring, and one keeps parallel runs apart.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import yaml
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

HERE = Path(__file__).resolve().parent
CLASSES = 10
TEST_SHARE = 0.25


class Network:
    """One hidden layer, softmax output, cross-entropy with an L2 penalty."""

    def __init__(self, inputs: int, hidden: int, activation: str, rng: np.random.Generator) -> None:
        if activation not in ("relu", "tanh"):
            raise SystemExit(f"conf/train.yaml: model.activation must be relu or tanh, not {activation!r}")
        self.activation = activation
        self.weights = [
            rng.normal(0, np.sqrt(2 / inputs), (inputs, hidden)),
            np.zeros(hidden),
            rng.normal(0, np.sqrt(1 / hidden), (hidden, CLASSES)),
            np.zeros(CLASSES),
        ]

    def _hidden(self, images: Array) -> Array:
        before = images @ self.weights[0] + self.weights[1]
        return np.maximum(before, 0) if self.activation == "relu" else np.tanh(before)

    def probabilities(self, images: Array) -> Array:
        """The probability of each digit, one row an image."""
        logits = self._hidden(images) @ self.weights[2] + self.weights[3]
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def gradients(self, images: Array, labels: Labels, alpha: float) -> list[Array]:
        """Of the mean loss of a batch, in the order of the weights."""
        hidden = self._hidden(images)
        error = self.probabilities(images)
        error[np.arange(len(labels)), labels] -= 1
        error /= len(labels)
        slope = (hidden > 0).astype(float) if self.activation == "relu" else 1 - hidden**2
        back = (error @ self.weights[2].T) * slope
        return [
            images.T @ back + alpha * self.weights[0],
            back.sum(axis=0),
            hidden.T @ error + alpha * self.weights[2],
            error.sum(axis=0),
        ]


def load_data(path: Path) -> tuple[Array, Labels]:
    """Images as rows of 64 grey values from 0 to 1, and their digits."""
    table = np.loadtxt(path, delimiter=",")
    return table[:, :-1] / 16.0, table[:, -1].astype(np.int64)


def log_loss(probabilities: Array, labels: Labels) -> float:
    """Mean negative log-likelihood of the true digits, in nats."""
    return float(-np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1)).mean())


def fit(network: Network, images: Array, labels: Labels, optimizer: dict[str, Any], rng: np.random.Generator) -> None:
    """Stochastic gradient descent with momentum for a fixed number of epochs."""
    velocity = [np.zeros_like(weight) for weight in network.weights]
    batch = int(optimizer["batch_size"])
    for epoch in range(int(optimizer["epochs"])):
        order = rng.permutation(len(labels))
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            gradients = network.gradients(images[chosen], labels[chosen], float(optimizer["alpha"]))
            for weight, speed, gradient in zip(network.weights, velocity, gradients, strict=True):
                speed *= float(optimizer["momentum"])
                speed -= float(optimizer["learning_rate"]) * gradient
                weight += speed
        if (epoch + 1) % 5 == 0:
            print(f"epoch {epoch + 1} train_loss {log_loss(network.probabilities(images), labels):.4f}", flush=True)


def train(config: dict[str, Any], images: Array, labels: Labels, seed: int) -> dict[str, float]:
    """Trains on three quarters of the images and measures on the rest.

    Returns:
        accuracy (share of the test images), log_loss (nats), train_seconds (wall time of the training alone).
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    split = int(len(order) * TEST_SHARE)
    test, rest = order[:split], order[split:]

    network = Network(images.shape[1], int(config["model"]["hidden"]), str(config["model"]["activation"]), rng)
    started = time.perf_counter()
    fit(network, images[rest], labels[rest], config["optimizer"], rng)
    seconds = time.perf_counter() - started

    probabilities = network.probabilities(images[test])
    return {
        "accuracy": float((probabilities.argmax(axis=1) == labels[test]).mean()),
        "log_loss": log_loss(probabilities, labels[test]),
        "train_seconds": round(seconds, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Train on the digits and write metrics.json.")
    parser.add_argument("--seed", type=int, default=0, help="decides split, initial weights and batch order")
    parser.add_argument("--config", type=Path, default=HERE / "conf" / "train.yaml")
    parser.add_argument("--out", type=Path, default=Path("metrics.json"), help="where the metrics are written")
    arguments = parser.parse_args()

    config = yaml.safe_load(arguments.config.read_text(encoding="utf-8"))
    images, labels = load_data(HERE / "data" / "digits.csv.gz")
    metrics = train(config, images, labels, arguments.seed)
    arguments.out.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(" ".join(f"{name}={value:.4f}" for name, value in metrics.items()))


if __name__ == "__main__":
    main()
