import contextlib
import time


@contextlib.contextmanager
def timed(name, sink=print):
    """Says how long a block took."""
    started = time.perf_counter()
    try:
        yield
    finally:
        sink(f"{name}: {time.perf_counter() - started:.2f}s")


class RunningMean:
    def __init__(self):
        self.total, self.count = 0.0, 0

    def add(self, value):
        self.total += value
        self.count += 1

    def value(self):
        return self.total / self.count if self.count else float("nan")
