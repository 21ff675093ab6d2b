def spare(x):
    return x + 1
