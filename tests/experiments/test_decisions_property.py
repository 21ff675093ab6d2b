"""Whatever is proposed and decided, in whatever order and by whom: the tree is what a person let in, and the journal holds."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.experiments.conftest import OPTIM, Project, project
from tests.experiments.test_refusals import compare_on_paper

from mltui.core.errors import ExperimentError
from mltui.core.experiment import Answer, ProposalEdits, ProposalRequest

ANSWERS: tuple[Answer, ...] = ("approve", "reject", "hold", "ask", "maintenance")

steps = st.one_of(
    st.tuples(st.just("propose"), st.sampled_from((0.2, 0.3, 0.4)), st.sampled_from(("s", "t"))),
    st.tuples(st.just("decide"), st.integers(1, 4), st.sampled_from(ANSWERS)),
    st.tuples(st.just("edit"), st.integers(1, 4), st.sampled_from((0.25, 0.5))),
    st.tuples(st.just("finish"), st.integers(1, 4), st.just("")),
    st.tuples(st.just("accept"), st.integers(1, 4), st.just("")),
    st.tuples(st.just("discard"), st.integers(1, 4), st.just("")),
)


def _step(at: Project, name: str, first: float, second: object) -> str | None:
    """Does one step. Returns: the content of the configuration that a person let in by it, or None."""
    id_ = f"P-{int(first):04d}"
    experiments = at.experiments
    if name == "propose":
        text = OPTIM.replace("0.1", str(first))
        experiments.draft(str(second)).write(Path("conf/optim.yaml"), text.encode())
        asked = ProposalRequest(title="T", hypothesis="It learns faster")
        experiments.propose(asked, session_id=str(second), author="model")
        return None
    if name == "decide":
        experiments.decide(id_, answer=second, by="ann", reason="because")  # type: ignore[arg-type]
        return _content(at, id_) if second == "maintenance" else None
    if name == "edit":
        experiments.revise(id_, ProposalEdits(changes={"lr": float(str(second))}), by="ann")
    elif name == "finish":
        if experiments.get(id_).state in ("proposed", "held"):
            compare_on_paper(at, id_)
    elif name == "accept":
        experiments.accept(id_, by="ann")
        return _content(at, id_)
    else:
        experiments.discard(id_, by="ann")
    return None


def _content(at: Project, id_: str) -> str:
    return at.git("show", f"{at.experiments.get(id_).proposal.tree}:conf/optim.yaml")


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, min_size=4, max_size=10))
def test_the_tree_is_what_was_let_in_and_the_journal_verifies(sequence: list[tuple[str, float, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        at = project.__wrapped__(Path(folder))  # type: ignore[attr-defined]
        expected = OPTIM
        for name, first, second in sequence:
            with contextlib.suppress(ExperimentError):
                expected = _step(at, name, first, second) or expected
            assert (at.root / "conf/optim.yaml").read_text() == expected
        assert at.git("status", "--porcelain") == ("" if expected == OPTIM else " M conf/optim.yaml\n")
        ids = [item.id for item in at.experiments.list()]
        assert len(ids) == len(set(ids))
        if ids:
            at.reopen().verify()
