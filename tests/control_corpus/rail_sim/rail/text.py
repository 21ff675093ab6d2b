import textwrap


def fit_text(text, width):
    lines = textwrap.wrap(text, width)
    return "\n".join(lines[:3]) + ("…" if len(lines) > 3 else "")


def fit(image_size, box):
    scale = min(box[0] / image_size[0], box[1] / image_size[1])
    return round(image_size[0] * scale), round(image_size[1] * scale)
