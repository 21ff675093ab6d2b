from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mltui.core.errors import JournalError
from mltui.core.events import ExperimentFinished, ExperimentProgressed
from mltui.core.experiment import Run
from mltui.experiments.looking import Looking
from mltui.experiments.orphans import Orphan
from mltui.experiments.records import UnplannedTraining
from mltui.ui.tui.app import MltuiApp
from mltui.ui.tui.decision_pane import DecisionPane
from mltui.ui.tui.log_list import LogList
from mltui.ui.tui.log_screen import LogScreen

from .driving import app_with, running, screen_text, until
from .fake_session import FakeExperiments, FakeOrphans
from .samples import comparison, experiment, sweep

pytestmark = pytest.mark.usefixtures("quick_panes")
EVIL = "[bold]x[/bold] [/]"


def armed(app: MltuiApp) -> bool:
    return isinstance(app.screen, DecisionPane) and app.screen.armed


def log(*experiments: object) -> FakeExperiments:
    return FakeExperiments(*experiments)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(120, 40), (80, 40), (40, 40)])
async def test_it_lists_all_and_shows_the_chosen_one(size: tuple[int, int]) -> None:
    experiments = log(
        experiment("accepted", id="P-0001", title="Add momentum"), experiment("failed", id="P-0002", title=EVIL), experiment(id="P-0003")
    )
    app = app_with(experiments=experiments)
    async with running(app, size) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "P-0001" in screen_text(app) and "Hypothesis" in screen_text(app))
        text = screen_text(app)
        for part in (
            "3 in all",
            "waits for you",
            "accepted",
            "failed",
            *(["+0.0112"] if size[0] > 40 else []),
            *(["better"] if size[0] > 40 else []),
            *(["3d"] if size[0] > 100 else []),
            "Hypothesis",
            EVIL[:6],
        ):
            assert part in text, part
        await pilot.press("down")
        await until(pilot, lambda: "1 of 12 runs failed" in screen_text(app))
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_approving_here_starts_the_runs_and_follows_them() -> None:
    experiments = log(experiment(id="P-0001"))
    experiments.progress["P-0001"] = [
        ExperimentProgressed(proposal_id="P-0001", arm="candidate", seed=0, done=3, total=12),
        ExperimentFinished(proposal_id="P-0001", state="compared", comparison=comparison()),
    ]
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await pilot.press(*"/experiments", "enter")
        await until(pilot, lambda: "P-0001" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: armed(app))
        await pilot.press("y")
        await until(pilot, lambda: "running 3/12" in screen_text(app))
        assert experiments.calls == [("decide", "P-0001", "approve", ""), ("start", "P-0001")]
        experiments.gate.set()
        await until(pilot, lambda: "better" in screen_text(app) and "running" not in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "better accuracy" in screen_text(app))


async def test_rejecting_keeps_the_reason() -> None:
    experiments = log(experiment("held", id="P-0001"))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "P-0001" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: armed(app))
        await pilot.press("n", *"later", "enter")
        await until(pilot, lambda: "P-0001 is rejected" in screen_text(app))
        assert experiments.calls == [("decide", "P-0001", "reject", "later")]


@pytest.mark.parametrize(("key", "made"), [("k", "accept"), ("x", "discard")])
async def test_keeping_and_discarding(key: str, made: str) -> None:
    experiments = log(experiment("interpreted", id="P-0001"))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "P-0001" in screen_text(app))
        await pilot.press("k")
        await until(pilot, lambda: armed(app))
        await pilot.press(key)
        await until(pilot, lambda: experiments.calls == [(made, "P-0001")])


@pytest.mark.slow
async def test_running_what_was_approved_and_stopping_what_runs() -> None:
    experiments = log(experiment("approved", id="P-0001"))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "P-0001" in screen_text(app))
        await pilot.press("s")
        assert "nothing to stop" in screen_text(app)
        await pilot.press("r")
        await until(pilot, lambda: "P-0001 runs" in screen_text(app))
        await pilot.press("s")
        await until(pilot, lambda: "P-0001 is stopped" in screen_text(app))


async def test_errors_are_shown_and_nothing_breaks() -> None:
    experiments = log(experiment(id="P-0001"))
    experiments.error = JournalError("The journal was cut at line 3", hint="mltui experiments verify")
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "P-0001" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: armed(app))
        await pilot.press("h")
        await until(pilot, lambda: all(part in screen_text(app) for part in ("The journal was cut at line 3", "mltui experiments verify")))


async def test_an_empty_log_says_what_it_is_for() -> None:
    app = app_with()
    async with running(app) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "No experiments yet" in screen_text(app))
        assert isinstance(app.screen, LogScreen)
        await pilot.press("y", "k", "d", "pagedown", "q")
        assert len(app.screen_stack) == 1


