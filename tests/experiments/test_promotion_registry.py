"""Promotions in a real MLflow registry: SQLite and a server, foreign hands, and death at every step."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.promotable import ANN, PROMPT, Promotable
from tests.servers.leashed import leashed

from mltui.config.schema import Config, Promotion, Tracking
from mltui.core.errors import ExperimentError, ProposalError
from mltui.experiments.records import PromotionDecided, PromotionIntended
from mltui.experiments.storage import file_lock
from mltui.experiments.tracking.registry import Registry
from mltui.experiments.tracking.registry_look import quick_aliases
from mltui.experiments.tracking.registry_orders import Answer, ModelOrder, Order
from mltui.experiments.tracking.registry_work import carry_out, promote, settle
from mltui.experiments.tracking.sync import sync_project
from mltui.experiments.tracking.ui import free_port, ui_environment

pytestmark = pytest.mark.slow

STEPS = ("create_model_version", "set challenger", "set champion", "set previous", "delete challenger")


IN_A_PROCESS = Registry.carry_out


def carry_out_here(self: Registry, order: Order) -> Answer:
    """As the registry's process does it, without two to three seconds of imports for each order. What crosses is JSON here too."""
    root, tracking = self._root, Tracking.model_validate_json(self._tracking.model_dump_json())
    with file_lock(root / ".mltui" / "registry.lock"):
        answer = carry_out(root, Config(tracking=tracking), type(order).model_validate_json(order.model_dump_json()))
    return Answer.model_validate_json(answer.model_dump_json())


@pytest.fixture(scope="module", autouse=True)
def orders_here() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Registry, "carry_out", carry_out_here)
        yield


