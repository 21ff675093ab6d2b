"""What holds where: the list of places, and the options and rules made of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.config.schema import Sandbox as Settings
from mltui.sandbox import Confinement
from mltui.sandbox.bubblewrap import Bubblewrap
from mltui.sandbox.confinement import Access, places
from mltui.sandbox.devices import accelerators
from mltui.sandbox.surroundings import Surroundings
from tests.sandbox.conftest import PROGRAMS, World, build_world

NOTHING = Surroundings((), {})


def access(found: list[tuple[str, Access]], path: str) -> Access:
    """That of the longest place which covers the path."""
    covering = [(place, kind) for place, kind in found if path == place or path.startswith(place.rstrip("/") + "/")]
    return max(covering, key=lambda one: len(one[0]))[1]


folders = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map(lambda names: Path("/", *names))


@given(st.lists(folders, max_size=4), st.lists(folders, max_size=4), st.lists(folders, max_size=3), folders)
def test_the_longest_name_decides_whatever_is_left_out(write: list[Path], read: list[Path], hide: list[Path], asked: Path) -> None:
    found = places(Confinement(Path("/"), tuple(write), tuple(read), tuple(hide)), NOTHING, sockets=False)
    table: list[tuple[str, Access]] = [("/", "read")]
    for kind, paths in (("write", write), ("read", read), ("hidden", hide)):
        table = [one for one in table if one[0] not in map(str, paths)] + [(str(path), kind) for path in paths]  # type: ignore[list-item]
    assert access([(place.path, place.access) for place in found], str(asked)) == access(table, str(asked))


@given(st.lists(folders, max_size=4), st.lists(folders, max_size=4))
def test_no_folder_above_a_protected_path_can_be_moved(write: list[Path], read: list[Path]) -> None:
    found = places(Confinement(Path("/"), tuple(write), tuple(read)), NOTHING, sockets=False)
    mounted = {place.path for place in found}
    kinds: list[tuple[str, Access]] = [(place.path, place.access) for place in found]
    for path in set(read) - {Path("/")}:
        for above in path.parents:
            # Moving a folder changes the one above it.
            if str(above) != "/" and str(path) in mounted and access(kinds, str(above.parent)) == "write":
                assert str(above) in mounted


def test_a_folder_comes_before_what_is_in_it(world: World) -> None:
    paths = [place.path for place in places(world.confinement(), world.surroundings)]
    for index, path in enumerate(paths):
        assert not any(later != path and path.startswith(later.rstrip("/") + "/") for later in paths[index:])
    assert paths[0] == "/"


def test_a_home_folder_that_is_the_workspace_shows_all_but_credentials(world: World) -> None:
    confinement = Confinement(world.home, (world.home,))
    found: list[tuple[str, Access]] = [(place.path, place.access) for place in places(confinement, world.surroundings)]
    kinds = {name: access(found, f"{world.home}/{name}") for name in ("letters/private.txt", ".ssh/id_ed25519", ".netrc", ".config/mltui")}
    assert kinds == {"letters/private.txt": "write", ".ssh/id_ed25519": "hidden", ".netrc": "hidden", ".config/mltui": "hidden"}


def test_the_persons_own_settings_add_places(world: World) -> None:
    settings = Settings(read=("~/letters",), write=("~/scratch", "relative"))
    (world.home / "scratch").mkdir()
    surroundings = Surroundings.of(world.environ, settings)
    found: list[tuple[str, Access]] = [(place.path, place.access) for place in places(world.confinement(), surroundings)]
    assert access(found, f"{world.home}/letters/private.txt") == "read"
    assert access(found, f"{world.home}/scratch/x") == "write"
    assert access(found, f"{world.home}/other") == "hidden"


def test_a_virtual_environment_cannot_open_what_is_no_python(world: World) -> None:
    for name, home in ((".venv", world.home / "letters" / "bin"), ("venv", Path(sys.base_prefix) / "bin")):
        (world.root / name).mkdir()
        (world.root / name / "pyvenv.cfg").write_text(f"home = {home}\n")
    surroundings = Surroundings((), {os.path.realpath(Path(sys.base_prefix).parent): "hidden", str(world.home): "hidden"})
    found = {place.path for place in places(world.confinement(), surroundings)}
    assert str(world.home / "letters") not in found
    assert os.path.realpath(sys.base_prefix) in found


def test_accelerators_are_bound(world: World, tmp_path: Path) -> None:
    devices = tmp_path / "dev"
    (devices / "nvidia-caps").mkdir(parents=True)
    (devices / "dri").mkdir()
    for name in ("nvidia0", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "kfd", "sda", "mem"):
        (devices / name).touch()
    options = Bubblewrap("bwrap", world.surroundings, devices=devices).options(world.confinement())
    bound = {options[index + 2] for index, option in enumerate(options) if option == "--dev-bind-try"}
    assert bound == {
        f"/dev/{name}" for name in ("nvidia0", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia-caps", "dri", "kfd")
    }
    assert options.index("--dev") < options.index("--dev-bind-try")
    assert {path.name for path in accelerators(devices)} == {Path(name).name for name in bound}


class _Nobody(Bubblewrap):
    """As a person without rights would run it."""

    def options(self, confinement: Confinement) -> list[str]:
        options = super().options(confinement)
        first = options.index("--cap-add") if "--cap-add" in options else len(options)
        return options[:first]


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_person_without_rights_is_confined_alike(kind: str, everybodys_folder: Callable[[], Path]) -> None:
    place = everybodys_folder()
    world = build_world(place)
    subprocess.run(["chmod", "-R", "a+rwX", str(place)], check=True)
    program = place / "bwrap"
    as_nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups " if os.getuid() == 0 else ""
    program.write_text(f'#!/bin/sh\nexec {as_nobody}{kind} "$@"\n')
    program.chmod(0o755)
    sandbox = _Nobody(str(program), Surroundings((str(world.home),), {str(world.home): "hidden", "/tmp": "write"}))
    before = world.protected()
    code, output = world.run(
        sandbox, "id -u; echo x > train.py; rm -rf .git conf; mv deep d; cat ~/.ssh/id_ed25519; echo y > lib/free; kill -9 $$"
    )
    assert world.protected() == before
    assert code == -9
    assert output.splitlines()[0] == ("65534" if os.getuid() == 0 else str(os.getuid()))
    assert "SECRET" not in output
    assert (world.root / "lib" / "free").read_text() == "y\n"