def chosen(app: MltuiApp) -> str | None:
    return app.screen.query_one(LogList).chosen


async def test_any_number_of_rows_is_scrolled_by_keys_and_the_chosen_one_is_kept() -> None:
    experiments = log(*(experiment("failed", id=f"P-{number:04d}", title=f"Title {number}") for number in range(1, 501)))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "P-0500" in screen_text(app))
        await pilot.press("end")
        await until(pilot, lambda: "Title 1 " in screen_text(app) and "P-0001 hyperparameters" in screen_text(app))
        assert "P-0500" not in screen_text(app)
        await pilot.press("left")
        await until(pilot, lambda: "P-0001" in screen_text(app) and chosen(app) != "P-0001")
        there = chosen(app)
        experiments.all["P-0501"] = experiment("proposed", id="P-0501")
        await pilot.press("y")
        assert "nothing to decide" in screen_text(app)
        app.screen.refresh_all()  # type: ignore[attr-defined]
        await until(pilot, lambda: "501 in all · 1 waiting" in screen_text(app))
        assert chosen(app) == there
        await pilot.press("home")
        await until(pilot, lambda: "P-0501" in screen_text(app))
        await pilot.press("right", "down", "up", "up", "home", "up")
        assert chosen(app) == "P-0501"


@pytest.mark.parametrize(("key", "said"), [("a", "U-0001 is adopted"), ("x", "U-0001 is discarded")])
async def test_training_outside_a_proposal_stands_among_them_and_is_settled(key: str, said: str) -> None:
    experiments = log(experiment("accepted", id="P-0001"))
    old = experiments.all["P-0001"].proposal.created
    training = UnplannedTraining(
        id="U-0001",
        session_id="s",
        command=f"python {EVIL}.py",
        cpu_seconds=42.0,
        libraries=("torch",),
        models=("out/model.pt",),
        outcome="ended",
    )
    experiments.unplanned = FakeOrphans(Orphan(training, old - 60), Orphan(training.model_copy(update={"id": "U-0002"}), old + 60))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "U-0001" in screen_text(app))
        assert chosen(app) == "P-0001"
        await pilot.press("home")
        await until(pilot, lambda: "What ran" in screen_text(app))
        text = screen_text(app)
        assert text.index("U-0002") < text.index("P-0001") < text.index("U-0001")
        assert "1 in all · 2 training outside a proposal" in text
        for part in ("not settled", "42s of CPU, then ended", "torch", "out/model.pt", EVIL):
            assert part in text, part
        await pilot.press("enter")
        assert "outside a proposal: adopt or discard it" in screen_text(app)
        await pilot.press("end", key)
        await until(pilot, lambda: said in screen_text(app))
        await until(pilot, lambda: "1 training outside a proposal" in screen_text(app))
        assert experiments.unplanned.all["U-0001"].by and not experiments.unplanned.all["U-0002"].settled
        await pilot.press(key)
        assert "nothing to" in screen_text(app)


async def test_the_one_that_is_named_is_looked_at_first() -> None:
    app = app_with(experiments=log(*(experiment("failed", id=f"P-{number:04d}", title=f"Title {number}") for number in range(1, 60))))
    async with running(app) as pilot:
        await pilot.press(*"/experiments p-0002", "enter")
        await until(pilot, lambda: "P-0002 hyperparameters" in screen_text(app))
        await pilot.press("escape", *"/experiments 77", "enter")
        await until(pilot, lambda: "There is no P-0077 in the log" in screen_text(app))


async def test_what_was_decided_elsewhere_meanwhile_is_not_asked_again() -> None:
    experiments = log(experiment(id="P-0001"))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "P-0001" in screen_text(app))
        experiments.all["P-0001"] = experiment("rejected", id="P-0001")
        await pilot.press("y")
        await until(pilot, lambda: "decided elsewhere: it is rejected" in screen_text(app))
        assert isinstance(app.screen, LogScreen)


async def test_a_click_chooses_and_another_opens() -> None:
    experiments = log(experiment("failed", id="P-0001"), experiment(id="P-0002"), experiment("failed", id="P-0003"))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "P-0001" in screen_text(app))
        await pilot.click(LogList, offset=(4, 1))
        await until(pilot, lambda: chosen(app) == "P-0002")
        assert isinstance(app.screen, LogScreen)
        await pilot.click(LogList, offset=(4, 1))
        await until(pilot, lambda: isinstance(app.screen, DecisionPane))


# ── the table and its details ────────────────────────────────────────────────────


