import numpy as np


def filtered(zs, q=1e-5, r=0.01):
    x, p, out = 0.0, 1.0, []
    for z in zs:
        p = p + q
        k = p / (p + r)
        x = x + k * (z - x)
        p = (1 - k) * p
        out.append(x)
    return np.array(out)
