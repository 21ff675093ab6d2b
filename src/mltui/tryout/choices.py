"""What the small model may say: a choice among complete, valid calls. Validity is by construction; judgement is its own."""

from __future__ import annotations

import math
from typing import cast

from mltui.config.schema import ChoiceParameter, Experiments, Parameter
from mltui.core.data import JsonObject, JsonValue
from mltui.core.experiment import Experiment
from mltui.core.messages import ToolSpec

STEPS = 4
"""Values of a numeric range that are offered."""


def candidates(parameter: Parameter, current: JsonValue) -> list[JsonValue]:
    """Values of the declared space that differ from the current one: all choices, or a grid over the range."""
    if isinstance(parameter, ChoiceParameter):
        return [choice for choice in parameter.choices if choice != current]
    low, high = float(parameter.low), float(parameter.high)
    values: list[JsonValue] = []
    for step in range(STEPS):
        share = (step + 0.5) / STEPS
        raw = low * (high / low) ** share if parameter.log else low + (high - low) * share
        value: JsonValue = round(raw) if parameter.type == "int" else _two_digits(raw)
        if value != current and value not in values:
            values.append(value)
    return values


def _two_digits(value: float) -> float:
    return round(value, 1 - math.floor(math.log10(abs(value)))) if value else 0.0


def proposal_spec(spec: ToolSpec, section: Experiments, current: dict[str, JsonValue]) -> ToolSpec:
    """ProposeExperiment narrowed to one change of one parameter; the words around it are given."""
    metric = section.primary.name if section.primary else "the metric"
    moves: list[JsonValue] = [
        _exactly({name: value}) for name, parameter in section.space.items() for value in candidates(parameter, current.get(name))
    ]
    fixed = _exactly(
        {
            "title": "One hyperparameter moved",
            "hypothesis": f"Moving one hyperparameter inside its declared range changes {metric}",
            "methodology": f"Baseline and change on the same {len(section.seeds)} seeds, paired by seed",
        }
    )
    properties: JsonObject = {"changes": {"anyOf": moves}, **cast("JsonObject", fixed["properties"])}
    parameters: JsonObject = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return ToolSpec(name=spec.name, description="Propose one change of one hyperparameter.", parameters=parameters)


def conclusion_spec(spec: ToolSpec, experiment: Experiment) -> ToolSpec:
    """ConcludeExperiment with the only interpretation that the numbers allow: the comparison's own."""
    comparison = experiment.comparison
    assert comparison is not None
    recommendation = {"better": "accept", "worse": "discard", "equivalent": "discard", "inconclusive": "inconclusive"}[comparison.verdict]
    text = f"{comparison.summary}. The interval and the test are paired by seed; they speak of this data and this range of seeds only."
    call: JsonObject = {"experiment_id": experiment.id, "interpretation": text, "recommendation": recommendation}
    return ToolSpec(name=spec.name, description="Record what the result means.", parameters=_exactly(call))


def _exactly(value: JsonObject) -> JsonObject:
    """The schema that only this object satisfies."""
    properties: JsonObject = {key: _exactly(inner) if isinstance(inner, dict) else {"const": inner} for key, inner in value.items()}
    return {"type": "object", "properties": properties, "required": list(value), "additionalProperties": False}
