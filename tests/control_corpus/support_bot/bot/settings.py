import tomllib
from pathlib import Path

with (Path(__file__).parent.parent / "config" / "models.toml").open("rb") as handle:
    MODELS = tomllib.load(handle)
