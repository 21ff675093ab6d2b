"""Fits the number of workers to the load."""
from dataclasses import dataclass


@dataclass
class Scaler:
    low: int = 2
    high: int = 40
    alpha: float = 0.2
    level: float = 0.0

    def fit(self, requests_per_second: float) -> int:
        self.level = self.alpha * requests_per_second + (1 - self.alpha) * self.level
        return max(self.low, min(self.high, round(self.level / 50)))


def autoscale(cluster, metrics):
    scaler = Scaler()
    for rps in metrics.stream("requests"):
        cluster.resize(scaler.fit(rps))