def many() -> FakeExperiments:
    changed = comparison().model_copy(update={"diff": -0.02, "ci_low": -0.03, "ci_high": -0.01, "verdict": "worse", "p_value": 0.001})
    worse = experiment("compared", id="P-0002", title="Worse rate", kind="train").model_copy(update={"comparison": changed})
    return log(
        experiment("accepted", id="P-0001", title="Add momentum"),
        worse,
        experiment("failed", id="P-0003", title="Cosine schedule"),
        experiment(id="P-0004", title="Macro F1", kind="eval"),
    )


def ids(app: MltuiApp) -> list[str]:
    return list(app.screen.query_one(LogList)._ids)


async def open_log(pilot: Any, app: MltuiApp) -> None:
    await pilot.press("f2")
    await until(pilot, lambda: "P-0001" in screen_text(app) and "Hypothesis" in screen_text(app))


async def test_columns_say_in_words_what_came_out() -> None:
    app = app_with(experiments=many())
    async with running(app, (150, 40)) as pilot:
        await open_log(pilot, app)
        line = next(line for line in screen_text(app).splitlines() if "Worse rate" in line)
        for part in ("P-0002", "compared", "train", "0.9527", "├", "●", "┤", "-0.0200", "worse", "0.002", "anna", "3d"):
            assert part in line, (part, line)
        assert "p Holm" in screen_text(app) and "0.94" in screen_text(app)


async def test_the_filter_is_typed_and_cleared() -> None:
    app = app_with(experiments=many())
    async with running(app, (120, 40)) as pilot:
        await open_log(pilot, app)
        await pilot.press("slash", *"state:failed,comp")
        await until(pilot, lambda: ids(app) == ["P-0003", "P-0002"])
        assert "2 shown: state:failed,comp" in screen_text(app)
        await pilot.press("enter", "slash", *" q")
        await until(pilot, lambda: "No experiment is like that" in screen_text(app))
        assert isinstance(app.screen, LogScreen)
        await pilot.press(*["backspace"] * 2, *" colour:red")
        await until(pilot, lambda: "there is no field 'colour'" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(ids(app)) == 4)
        assert isinstance(app.screen, LogScreen)
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_rows_are_sorted_by_keys_and_by_a_click() -> None:
    app = app_with(experiments=many())
    async with running(app, (120, 40)) as pilot:
        await open_log(pilot, app)
        await pilot.press("o")
        await until(pilot, lambda: "Sorted by state" in screen_text(app) and ids(app)[0] == "P-0001")
        await pilot.press("O")
        assert ids(app)[0] == "P-0004"
        at = screen_text(app).splitlines()[1].index("change")
        await pilot.click(offset=(at, 1))
        assert ids(app)[:2] == ["P-0001", "P-0002"] and "change▼" in screen_text(app)
        await pilot.click(offset=(at, 1))
        assert ids(app)[:2] == ["P-0002", "P-0001"] and "change▲" in screen_text(app)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("1", "difference"),
        ("2", "No metric was written over steps"),
        ("3", "seed by seed"),
        ("4", "Methodology"),
        ("5", "optimizer.scale"),
        ("6", "Nothing ran yet"),
        ("7", "The journal has nothing of it"),
        ("d", "optimizer.scale"),
    ],
)
async def test_each_tab_has_a_key(key: str, words: str) -> None:
    app = app_with(experiments=log(experiment("interpreted", id="P-0001")))
    async with running(app, (100, 50)) as pilot:
        await open_log(pilot, app)
        await pilot.press(key)
        await until(pilot, lambda: words in screen_text(app))


async def test_a_tab_is_chosen_by_a_click_and_kept_for_the_next_row() -> None:
    app = app_with(experiments=many())
    async with running(app, (100, 40)) as pilot:
        await open_log(pilot, app)
        y = next(at for at, line in enumerate(screen_text(app).splitlines()) if "7 History" in line)
        await pilot.click(offset=(screen_text(app).splitlines()[y].index("Plan"), y))
        await until(pilot, lambda: "What it can show" in screen_text(app))
        await pilot.press("down")
        await until(pilot, lambda: "What it can show" in screen_text(app) and chosen(app) == "P-0003")


