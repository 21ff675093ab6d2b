def smooth(values, alpha=0.3):
    """Exponential smoothing of a list."""
    if not values:
        return []
    level = values[0]
    out = [level]
    for value in values[1:]:
        level = alpha * value + (1 - alpha) * level
        out.append(level)
    return out
