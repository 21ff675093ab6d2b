import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def descend(x, t, lr=0.1, epochs=500):
    w, b = np.zeros(x.shape[1]), 0.0
    for _ in range(epochs):
        p = sigmoid(x @ w + b)
        dw = x.T @ (p - t) / len(t)
        db = (p - t).mean()
        w -= lr * dw
        b -= lr * db
    return w, b
