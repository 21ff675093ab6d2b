class Gradient:
    """Concurrency limit that follows the gradient of the latency."""

    def __init__(self, limit=20, smoothing=0.2):
        self.limit, self.smoothing, self.long = limit, smoothing, None

    def update(self, rtt):
        self.long = rtt if self.long is None else 0.95 * self.long + 0.05 * rtt
        gradient = max(0.5, min(1.0, self.long / rtt))
        new = self.limit * gradient + self.limit**0.5
        self.limit = (1 - self.smoothing) * self.limit + self.smoothing * new
        return int(self.limit)
