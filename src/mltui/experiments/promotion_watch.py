"""Whether what is in use is what was promoted: a quick look at every start and in `mltui doctor`, without mlflow and git."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mltui.config.schema import Config
from mltui.core.errors import MltuiError
from mltui.experiments.promotion_history import read_promotions
from mltui.experiments.promotion_prompt import PromptStore
from mltui.experiments.promotion_standing import moved_aliases, prompt_standing
from mltui.experiments.promotion_target import Target
from mltui.experiments.tracking.place import STATE, tracking_uri
from mltui.experiments.tracking.registry_look import quick_aliases

FOLDER = "promotions"
"""Below the state folder; made with the first promotion, so that a project without any is not read for them."""


def promotion_problems(root: Path, config: Config, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Returns: a line for each promotion that a crash interrupted and each alias or prompt that was changed outside mltui."""
    state = root / STATE
    if not (state / FOLDER).is_dir():
        return ()
    try:
        history = read_promotions(state / "journal.jsonl")
        lines = [f"The promotion of {intent.experiment_id} was interrupted → mltui promote status" for intent in history.pending.values()]
        prompts = PromptStore(root, state)
        for text in history.targets():
            target = Target.parse(text)
            if target.kind == "prompt":
                drift = list(prompt_standing(history.current(text, target.alias), target, prompts).drift)
            else:
                found = quick_aliases(tracking_uri(root, config.tracking), target.name, environ) if config.tracking.enabled else None
                drift = [] if found is None else [f"{target.name}: {line}" for line in moved_aliases(history.aliases(text), found)]
            lines += [f"{line} → mltui promote rollback {target.name}" for line in drift]
    except MltuiError as error:
        return (str(error),)
    return tuple(lines)
