import numpy as np

rng = np.random.default_rng(1)
W1, W2 = rng.normal(0, 0.1, (784, 64)), rng.normal(0, 0.1, (64, 10))
learning_rate = 0.5


def backprop(x, y):
    h = np.maximum(0, x @ W1)
    s = h @ W2
    p = np.exp(s - s.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    g2 = h.T @ p / len(y)
    g1 = x.T @ ((p @ W2.T) * (h > 0)) / len(y)
    return g1, g2


def epoch(batches):
    global W1, W2
    for x, y in batches:
        grad1, grad2 = backprop(x, y)
        W1 = W1 - learning_rate * grad1
        W2 = W2 - learning_rate * grad2
