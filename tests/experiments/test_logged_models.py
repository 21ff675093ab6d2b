"""Models and files that a script logs to MLflow: they come along with its run, and can be what is promoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from mltui.experiments.kept_models import ModelMissing, keep_model
from mltui.experiments.tracking import leftovers, spool
from mltui.experiments.tracking.leftovers import LEFT_OUT, left_files

SIGNATURE = 'signature:\n  inputs: \'[{"type": "double", "name": "x"}]\'\n'


def logged(folder: Path, name: str, at: int, weights: bytes = b"weights") -> Path:
    model = folder / spool.SPOOL / "0" / "models" / f"m-{name}-{at}"
    (model / "artifacts").mkdir(parents=True)
    (model / "meta.yaml").write_text(f"model_id: m\nname: {name}\ncreation_timestamp: {at}\n")
    (model / "artifacts" / "MLmodel").write_text(SIGNATURE)
    (model / "artifacts" / "model.skops").write_bytes(weights)
    return model / "artifacts"


def test_models_and_pictures_that_were_logged_come_along(tmp_path: Path) -> None:
    logged(tmp_path, "model", 1, b"early")
    logged(tmp_path, "model", 2, b"late")
    run = tmp_path / spool.SPOOL / "0" / "r"
    (run / "artifacts" / "plots").mkdir(parents=True)
    (run / "meta.yaml").write_text("start_time: 1\n")
    (run / "artifacts" / "plots" / "loss.png").write_bytes(b"\x89PNG")
    (run / "artifacts" / "notes.txt").write_text("goes with the texts")
    assert left_files(tmp_path) == {
        "models/model/MLmodel": SIGNATURE.encode(),
        "models/model/model.skops": b"late",
        "plots/loss.png": b"\x89PNG",
    }


def test_what_is_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "LARGEST", 100)
    logged(tmp_path, "model", 1, b"x" * 200)
    (tmp_path / "secret").write_text("not of the run")
    (tmp_path / spool.SPOOL / "0" / "models" / "m-model-1" / "artifacts" / "link.bin").symlink_to(tmp_path / "secret")
    found = left_files(tmp_path)
    assert found.keys() == {"models/model/MLmodel", LEFT_OUT}
    assert found[LEFT_OUT].decode().splitlines()[1:] == ["models/model/model.skops"]


def test_no_link_leads_out_of_the_runs_folder(tmp_path: Path) -> None:
    secrets, run = tmp_path / "secrets", tmp_path / "run"
    secrets.mkdir()
    (secrets / "id_rsa").write_bytes(b"secret")
    (secrets / "notes.txt").write_text("secret")
    (secrets / "MLmodel").write_text("secret")
    (run / spool.SPOOL / "0" / "r").mkdir(parents=True)
    (run / spool.SPOOL / "0" / "r" / "meta.yaml").write_text("start_time: 1\n")
    (run / spool.SPOOL / "0" / "r" / "artifacts").symlink_to(secrets)
    (run / spool.SPOOL / "0" / "r" / "params").symlink_to(secrets)
    model = run / spool.SPOOL / "0" / "models" / "m-1"
    model.mkdir(parents=True)
    (model / "meta.yaml").write_text("name: model\n")
    (model / "artifacts").symlink_to(secrets)
    outside = tmp_path / "outside"
    (outside / "x" / "artifacts").mkdir(parents=True)
    (outside / "x" / "meta.yaml").write_text("start_time: 1\n")
    (outside / "x" / "artifacts" / "a.png").write_bytes(b"secret")
    (run / spool.SPOOL / "1").symlink_to(outside)
    assert left_files(run) == {} and spool.read_texts(run) == {} and spool.logged_models(run) == {}
    assert spool.read_params(run) == {}


@pytest.mark.parametrize("name", ["..", "a/b", "../../etc"])
def test_a_models_name_leads_nowhere(tmp_path: Path, name: str) -> None:
    model = tmp_path / spool.SPOOL / "0" / "models" / "m-1"
    (model / "artifacts").mkdir(parents=True)
    (model / "meta.yaml").write_text(f"name: {name}\n")
    assert spool.logged_models(tmp_path) == {}


def test_a_logged_model_is_kept_where_no_file_has_its_name(tmp_path: Path) -> None:
    run, target = tmp_path / "run", tmp_path / "kept"
    logged(run, "model", 1)
    kept, digest = keep_model("model", (run,), target, spool.logged_models(run).get("model"))
    assert (kept / "MLmodel").read_text() == SIGNATURE and len(digest) == 64
    (run / "model").write_bytes(b"a file counts over it")
    assert keep_model("model", (run,), target, spool.logged_models(run)["model"])[0].is_file()
    with pytest.raises(ModelMissing, match="logged no model of that name"):
        keep_model("other", (run,), target, spool.logged_models(run).get("other"))
