"""A policy file to begin with, made of what the project declares."""

from __future__ import annotations

import json

from mltui.config.schema import ChoiceParameter, Experiments


def template(section: Experiments) -> str:
    """TOML with comments: hyperparameters of the declared space, within its ranges, and a bounded total."""
    names = list(section.space)
    seeds = max(len(section.seeds), 1)
    commands = ", ".join(json.dumps(command) for command in section.entrypoints)
    lines = [
        "# What may run without asking. Whatever no [[approve]] covers waits for a person.",
        "# Changes of evaluation, data and infrastructure, and promotions, are never approved in advance.",
        "# Check it: mltui experiments policy check FILE.",
        '# Use it:   [experiments] policy = "FILE" in .mltui/config.toml, or --approval-policy FILE.',
        "",
        '# permissions = ["Bash(pytest *)"]        # tool calls that may run without asking',
        "",
        "[[approve]]",
        'name = "search"                           # by it the journal counts what was given',
        'kinds = ["hparam"]                        # of train, hparam, prompt',
        f"parameters = {json.dumps(names)}" if names else "# parameters = []                        # declare some in [experiments.space]",
        f"# commands = [{commands}]",
        "# files = []                              # patterns of files that may change beside the parameters' own",
        f"min_seeds = {seeds}",
        f"max_minutes = {section.budget_minutes / 4:g}                          # of one experiment",
        f"max_runs = {2 * seeds}                             # of one experiment, both arms together",
        f"total_minutes = {section.budget_minutes:g}                       # of all that this rule ever approves",
        f"total_runs = {20 * seeds}",
        "max_experiments = 10",
        "# expires = 2030-01-31T18:00:00",
    ]
    if names:
        lines += ["", "[approve.ranges]                          # narrower than declared, if you like"]
    for name, parameter in section.space.items():
        values = (
            f"choices = {json.dumps(list(parameter.choices))}"
            if isinstance(parameter, ChoiceParameter)
            else f"low = {json.dumps(parameter.low)}, high = {json.dumps(parameter.high)}"
        )
        lines.append(f"{json.dumps(name)} = {{ {values} }}")
    lines += ["", "[keep]", 'when = "never"                            # "better": keeps what is better and holds every guardrail', ""]
    return "\n".join(lines)
