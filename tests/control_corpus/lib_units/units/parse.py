import re

PATTERN = re.compile(r"(?P<value>[-+]?\d+(\.\d+)?)\s*(?P<unit>[a-zµ]+)")


def parse(text):
    found = PATTERN.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is no quantity")
    return float(found["value"]), found["unit"]