async def test_details_alone_and_back() -> None:
    app = app_with(experiments=many())
    async with running(app, (100, 30)) as pilot:
        await open_log(pilot, app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "Macro F1" not in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Macro F1" in screen_text(app))
        await pilot.press("z", "z")
        await until(pilot, lambda: "Macro F1" in screen_text(app))
        assert isinstance(app.screen, LogScreen)


async def test_marked_rows_are_compared() -> None:
    runs = tuple(
        Run(arm="candidate", seed=seed, status="finished", metrics={"accuracy": 0.9 + seed / 1000}, started=0.0, ended=1.0)
        for seed in range(6)
    )
    one, two = (experiment("compared", id=id_, title=f"Title of {id_}").model_copy(update={"runs": runs}) for id_ in ("P-0001", "P-0002"))
    app = app_with(experiments=log(one, two))
    async with running(app, (100, 40)) as pilot:
        await open_log(pilot, app)
        await pilot.press("c")
        await until(pilot, lambda: "Mark two or more with Space" in screen_text(app))
        await pilot.press("space", "space")
        await until(pilot, lambda: "2 marked" in screen_text(app) and "c compare 2" in screen_text(app))
        await pilot.press("c")
        await until(pilot, lambda: "difference from P-0001" in screen_text(app))
        await pilot.press("b")
        await until(pilot, lambda: "difference from P-0002" in screen_text(app))
        await pilot.press("b")
        await until(pilot, lambda: "difference from its own baseline" in screen_text(app))
        await pilot.press("down", "pagedown", "pageup", "up", "escape")
        assert isinstance(app.screen, LogScreen)
        await pilot.press("home", "space")
        await until(pilot, lambda: "1 marked" in screen_text(app))


async def test_a_result_is_interpreted_here() -> None:
    experiments = log(experiment("compared", id="P-0001"))
    app = app_with(experiments=experiments)
    async with running(app, (100, 40)) as pilot:
        await open_log(pilot, app)
        await pilot.press("i")
        await until(pilot, lambda: armed(app))
        await pilot.press("x", "enter")
        await until(pilot, lambda: "An interpretation needs words" in screen_text(app))
        await pilot.press(*"noise", "enter")
        await until(pilot, lambda: "What P-0001 means is recorded: discard" in screen_text(app))
        assert experiments.calls == [("conclude", "P-0001", "noise", "discard")]
        await pilot.press("i")
        await until(pilot, lambda: armed(app))
        await pilot.press("escape")
        assert isinstance(app.screen, LogScreen) and len(experiments.calls) == 1


async def test_what_failed_is_discarded_with_a_key() -> None:
    experiments = log(experiment("failed", id="P-0001"))
    app = app_with(experiments=experiments)
    async with running(app) as pilot:
        await open_log(pilot, app)
        await pilot.press("x")
        await until(pilot, lambda: experiments.calls == [("discard", "P-0001")])


async def test_that_nothing_can_be_promoted_is_said() -> None:
    app = app_with(experiments=log(experiment("accepted", id="P-0001")))
    async with running(app) as pilot:
        await open_log(pilot, app)
        await pilot.press("P")
        await until(pilot, lambda: "there is no registry" in screen_text(app))
        await pilot.press("s")
        assert "nothing to stop" in screen_text(app)


async def test_nothing_that_a_run_wrote_reaches_the_terminal_as_it_is(tmp_path: Path) -> None:
    evil = "acc\x1b]0;title\x07\x1b[31m\u202e"
    runs: list[Run] = []
    for seed in range(2):
        folder = tmp_path / f"run-{seed}"
        folder.mkdir()
        lines = [json.dumps({"step": step, evil: step}) for step in (1, 2)]
        (folder / "metrics.jsonl").write_text("\n".join(lines))
        (folder / "stdout.log").write_text(f"{evil}\n")
        (folder / "predictions.csv").write_text(f"label,prediction\n{evil},b\n")
        runs.append(
            Run(arm="candidate", seed=seed, status="failed" if seed else "finished", message=evil, folder=folder.name, started=0, ended=1)
        )
    made = experiment("compared", id="P-0001", title=evil)
    named = comparison().model_copy(update={"metric": comparison().metric.model_copy(update={"name": evil})})
    made = made.model_copy(update={"runs": tuple(runs), "comparison": named})
    other = made.model_copy(update={"proposal": made.proposal.model_copy(update={"id": "P-0002"})})
    experiments = log(made, other)
    experiments.looking = Looking(tmp_path, tmp_path / ".mltui")
    app = app_with(experiments=experiments)
    async with running(app, (120, 50)) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "P-0001" in screen_text(app))
        for keys in (["1"], ["2"], ["3"], ["6"], ["8"], ["space", "space", "c"]):
            await pilot.press(*keys)
            await pilot.pause(0.2)
            text = screen_text(app)
            assert "acc" in text and not any(char in text for char in "\x1b\x07\u202e"), keys


def shows(app: MltuiApp, words: str) -> bool:
    return words in screen_text(app)


async def test_a_sweep_shows_its_trials_and_what_confirms_it() -> None:
    app = app_with(experiments=log(sweep()))
    async with running(app, (120, 60)) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "accuracy by trial" in screen_text(app))
        await pilot.press("z")
        await until(pilot, lambda: "confirmed by" in screen_text(app) and "P-0005" in screen_text(app))
        for key, words in (("2", "optimizer"), ("6", "optimizer"), ("8", "Look at P-0005")):
            await pilot.press(key)
            await until(pilot, partial(shows, app, words))
