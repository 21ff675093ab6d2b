"""Least squares for calibration curves."""
import numpy as np


def line(x, y):
    """Slope and intercept."""
    a = np.vstack([x, np.ones(len(x))]).T
    slope, intercept = np.linalg.lstsq(a, y, rcond=None)[0]
    return slope, intercept


class Calibration:
    def __init__(self, points):
        self.slope, self.intercept = line(*zip(*points))

    def __call__(self, raw):
        return self.slope * raw + self.intercept
