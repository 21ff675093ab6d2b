"""What a confined command cannot do, tried with every sandbox that works here."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from mltui.sandbox import Confinement
from tests.sandbox.conftest import KINDS, PROGRAMS, World

WRITE_TRICKS = [
    "echo x > train.py",
    "echo x >> train.py",
    "tee train.py < /dev/null",
    "sed -i s/train/x/ train.py",
    "echo x > lib/new; mv -f lib/new train.py",
    "echo x > lib/new; cp -f lib/new train.py",
    "ln -sf lib/util.py train.py",
    "ln train.py lib/linked && echo x > lib/linked",
    "ln -s ../train.py lib/linked; echo x > lib/linked",
    "truncate -s 0 train.py",
    "dd if=/dev/zero of=train.py bs=1 count=3",
    "rm -f train.py",
    "chmod 777 train.py; chown 0:0 train.py; echo x > train.py",
    "echo x > /proc/self/cwd/train.py",
    "cd /proc/self/cwd/conf && echo x > optim.yaml",
    "echo x > /proc/self/root/$PWD/train.py",
    "mv conf conf2; mkdir conf; echo x > conf/optim.yaml",
    "rm -rf conf",
    "mv deep elsewhere; mkdir -p deep/er; echo x > deep/er/model.py",
    "mv deep/er deep/away; mkdir deep/er; echo x > deep/er/model.py",
    "ln -sfn lib conf; echo x > conf/optim.yaml",
    "mv ../project ../moved; mkdir -p ../project; echo x > ../project/train.py",
    "rm -rf .git",
    "git config user.name Mallory; git commit --allow-empty -m x",
    "echo evil > .git/hooks/post-commit; mkdir -p .git/refs/mltui; touch .git/refs/mltui/x",
    "echo '{}' >> .mltui/journal.jsonl",
    "mv .mltui elsewhere",
    "rm -rf .mltui; mkdir .mltui; echo '{}' > .mltui/journal.jsonl",
    "unshare -Urm sh -c 'mount -o remount,bind,rw conf; umount conf; umount train.py; echo x > conf/optim.yaml; echo x > train.py'",
    "umount -l train.py; mount -o remount,rw /; echo x > train.py",
    "find . -name '*.py' -delete; find . -name '*.yaml' -exec sh -c 'echo x > {}' ';'",
    "nsenter -t 1 -m sh -c 'echo x > train.py'",
    "(sleep 0.2; echo x > train.py) & sleep 0.4",
]

PYTHON_TRICKS = [
    "import mmap; f = open('train.py', 'r+b'); m = mmap.mmap(f.fileno(), 0); m[:1] = b'x'",
    "import os; d = os.open('.', os.O_RDONLY); f = os.open('train.py', os.O_WRONLY, dir_fd=d); os.write(f, b'x')",
    "import os; f = os.open('train.py', os.O_RDONLY); os.write(os.open(f'/proc/self/fd/{f}', os.O_WRONLY), b'x')",
    "import os; os.rename('lib/util.py', 'train.py')",
    "import os; os.link('train.py', 'lib/other'); open('lib/other', 'w').write('x')",
    "import os; os.truncate('train.py', 0)",
    "import ctypes; c = ctypes.CDLL(None); c.syscall(316, -100, b'lib/util.py', -100, b'train.py', 2)",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trick", WRITE_TRICKS)
def test_what_is_protected_stays_as_it_is(world: World, kind: str, trick: str) -> None:
    before = world.protected()
    world.run(world.sandbox(kind), trick)
    assert world.protected() == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trick", PYTHON_TRICKS)
def test_what_is_protected_stays_as_it_is_for_programs(world: World, kind: str, trick: str) -> None:
    before = world.protected()
    code, _ = world.run(world.sandbox(kind), f'exec python3 -c "{trick}"')
    assert world.protected() == before
    assert code != 127


@pytest.mark.parametrize("kind", KINDS)
def test_the_tricks_work_where_nothing_is_protected(world: World, kind: str) -> None:
    """Or the tests above would show nothing."""
    sandbox = world.sandbox(kind)
    code, output = world.run(sandbox, "echo x > lib/util.py && sed -i s/x/y/ lib/util.py && mv lib/util.py lib/moved && cat lib/moved")
    assert (code, output) == (0, "y\n")
    code, output = world.run(sandbox, "mkdir -p lib/a/b && touch lib/a/b/c && mv lib/a lib/z && ln lib/moved lib/linked && ls lib/z/b")
    assert (code, output) == (0, "c\n")
    assert (world.root / "lib" / "moved").read_text() == "y\n"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "look",
    [
        "cat ~/.ssh/id_ed25519 ~/.aws/credentials ~/.netrc ~/.kaggle/kaggle.json ~/.git-credentials ~/.cargo/credentials.toml",
        "cat ~/.cache/huggingface/token ~/.local/share/keyrings/login",
        "cat $MLTUI_HOME/auth.json",
        "cat ~/letters/private.txt; cat /proc/self/cwd/../letters/private.txt; cat ../letters/*",
        "grep -r SECRET ~ /proc/self/root$HOME --exclude-dir=proc",
        "ln -s ~/.ssh lib/keys; cat lib/keys/id_ed25519",
        "unshare -Urm sh -c 'umount ~; umount -l ~/.ssh; cat ~/.ssh/id_ed25519'",
        "find $PWD/../.. -name id_ed25519 -exec cat {} ';'; cat /proc/*/root$HOME/.ssh/id_ed25519",
    ],
)
def test_secrets_and_the_rest_of_the_home_folder_are_hidden(world: World, kind: str, look: str) -> None:
    _, output = world.run(world.sandbox(kind), look)
    assert "SECRET" not in output.replace("grep -r SECRET", "")


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_project_needs_of_the_home_folder_is_there(world: World, kind: str) -> None:
    (world.home / ".cache" / "pip").mkdir()
    sandbox = world.sandbox(kind)
    assert world.run(sandbox, "cat train.py conf/optim.yaml; git config user.name") == (0, "train.py\nconf/optim.yaml\nVisible\n")
    assert world.run(sandbox, "echo wheel > ~/.cache/pip/x")[0] == 0
    assert (world.home / ".cache" / "pip" / "x").read_text() == "wheel\n"
    assert world.run(sandbox, "python3 -c 'print(6 * 7)'") == (0, "42\n")
    shared = "import multiprocessing.shared_memory as m; s = m.SharedMemory(create=True, size=1 << 20); s.close(); s.unlink(); print(1)"
    assert world.run(sandbox, f"python3 -c '{shared}'")[1] == "1\n"


@pytest.mark.parametrize("kind", KINDS)
def test_the_rest_of_the_machine_is_read_only(world: World, kind: str, tmp_path: Path) -> None:
    sandbox = world.sandbox(kind)
    assert world.run(sandbox, "touch /usr/mltui-was-here || touch /etc/mltui-was-here")[0] != 0
    assert not Path("/usr/mltui-was-here").exists() and not Path("/etc/mltui-was-here").exists()
    (tmp_path / "beside").mkdir()
    assert world.run(sandbox, f"echo free > {tmp_path}/beside/x && cat {tmp_path}/beside/x") == (0, "free\n")
    assert world.run(sandbox, "echo x > /dev/null && test -r /dev/urandom && test -e /sys/kernel")[0] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_exit_codes_and_signals_pass_through(world: World, kind: str) -> None:
    sandbox = world.sandbox(kind)
    codes = {
        command: world.run(sandbox, command)[0]
        for command in ("true", "exit 3", "nosuchcommand", "exit 137", "kill -9 $$", "kill -TERM $$")
    }
    assert list(codes.values()) == [0, 3, 127, 137, -9, -15]


@pytest.mark.parametrize("kind", KINDS)
def test_doors_to_other_programs_are_not_in_the_environment(world: World, kind: str) -> None:
    world.environ.update(SSH_AUTH_SOCK="/tmp/x", DBUS_SESSION_BUS_ADDRESS="unix:path=/x", DOCKER_HOST="tcp://x", KEPT="yes")
    _, output = world.run(world.sandbox(kind), "echo [$SSH_AUTH_SOCK$DBUS_SESSION_BUS_ADDRESS$DOCKER_HOST] $KEPT")
    assert output == "[] yes\n"


@pytest.mark.parametrize("kind", PROGRAMS)
def test_sockets_of_other_programs_are_out_of_reach(world: World, kind: str, tmp_path: Path) -> None:
    keys = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(keys))
        server.listen()
        connect = f"python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{keys}\")'"
        assert world.run(world.sandbox(kind), connect)[0] == 0
        world.environ["SSH_AUTH_SOCK"] = str(keys)
        assert world.run(world.sandbox(kind), connect)[0] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_follows_the_settings(world: World, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = threading.Thread(target=lambda: server.accept()[0].close())
        accepting.start()
        connect = f"python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {server.getsockname()[1]}), 5)'"
        sandbox = world.sandbox(kind)
        assert world.run(sandbox, connect, network=False)[0] == 1
        assert world.run(sandbox, connect, network=True)[0] == 0
        accepting.join(10)


@pytest.mark.parametrize("kind", PROGRAMS)
def test_without_a_network_loopback_still_works(world: World, kind: str) -> None:
    program = "import socket; s = socket.create_server((chr(49)+chr(50)+chr(55)+'.0.0.1', 0)); socket.create_connection(s.getsockname())"
    assert world.run(world.sandbox(kind), f'python3 -c "{program}"', network=False) == (0, "")


@pytest.mark.parametrize("kind", PROGRAMS)
@pytest.mark.parametrize(
    "start", ["sleep 61 &", "nohup sleep 61 > /dev/null 2>&1 &", "setsid sleep 61 > /dev/null 2>&1 &", "(setsid -f sleep 61)"]
)
def test_nothing_outlives_the_command(world: World, kind: str, start: str) -> None:
    process = world.sandbox(kind).start(
        ["/bin/bash", "-c", f"{start}\nsleep 0.1; echo done"], world.confinement(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.communicate(timeout=30)[0] == b"done\n"
    assert process.exit_code() == 0
    assert process.left_running()
    assert not [entry for entry in os.listdir("/proc") if entry.isdecimal() and _command(entry) == b"sleep\x0061\x00"]


def _command(process: str) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("kind", KINDS)
def test_the_brand_is_inherited_and_cannot_be_dropped(world: World, kind: str) -> None:
    number = (0x6D6C7475 << 28) + 77
    drop = "ulimit -x unlimited 2> /dev/null; env -i bash -c 'ulimit -Hx'; setsid -w bash -c 'ulimit -Hx'"
    assert world.run(world.sandbox(kind), drop, brand=number) == (0, f"{number}\n{number}\n")


@pytest.mark.parametrize("kind", PROGRAMS)
def test_processes_outside_are_out_of_sight(world: World, kind: str) -> None:
    _, output = world.run(world.sandbox(kind), "ls -d /proc/[0-9]* | wc -l; kill -9 -1; kill -9 1; echo here")
    assert int(output.split()[0]) <= 5
    assert world.run(world.sandbox(kind), f"kill -9 {os.getpid()}; test -e /proc/{os.getpid()}/environ")[0] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_files_that_vanish_and_names_that_are_odd_do_no_harm(world: World, kind: str) -> None:
    odd = world.root / "a \n b\udcff'.yaml"
    odd.write_text("odd\n")
    confinement = Confinement(world.root, (world.root,), (odd, world.root / "gone.py", world.root / "no" / "where"))
    process = world.sandbox(kind).start(["/bin/sh", "-c", 'echo x > "$0"', str(odd)], confinement, env=world.environ)
    assert process.wait(30) != 0
    assert odd.read_text() == "odd\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_is_gone_is_an_error_of_the_system(world: World, kind: str) -> None:
    with pytest.raises(FileNotFoundError):
        world.sandbox(kind).start(["true"], Confinement(world.root / "nowhere", (world.root,)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_in_the_workspace_opens_nothing(world: World, kind: str) -> None:
    (world.root / "letters").symlink_to(world.home / "letters")
    _, output = world.run(world.sandbox(kind), "cat letters/private.txt; echo x > letters/private.txt")
    assert "SECRET" not in output
    assert (world.home / "letters" / "private.txt").read_text() == "SECRET\n"
