"""What is asked of a model registry, and what it answers: JSON between mltui and the process that may load mlflow."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mltui.core.data import Data
from mltui.core.experiment import Arm

PROMOTION_ID = "mltui.promotion_id"


class Look(Data):
    """What is in the registry of that name?"""

    do: Literal["look"] = "look"
    kind: Literal["model", "prompt"]
    name: str


class ModelOrder(Data):
    """Make a version of a run's model and give it the alias.

    Attributes:
        promotion_id: the intent's; a version with this tag is taken up, never made twice.
        expected: what the alias has now; another one is refused. None: whatever it has.
        previous: what the alias `previous` gets.
        restore: the aliases as they are to be when the order is taken back.
        path: of the model, absolute.
    """

    do: Literal["promote", "settle"]
    name: str
    promotion_id: str
    alias: str
    expected: str | None
    previous: str
    restore: dict[str, str] = Field(default_factory=dict[str, str])
    experiment_id: str
    arm: Arm
    seed: int
    path: str
    sha256: str
    tags: dict[str, str] = Field(default_factory=dict[str, str])


class PromptOrder(Data):
    """Register a prompt's text, unless its newest version or another holds the same, and give it the alias."""

    do: Literal["prompt"] = "prompt"
    name: str
    alias: str
    text: str
    message: str
    tags: dict[str, str] = Field(default_factory=dict[str, str])


class Point(Data):
    """Set aliases of a registered model or prompt; an empty version takes the alias away."""

    do: Literal["point"] = "point"
    kind: Literal["model", "prompt"]
    name: str
    aliases: dict[str, str]


class VersionFound(Data):
    """A version that has an alias.

    Attributes:
        sha256: of what lies there now: a prompt's text, a model in a local store; empty where it was not looked at.
    """

    version: str
    tags: dict[str, str] = Field(default_factory=dict[str, str])
    sha256: str = ""
    source: str = ""


class Answer(Data):
    """The registry after an order.

    Attributes:
        exists: whether there is a model or prompt of that name.
        version: the version that the order was about; empty when a settled order had left none.
        outcome: of `settle`: `adopted` (the alias is there) or `undone` (nothing is left of it).
        aliases: alias to version.
    """

    exists: bool
    version: str = ""
    outcome: Literal["", "adopted", "undone"] = ""
    aliases: dict[str, str] = Field(default_factory=dict[str, str])
    versions: dict[str, VersionFound] = Field(default_factory=dict[str, VersionFound])


Order = Look | ModelOrder | PromptOrder | Point
