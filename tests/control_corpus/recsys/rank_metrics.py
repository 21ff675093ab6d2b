import numpy as np


def ndcg_at_k(relevance, k=10):
    gains = np.asarray(relevance, float)[:k] / np.log2(np.arange(2, k + 2))[: len(relevance[:k])]
    best = np.sort(relevance)[::-1][:k] / np.log2(np.arange(2, k + 2))[: len(relevance[:k])]
    return gains.sum() / best.sum() if best.sum() else 0.0


def recall_at_k(recommended, relevant, k=10):
    return len(set(recommended[:k]) & set(relevant)) / max(1, len(relevant))