@pytest.fixture
def own_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders go to processes of their own, as they do outside of tests."""
    monkeypatch.setattr(Registry, "carry_out", IN_A_PROCESS)


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory, mlflow_schema: Path) -> Promotable:
    """P-0001 is the champion, P-0002 waits."""
    root = tmp_path_factory.mktemp("registry") / "digits"
    (root / ".mltui").mkdir(parents=True)
    shutil.copy(mlflow_schema, root / ".mltui" / "mlflow.db")
    project = Promotable.make(root)
    id_ = project.accepted(1)
    promotions = project.experiments.promotions()
    done = promotions.promote(promotions.check(id_, promotions.target()), ANN)
    assert (done.outcome, done.version) == ("promoted", "1")
    project.accepted(2)
    return project


@pytest.fixture
def project(promoted: Promotable, tmp_path: Path) -> Promotable:
    """A copy of that, with a registry of its own."""
    root = tmp_path / "digits"
    shutil.copytree(promoted.root, root, symlinks=True)
    return Promotable(root, promoted.config)


def outcomes(project: Promotable) -> list[str]:
    return [record.payload["outcome"] for record in project.journal if record.type == PromotionDecided.type]


def versions(project: Promotable) -> dict[str, str]:
    return {str(one.version): one.tags["mltui.proposal_id"] for one in project.client().search_model_versions("name = 'digits'")}


@pytest.mark.usefixtures("own_processes")
def test_the_next_champion_leaves_the_former_as_previous(project: Promotable):
    promotions = project.experiments.promotions()
    plan = promotions.check("P-0002", promotions.target())
    assert plan.missing == ()
    promotions.promote(plan, ANN)
    assert project.aliases() == {"champion": "2", "previous": "1"}
    version = project.client().get_model_version("digits", "2")
    assert (version.tags["mltui.gate"], version.tags["mltui.proposal_id"]) == ("passed", "P-0002")
    assert version.tags["mltui.sha256"] == plan.sha256
    assert len(version.tags["mltui.journal_head"]) == 64
    assert quick_aliases(project.experiments.tracking_uri(), "digits") == {"champion": "2", "previous": "1"}
    with pytest.raises(ProposalError, match="is champion of digits already"):
        promotions.check("P-0002", promotions.target())


def test_an_alias_that_a_colleague_moved_is_found_refused_and_rolled_back(project: Promotable):
    client = project.client()
    client.create_model_version("digits", source=client.get_model_version("digits", "1").source)
    client.set_registered_model_alias("digits", "champion", "2")
    promotions = project.experiments.promotions()
    (standing,) = promotions.status()
    assert standing.drift == ("champion was moved from version 1 to version 2 outside mltui",)
    plan = promotions.check("P-0002", promotions.target())
    assert [clause.name for clause in plan.missing] == ["registry"]
    promotions.rollback(promotions.target(), ANN)
    assert project.aliases() == {"champion": "1"}
    assert promotions.check("P-0002", promotions.target()).missing == ()


def test_an_alias_that_moves_between_look_and_deed_is_not_overwritten(project: Promotable):
    promotions = project.experiments.promotions()
    plan = promotions.check("P-0002", promotions.target())
    project.client().delete_registered_model_alias("digits", "champion")
    with pytest.raises(ExperimentError, match=r"champion of digits has moved to version \(none\) meanwhile"):
        promotions.promote(plan, ANN)
    assert project.aliases() == {"champion": "1"} or project.aliases() == {}
    assert list(versions(project)) == ["1"]
    assert outcomes(project) == ["promoted", "undone"]


def test_a_model_that_was_changed_in_the_store_is_found(project: Promotable):
    source = project.client().get_model_version("digits", "1").source
    # The copy's registry still names the folder of the project that it was copied from.
    folder = Path(source.removeprefix("file://"))
    there = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(b"other")
    try:
        (standing,) = project.experiments.promotions().status()
    finally:
        (folder / "model.bin").write_bytes(there)
    assert "were changed after it was promoted" in standing.drift[0]


@pytest.mark.usefixtures("own_processes")
def test_a_registry_that_is_down_leaves_nothing_half_done(project: Promotable):
    project.set(tracking={"uri": "http://127.0.0.1:9"})
    promotions = project.experiments.promotions()
    with pytest.raises(ExperimentError, match=r"does not answer.*try again"):
        promotions.check("P-0002", promotions.target())
    assert outcomes(project) == ["promoted"]
    assert not promotions.history().pending


class Mortal:
    """A client whose process is killed right after a step."""

    def __init__(self, real: Any, step: str) -> None:
        self._real = real
        self._step = step

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)

        def call(*arguments: Any, **named: Any) -> Any:
            result = method(*arguments, **named)
            step = f"{name.split('_')[0]} {arguments[1]}" if name.endswith("registered_model_alias") else name
            if step == self._step:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call


def order_for(project: Promotable) -> tuple[PromotionIntended, ModelOrder]:
    """Journals the intent for P-0002, as if the next thing were the registry."""
    promotions = project.experiments.promotions()
    plan = promotions._planner.plan("P-0002", promotions.target(), "champion", look=False)
    intent = promotions._intent(plan, ANN, "promoted", "")
    project.experiments.note(intent, "ann")
    sync_project(project.root, project.config)
    return intent, promotions._deeds._model_order(intent, "promote")


@pytest.mark.parametrize("step", ["before", *STEPS])
def test_death_at_each_step_is_finished_or_taken_back_once(project: Promotable, step: str):
    _, order = order_for(project)
    if step != "before":
        child = os.fork()
        if child == 0:
            client = project.client()
            run = client.search_runs(["1"], "tags.`mltui.proposal_id` = 'P-0002' and params.seed = '3' and params.arm = 'candidate'")[0]
            promote(Mortal(client, step), order, lambda: run)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), step
    promotions = project.experiments.promotions()
    (settled,) = promotions.recover()
    finished = step in STEPS[2:]
    assert settled.outcome == ("promoted" if finished else "undone")
    assert project.aliases() == ({"champion": "2", "previous": "1"} if finished else {"champion": "1"})
    assert sorted(versions(project).values()) == (["P-0001", "P-0002"] if finished else ["P-0001"])
    assert promotions.recover() == []
    assert not promotions.status()[0].drift
    if not finished:
        again = promotions.promote(promotions.check("P-0002", promotions.target()), ANN)
        assert project.aliases() == {"champion": again.version, "previous": "1"}
    assert project.experiments.verify()


def test_repeating_an_order_makes_nothing_twice(project: Promotable):
    _, order = order_for(project)
    client = project.client()
    run = client.search_runs(["1"], "tags.`mltui.proposal_id` = 'P-0002' and params.seed = '3' and params.arm = 'candidate'")[0]
    first = promote(client, order, lambda: run)
    again = promote(client, order.model_copy(update={"expected": None}), lambda: run)
    assert first.version == again.version == "2"
    assert settle(client, order).outcome == "adopted"
    assert len(versions(project)) == 2


def test_the_prompt_is_registered_once_with_its_alias(project: Promotable):
    project.set(promotion=Promotion(prompt=PROMPT, quality="accuracy", latency="latency_ms", cost="cost").model_dump())
    changes = {PROMPT: "Answer in one line.\n"}
    id_ = project.compared(project.proposal(3, changes, kind="prompt"))
    project.conclude(id_)
    project.accept(id_, {})
    promotions = project.experiments.promotions()
    target = promotions.target("prompt")
    promotions.promote(promotions.check(id_, target), ANN)
    client = project.client()
    prompt = client.get_prompt_version_by_alias("digits.production", "production")
    assert (prompt.template, prompt.version) == ("Answer in one line.\n", 1)
    promotions.rollback(target, ANN, previous=True)
    assert client.get_prompt_version_by_alias("digits.production", "production").template == "Answer briefly.\n"
    promotions.rollback(target, ANN, previous=True)
    # Equal text is no new version.
    assert client.get_prompt_version_by_alias("digits.production", "production").version == 1
    assert (project.root / PROMPT).read_text() == "Answer in one line.\n"


def test_a_server_on_loopback(tmp_path: Path, mlflow_schema: Path):
    root = tmp_path / "digits"
    root.mkdir()
    shutil.copy(mlflow_schema, tmp_path / "server.db")
    port = free_port(0)
    store = ["--backend-store-uri", f"sqlite:///{tmp_path}/server.db", "--default-artifact-root", (tmp_path / "artifacts").as_uri()]
    command = [sys.executable, "-m", "mlflow", "server", *store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with leashed(command, tmp_path / "server.log", ui_environment()):
        project = Promotable.make(root, tracking=Tracking(uri=f"http://127.0.0.1:{port}"))
        id_ = project.accepted(1)
        promotions = project.experiments.promotions()
        deadline = time.monotonic() + 120
        while quick_aliases(project.config.tracking.uri, "digits") is None:
            assert time.monotonic() < deadline, (tmp_path / "server.log").read_text()
            time.sleep(0.2)
        done = promotions.promote(promotions.check(id_, promotions.target()), ANN)
        assert (done.outcome, done.version) == ("promoted", "1")
        assert quick_aliases(project.config.tracking.uri, "digits") == {"champion": "1"}
        project.client().delete_registered_model_alias("digits", "champion")
        assert promotions.status()[0].drift == ("champion was taken from version 1 outside mltui",)
        promotions.rollback(promotions.target(), ANN)
        assert quick_aliases(project.config.tracking.uri, "digits") == {"champion": "1"}
