"""What is promoted by the journal, beside what is there: an alias or a prompt that was changed outside mltui is found here."""

from __future__ import annotations

from dataclasses import dataclass

from mltui.core.errors import ExperimentError
from mltui.experiments.promotion_history import CHAMPION, Holder, PromotionHistory
from mltui.experiments.promotion_prompt import PromptStore
from mltui.experiments.promotion_target import Target
from mltui.experiments.tracking.registry import Registry
from mltui.experiments.tracking.registry_orders import Answer, Look


@dataclass(frozen=True, slots=True)
class Standing:
    """One target: what the journal says, and what is there.

    Attributes:
        expected, found: alias to version (of a prompt: to SHA-256); `found` None where it could not be looked at.
        drift: how what is there differs, one line each.
        note: why it could not be looked at, or empty.
    """

    target: Target
    holder: Holder | None
    expected: dict[str, str]
    found: dict[str, str] | None
    drift: tuple[str, ...] = ()
    note: str = ""


def standing(history: PromotionHistory, target: Target, registry: Registry, prompts: PromptStore) -> Standing:
    """Looks at the registry (some seconds), or at the prompt's file."""
    holder = history.current(str(target), target.alias)
    if target.kind == "prompt":
        return prompt_standing(holder, target, prompts)
    expected = history.aliases(str(target))
    if not registry.enabled:
        return Standing(target, holder, expected, None, note="tracking is switched off, so the registry was not looked at")
    try:
        answer = registry.carry_out(Look(kind="model", name=target.name))
    except ExperimentError as error:
        return Standing(target, holder, expected, None, note=str(error.args[0]))
    drift = (*moved_aliases(expected, answer.aliases), *_changed_models(answer, expected))
    return Standing(target, holder, expected, answer.aliases, drift)


def prompt_standing(holder: Holder | None, target: Target, prompts: PromptStore) -> Standing:
    """Compares the production prompt's file with the journal."""
    there = prompts.present(target.name)
    expected = {target.alias: holder.version} if holder else {}
    found = {target.alias: there} if there else {}
    drift: tuple[str, ...] = ()
    if holder and there != holder.version:
        what = "is not the prompt that was promoted" if there else "is gone"
        drift = (f"{target.name} {what} ({holder.experiment_id or 'from before'}, SHA-256 {holder.version[:12]}): changed outside mltui",)
    return Standing(target, holder, expected, found, drift)


def moved_aliases(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """How a registry's aliases differ from the journal's, one line each; aliases of other people are their own."""
    lines: list[str] = []
    for alias in dict.fromkeys((*expected, CHAMPION)):
        there, wanted = found.get(alias), expected.get(alias)
        if there == wanted:
            continue
        if wanted is None:
            lines.append(f"{alias} was given to version {there} outside mltui")
        elif there is None:
            lines.append(f"{alias} was taken from version {wanted} outside mltui")
        else:
            lines.append(f"{alias} was moved from version {wanted} to version {there} outside mltui")
    return lines


def _changed_models(answer: Answer, expected: dict[str, str]) -> list[str]:
    lines: list[str] = []
    for alias, version in expected.items():
        found = answer.versions.get(version)
        if found is None or answer.aliases.get(alias) != version:
            continue
        wanted = found.tags.get("mltui.sha256", "")
        if found.sha256 == "missing":
            lines.append(f"the files of version {version} ({alias}) are gone")
        elif found.sha256 and wanted and found.sha256 != wanted:
            lines.append(f"the files of version {version} ({alias}) were changed after it was promoted")
    return lines
