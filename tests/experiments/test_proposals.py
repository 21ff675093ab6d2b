"""What makes a proposal, and what it says when something is missing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.experiments.conftest import Project

from mltui.core.errors import ProposalError
from mltui.core.experiment import Budget, ComparisonPlan, Guardrail
from mltui.experiments.journal import canonical, plain
from mltui.experiments.proposals import COVERED, proposal_hash


def test_missing_parts_are_named_with_the_section_to_write(project: Project) -> None:
    project.reopen(primary=None)
    with pytest.raises(ProposalError, match=r"no primary metric.*\[experiments\].*primary = \{ name"):
        project.propose()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"seeds": (1,)}, "1 seed cannot show a difference"),
        ({"seeds": ()}, "0 seed cannot show a difference"),
        ({"seeds": (1, 1, 2)}, "a seed is given twice"),
        ({"minutes": 0}, "more than 0 minutes"),
        ({"minutes": float("inf")}, "more than 0 minutes"),
        ({"title": " "}, "needs a title and a hypothesis"),
        ({"entrypoint": "python evil.py"}, "'python evil.py' is no training command of this project. Use 'python train.py'."),
        ({"changes": {}}, "nothing would change"),
        ({"changes": {"rate": 1}}, "there is no parameter 'rate'"),
    ],
)
def test_requests_that_make_no_plan(project: Project, request_: dict[str, object], message: str) -> None:
    with pytest.raises(ProposalError) as error:
        project.propose(**request_)  # type: ignore[arg-type]
    assert message in f"{error.value.args[0]}. {error.value.hint}"
    assert project.experiments.list() == []


def test_without_entry_point(project: Project) -> None:
    project.reopen(entrypoints=())
    with pytest.raises(ProposalError, match=r'entrypoints = \["python train.py'):
        project.propose()
    assert project.experiments.get(project.propose(entrypoint="python train.py --fast")).proposal.command == "python train.py --fast"


def test_a_file_is_what_it_is_in_the_proposal_not_on_disk(project: Project) -> None:
    project.write("notes/tidy.py", "from sklearn.svm import SVC\n\nSVC().fit([[0], [1]], [0, 1])\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "Another that trains")
    draft = project.experiments.draft("s")
    draft.write(
        Path("lib/fresh.py"), b"import torch\n\n\ndef go(net, loss):\n    torch.optim.SGD(net.parameters()).step()\n    loss.backward()\n"
    )
    draft.delete(Path("notes/tidy.py"))
    draft.write(Path("lib/words.py"), b"ASK = 1\n")
    files = project.experiments.get(project.propose_script("print(1)\n")).proposal.files
    assert [(file.path, file.kind, file.change) for file in files] == [
        ("lib/fresh.py", "train", "added"),
        ("lib/words.py", "infra", "added"),
        ("notes/tidy.py", "train", "deleted"),
        ("train.py", "train", "modified"),
    ]


def test_the_draft_and_the_parameters_make_one_proposal(project: Project) -> None:
    draft = project.experiments.draft("s")
    draft.write(Path("conf/optim.yaml"), (project.root / "conf/optim.yaml").read_bytes().replace(b"32", b"64"))
    draft.write(Path("prompts/new.txt"), b"hi\n")
    draft.write(Path("helper.py"), b"x = 1\n")
    draft.delete(Path("data/rows.csv"))
    proposal_id = project.propose_script("print(1)\n", changes={"lr": 0.3})
    proposal = project.experiments.get(proposal_id).proposal
    assert proposal.kind == "data" and proposal.session_id == "s"
    assert [(file.path, file.kind, file.change) for file in proposal.files] == [
        ("conf/optim.yaml", "hparam", "modified"),
        ("data/rows.csv", "data", "deleted"),
        ("helper.py", "infra", "added"),
        ("prompts/new.txt", "prompt", "added"),
        ("train.py", "train", "modified"),
    ]
    assert "+lr: 0.3" in proposal.patch and "+batch: 64" in proposal.patch
    # A parameter change is the proposal's own: it does not stay in the draft.
    assert b"lr: 0.1" in (draft.read(Path("conf/optim.yaml")) or b"")
    assert project.git("status", "--porcelain") == ""


def test_the_hash_covers_what_is_approved_and_only_that(project: Project) -> None:
    proposal = project.experiments.get(project.propose()).proposal
    assert proposal_hash(proposal) == proposal.hash
    for change in (
        {"tree": "x"},
        {"base_tree": "x"},
        {"command": "python other.py"},
        {"seeds": (0, 1, 2)},
        {"budget": Budget(minutes=1)},
        {"metric": proposal.metric.model_copy(update={"direction": "minimize"})},
        {"guardrails": (Guardrail(name="loss", margin="5%"),)},
        {"data": proposal.data[1:]},
        {"environment": "0" * 64},
        {"evaluate": "python judge.py"},
        {"test": ComparisonPlan(design="unpaired")},
        {"test": None},
    ):
        assert proposal_hash(proposal.model_copy(update=change)) != proposal.hash, change
    assert proposal_hash(proposal.model_copy(update={"title": "Another title"})) == proposal.hash
    # A plan of a version that stated no test has the hash that it had.
    old = proposal.model_copy(update={"test": None})
    covered = {name: plain(old)[name] for name in (*COVERED, "environment")}
    assert proposal_hash(old) == hashlib.sha256(canonical(covered)).hexdigest()


def test_what_a_run_goes_without_is_remembered(project: Project) -> None:
    (project.root / "weights.pt").write_bytes(b"0" * 5_000_001)
    proposal_id = project.propose()
    assert project.experiments._ledger.created(proposal_id).left_out == ("weights.pt",)  # pyright: ignore[reportPrivateUsage]
