from pathlib import Path

import yaml


def read(path):
    text = Path(path).read_text(encoding="utf-8")
    settings = yaml.safe_load(text)
    if not isinstance(settings, dict):
        raise ValueError(f"{path} holds no mapping")
    return settings
