import numpy as np


def windows(series, size):
    """Every run of `size` values, and the value that follows."""
    starts = range(len(series) - size)
    x = np.stack([series[start : start + size] for start in starts])
    return x[..., None], series[size:]
