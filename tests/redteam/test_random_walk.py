"""Whatever a model calls and a person answers: files under experiment are as the last approved state, and the journal verifies."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.core.approval import ApprovalRequest, Decision, TrustRequest
from mltui.core.experiment import Comparison, Metric
from mltui.experiments.ledger import Ledger
from mltui.experiments.records import ExperimentCompared, JobStarted
from tests.agent.test_gate import CONTROLLED, Bench, under
from tests.agent.test_gate import template as template  # the fixture

ANSWERS = st.sampled_from(["hold", "hold", "reject", "ask", "maintenance"])
KEEPING = st.sampled_from(["approve", "approve", "reject", "hold"])
VALUES = st.sampled_from([0.02, 0.2, 0.5])
TEXTS = st.sampled_from(["lr = 0.2\n", "lr = 0.3\n", "import torch\nlr = 0.1\n", "# a comment\nlr = 0.1\n", ""])

edits = st.one_of(
    st.tuples(
        st.just("Write"),
        st.fixed_dictionaries(
            {"file_path": st.sampled_from(["train.py", "free.py", "prompts/judge.md", "conf/new.yaml"]), "content": TEXTS}
        ),
    ),
    st.tuples(
        st.just("Edit"),
        st.fixed_dictionaries({"file_path": st.just("train.py"), "old_string": st.just("lr"), "new_string": st.just("rate")}),
    ),
)
commands = st.sampled_from(
    [
        "echo 'lr: 9' > conf/optim.yaml",
        "rm -rf prompts",
        "mv train.py free2.py",
        "cp free.py train.py",
        "git checkout -q -- .",
        "git stash -q",
        "echo x > conf/new.yaml",
        "ls",
    ]
).map(lambda command: ("Bash", {"command": command}))
proposals = st.tuples(
    st.just("ProposeExperiment"),
    st.fixed_dictionaries(
        {"title": st.just("Another rate"), "hypothesis": st.just("Another learning rate converges to a better optimum")},
        optional={"changes": st.fixed_dictionaries({"lr": VALUES})},
    ),
)
ids = st.sampled_from(["P-0001", "P-0002", "P-0003"])
conclusions = st.tuples(
    st.just("ConcludeExperiment"),
    st.fixed_dictionaries(
        {"experiment_id": ids, "interpretation": st.just("It helped on these seeds"), "recommendation": st.just("accept")}
    ),
)
worlds = st.tuples(st.just("finish"), ids)
steps = st.lists(st.one_of(edits, commands, proposals, proposals, conclusions, worlds, worlds), min_size=2, max_size=8)


class Person:
    """Answers proposals and results each from its own list; allows every call."""

    def __init__(self, proposals: list[str], results: list[str]) -> None:
        self.proposals, self.results = proposals, results

    async def decide(self, request: ApprovalRequest | TrustRequest) -> Decision:
        match request.kind:
            case "experiment":
                answer = self.proposals.pop(0) if self.proposals else "hold"
            case "keep":
                answer = self.results.pop(0) if self.results else "hold"
            case _:
                answer = "approve"
        return Decision.model_validate({"answer": answer, "by": "ann", "reason": "as it stands"})


def finish(bench: Bench, proposal_id: str) -> None:
    """What a person and a supervisor would do to a proposal that waits: approved, run, compared."""
    ledger = Ledger(bench.root / ".mltui")
    experiment = ledger.refresh().get(proposal_id)
    if experiment is None or experiment.state not in ("proposed", "held"):
        return
    bench.experiments.decide(proposal_id, answer="approve", by="ann")
    ledger.refresh()
    ledger.record(JobStarted(proposal_id=proposal_id, job="J", runs=12), "ann")
    metric = Metric(name="accuracy")
    numbers: dict[str, Any] = dict.fromkeys(
        ["baseline_mean", "candidate_mean", "baseline_std", "candidate_std", "diff", "ci_low", "ci_high", "p_value", "effect_size"], 0.1
    )
    comparison = Comparison(metric=metric, test="t", n=6, ci_method="t", effect_name="d", verdict="better", summary="better", **numbers)
    ledger.record(ExperimentCompared(proposal_id=proposal_id, comparison=comparison), "supervisor")


def approved_state(bench: Bench, start: dict[str, bytes]) -> dict[str, bytes]:
    """The files under experiment as the journal says that they were last approved."""
    expected = dict(start)
    ledger = Ledger(bench.root / ".mltui")
    experiments = ledger.refresh()
    for record in ledger.of_type("experiment.accepted"):
        proposal = experiments[record.payload["proposal_id"]].proposal
        for path in record.payload["paths"]:
            shown = subprocess.run(["git", "cat-file", "blob", f"{proposal.tree}:{path}"], cwd=bench.root, capture_output=True)
            name = f"project/{path}"
            if shown.returncode:
                expected.pop(name, None)
            elif under({name: b""}, *CONTROLLED_PATHS):
                expected[name] = shown.stdout
    return expected


def uncommented(files: dict[str, bytes]) -> dict[str, bytes]:
    """A comment is no experiment, and goes to the tree."""
    return {name: data.replace(b"# a comment\n", b"") for name, data in files.items()}


CONTROLLED_PATHS = [f"project/{name}" for name in CONTROLLED]


@settings(max_examples=60, deadline=None)
@given(wanted=steps, answers=st.lists(ANSWERS, max_size=5), keeping=st.lists(KEEPING, max_size=5))
def test_the_tree_is_always_the_last_approved_state(template: Path, wanted: list[Any], answers: list[str], keeping: list[str]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(template, Path(folder).resolve(), [], "auto")
            bench.use(Person(list(answers), list(keeping)))
            start = under(bench.files(), *CONTROLLED_PATHS)
            for path in ("train.py", "free.py", "prompts/judge.md"):
                await bench.call("Read", file_path=path)
            for name, arguments in wanted:
                if name == "finish":
                    finish(bench, arguments)
                else:
                    await bench.call(name, **arguments)
                present = under(bench.files(), *CONTROLLED_PATHS)
                assert uncommented(present) == uncommented(approved_state(bench, start)), bench.events[-1]
                bench.experiments.verify()
            await bench.gate.close()

    asyncio.run(run())
