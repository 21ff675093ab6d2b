import numpy as np

rng = np.random.default_rng(0)
q = np.zeros((48, 4))
alpha, gamma, epsilon = 0.1, 0.99, 0.1


def episode(env):
    s, done = env.reset(), False
    while not done:
        a = rng.integers(4) if rng.random() < epsilon else int(q[s].argmax())
        s2, r, done = env.step(a)
        q[s, a] += alpha * (r + gamma * q[s2].max() * (not done) - q[s, a])
        s = s2
