"""The report of an experiment, and the texts that go into MLflow: complete, escaped, bounded."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.experiments.tracked_project import BEGUN, proposal

from mltui.core.experiment import Answer, Approval, Arm, Conclusion, Experiment, Origin, ParameterChange, Proposal, Run
from mltui.experiments.comparison import compare
from mltui.experiments.report import experiment_report, heading, proposal_text, status_text
from mltui.experiments.tracking.history import History, TrackedRun
from mltui.experiments.tracking.mapping import LOG_LIMIT, TAG_LIMIT, child_runs, mlflow_name, parent_run


def run(arm: Arm, seed: int, accuracy: float) -> Run:
    return Run(arm=arm, seed=seed, status="finished", metrics={"accuracy": accuracy}, started=BEGUN, ended=BEGUN + 4.5)


def finished(plan: Proposal | None = None) -> Experiment:
    plan = plan or proposal()
    runs = [run("baseline", seed, 0.9 + seed / 500) for seed in range(6)] + [run("candidate", seed, 0.92 + seed / 400) for seed in range(6)]
    comparison, guardrails = compare(plan, runs)
    return Experiment(
        proposal=plan,
        state="accepted",
        approval=Approval(proposal_id=plan.id, proposal_hash=plan.hash, answer="approve", by="ada", at=BEGUN, reason="try it"),
        runs=tuple(runs),
        comparison=comparison,
        guardrails=guardrails,
        conclusion=Conclusion(interpretation="It converges now.", recommendation="accept", by="claude", at=BEGUN),
        decided_by="ada",
    )


def test_the_report_goes_from_hypothesis_to_decision():
    text = experiment_report(finished())
    order = ["# P-0007", "## Hypothesis", "## Methodology", "## Plan", "## Change", "-lr: 0.1", "## Runs", "## Comparison"]
    order += ["95 % interval, paired t", "d_z = ", "p = 0.031", "Verdict: **better**", "## Guardrails", "## Interpretation", "## Decision"]
    place = 0
    for part in order:
        place = text.index(part, place)
    assert "| baseline | 0 | finished | 0.9 | – | 4.5 |  |" in text
    assert "latency ms: inconclusive, no run reported latency ms; they reported accuracy" in text
    assert "Approved by ada, 2025-06-15 15:06 UTC: try it" in text
    assert text.endswith("- Change accepted by ada\n")


def test_the_report_names_what_measured_and_what_confined_the_runs():
    plan = proposal()
    told = experiment_report(finished(plan))
    assert "- Evaluator: none, the metrics are self-reported" in told
    assert "- Measured by: the runs themselves: self-reported" in told and "- Sandbox: not recorded" in told
    judged = plan.model_copy(update={"evaluate": "python evaluate.py --out {out}"})
    measured = finished(judged)
    runs = [run.model_copy(update={"evaluator": "a1" * 32, "sandbox": "bubblewrap"}) for run in measured.runs]
    text = experiment_report(measured.model_copy(update={"runs": tuple(runs)}))
    assert "- Evaluator: `python evaluate.py --out {out}`, from the baseline's tree `111111111111`" in text
    assert "- Measured by: the evaluator, SHA-256 `a1a1a1a1a1a1a1a1…`\n- Sandbox: bubblewrap\n" in text
    runs[0] = runs[0].model_copy(update={"sandbox": "none"})
    mixed = experiment_report(measured.model_copy(update={"runs": tuple(runs)}))
    assert "- Sandbox: bubblewrap (11 of 12 runs), none (1 of 12 runs)" in mixed
    changed = experiment_report(Experiment(proposal=judged.model_copy(update={"kind": "eval"}), state="proposed"))
    assert "from the changed tree `222222222222`" in changed and "Measured by" not in changed


def test_the_report_says_who_proposed_and_decided_from_where():
    origin = Origin(os_user="ada", identity="Ada <ada@example.org>\n# x", host="desk", via="agent")
    plan = proposal().model_copy(update={"origin": origin, "session_id": "s-1"})
    experiment = finished(plan)
    assert experiment.approval is not None
    text = experiment_report(experiment.model_copy(update={"approval": experiment.approval.model_copy(update={"origin": origin})}))
    who = "(login ada, `Ada <ada@example.org> # x`, on desk, by agent)"
    assert f"by claude in session `s-1` {who}" in text
    assert f"- Approved by ada {who}, 2025-06-15 15:06 UTC: try it" in text


@pytest.mark.parametrize("answer", get_args(Answer))
def test_every_answer_has_a_word(answer: Answer):
    plan = proposal()
    approval = Approval(proposal_id=plan.id, proposal_hash=plan.hash, answer=answer, by="ada", at=BEGUN, reason="why")
    assert "by ada, 2025-06-15 15:06 UTC: why" in experiment_report(Experiment(proposal=plan, state="held", approval=approval))


def test_a_proposal_that_nobody_decided_on_has_a_report_too():
    text = experiment_report(Experiment(proposal=proposal(), state="proposed"))
    assert "## Runs\n\nNone yet." in text
    assert text.endswith("## Decision\n\nNone yet.\n")


def test_a_report_of_what_changes_nothing_says_so():
    plan = proposal().model_copy(update={"patch": "", "parameters": (), "files": ()})
    assert "## Change\n\nNone by the proposal itself.\n" in experiment_report(finished(plan))


def test_content_cannot_break_out_of_the_page():
    plan = proposal().model_copy(update={"patch": "+```\n+# not a heading\n+````\n", "command": "python `x` --seed {seed}"})
    crashed = Run(arm="candidate", seed=0, status="failed", started=0, ended=1, message="a | b\nc")
    text = experiment_report(Experiment(proposal=plan, state="running", runs=(crashed,)))
    assert "`````diff\n+```" in text
    assert "`` python `x` --seed {seed} ``" in text
    assert "| a \\| b c |" in text


def test_what_others_wrote_is_read_as_they_wrote_it():
    said = "`a` __init__ *b* <module> [c](http://d) e_f &lt; \\\\ _"
    message = f'2 candidate runs failed; seed 1: {said}; last lines:\n  File "__init__.py", in <module>\n    *x'
    failed = finished(proposal().model_copy(update={"title": said})).model_copy(update={"state": "failed", "message": message})
    shown = MarkdownIt("commonmark", {"html": False}).parse(f"{heading(failed.proposal)}\n\n{status_text(failed)}")
    texts = ["".join(child.content for child in token.children or ()) for token in shown if token.type == "inline"]
    kinds = {child.type for token in shown for child in token.children or ()}
    assert texts[0] == f"P-0007 {said}" and texts[1].endswith(f"2 candidate runs failed; seed 1: {said}; last lines:")
    assert kinds <= {"text", "strong_open", "strong_close", "hardbreak"}
    assert [token.content for token in shown if token.type == "fence"] == ['File "__init__.py", in <module>\n  *x\n']


def test_a_long_patch_is_cut_in_the_report_only():
    plan = proposal().model_copy(update={"patch": "+line\n" * 20_000})
    assert "characters more, see diff.patch" in proposal_text(plan)
    assert len(proposal_text(plan)) < 62_000


def history(experiment: Experiment) -> History:
    runs = tuple(TrackedRun(f"run-{index}", run) for index, run in enumerate(experiment.runs))
    return History(experiment, "event", 9, BEGUN, runs)


def test_long_texts_are_cut_where_mlflow_would_cut_without_a_word():
    plan = proposal().model_copy(
        update={
            "hypothesis": "h" * 20_000,
            "parameters": (ParameterChange(name="layers", key="c.yaml:l", before=[1, 2], after=["x" * 9000]),),
        }
    )
    parent = parent_run(history(finished(plan)), "head", Path("/nowhere"))
    assert len(parent.tags["mlflow.note.content"]) == TAG_LIMIT
    assert parent.tags["mlflow.note.content"].endswith("(cut; all of it is in mltui/proposal.md and mltui/report.md)")
    assert "h" * 20_000 in parent.artifacts["mltui/proposal.md"]
    children = child_runs(history(finished(plan)), Path("/"))
    assert children[0].params["layers"] == "[1, 2]"
    assert len(children[6].params["layers"]) < 6000


def test_pictures_that_were_kept_go_to_the_tracker(tmp_path: Path):
    kept = tmp_path / ".mltui" / "reports" / "P-0007"
    kept.mkdir(parents=True)
    (kept / "comparison.png").write_bytes(b"\x89PNG")
    (tmp_path / "secret").write_bytes(b"not to be sent")
    (kept / "link.svg").symlink_to(tmp_path / "secret")
    assert parent_run(history(finished(proposal())), "head", tmp_path).files == {"mltui/comparison.png": b"\x89PNG"}


def test_a_long_log_keeps_its_start_and_its_end(tmp_path: Path):
    (tmp_path / "stdout.log").write_bytes(b"first\n" + b"x" * (3 * LOG_LIMIT) + b"\nlast\n")
    (tmp_path / "stderr.log").write_bytes(b"\xff broken")
    experiment = Experiment(
        proposal=proposal(), state="running", runs=(run("baseline", 0, 0.9).model_copy(update={"folder": str(tmp_path)}),)
    )
    (child,) = child_runs(history(experiment), Path("/"))
    log = child.artifacts["logs/stdout.log"]
    assert log.startswith("first\n")
    assert log.endswith("\nlast\n")
    assert f"{2 * LOG_LIMIT + 12} bytes left out" in log
    assert child.artifacts["logs/stderr.log"] == "\ufffd broken"
    assert "mltui/diff.patch" not in child.artifacts


@given(st.text(max_size=400))
def test_names_are_such_as_mlflow_takes(name: str):
    made = mlflow_name(name)
    assert re.fullmatch(r"[/\w.\- :]+", made)
    assert posixpath.normpath(made) == made
    assert made not in {".", ""}
    assert not made.startswith(("..", "/"))
    assert len(made) <= 250


def test_ordinary_names_are_kept():
    assert [mlflow_name(name) for name in ("val/f1-macro", "lr", "top 5: acc", "a[0]")] == ["val/f1-macro", "lr", "top 5: acc", "a_0_"]
