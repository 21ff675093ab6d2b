from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mltui.core.effects import Effect
from mltui.tools.shell_grammar import split
from mltui.tools.shell_syntax import command_effects, simple_commands

shellish = st.text(alphabet=st.sampled_from(list("ab01 \t\n;&|<>(){}[]$`'\"\\*?~!#=-/.,:éx\x0c\r\u00a0")), max_size=40)


def texts(command: str) -> list[str]:
    return [simple.text for simple in simple_commands(command)]


def opaque(command: str) -> bool:
    return any(simple.opaque for simple in simple_commands(command))


@given(command=st.one_of(shellish, st.text(max_size=60)))
def test_it_never_fails_and_leaves_nothing_undecided(command: str) -> None:
    assert bool(simple_commands(command)) == bool(command.strip(" \t\n"))


@given(text=st.one_of(shellish, st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=60)))
@example(text="a; rm -rf /")
@example(text="$(rm x)")
@example(text="`rm x`")
@example(text="\n rm x\n")
@example(text="'; rm x; '")
def test_a_quoted_string_never_makes_a_new_command(text: str) -> None:
    found = simple_commands(f"echo {shlex.quote(text)}")
    assert len(found) == 1
    assert found[0].opaque or found[0].words == ("echo", text)


@settings(max_examples=40, deadline=None)
@given(text=shellish)
def test_words_are_those_that_bash_sees(text: str) -> None:
    """Where the splitter is sure of a plain command line, bash agrees with it."""
    command = f"printf '%s\\0' {shlex.quote(text)} x"
    simple = simple_commands(command)[0]
    ran = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    if not simple.opaque:
        assert ran.stdout.decode().split("\0")[:-1] == list(simple.words[2:])


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("git  commit   -m 'x; y'", ["git commit -m 'x; y'"]),
        ("a && b || c; d | e &", ["a", "b", "c", "d", "e"]),
        ("a\nb\n", ["a", "b"]),
        ("echo $(rm x) `rm y`", ["echo $(rm x) `rm y`", "rm x", "rm y"]),
        ('echo "$(rm x)"', ['echo "$(rm x)"', "rm x"]),
        ("diff <(ls a) <(ls b)", ["diff <(ls a) <(ls b)", "ls a", "ls b"]),
        ("(cd a; ls) > log", ["cd a", "ls"]),
        ("{ a; b; }", ["a", "b"]),
        ("for i in $(seq 3); do rm $i; done", ["seq 3", "rm $i"]),
        ("while read l; do a; done < f", ["read l < f", "a"]),
        ("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"]),
        ("case $x in a) b;; *) c;; esac", ["b", "c"]),
        ("f() { rm -rf /; }; f", ["rm -rf /", "f"]),
        ("! grep -q x f", ["grep -q x f"]),
        ("X=1 Y=$(id) cmd", ["X=1 Y=$(id) cmd", "id"]),
        ("X=$(id)", ["X=$(id)", "id"]),
        ("export A=$(id)", ["export A=$(id)", "id"]),
        ("bash -c 'a; b | c'", ["a", "b", "c"]),
        ("timeout 5 sh -ec 'a && bash -c \"b; c\"'", ["a", "b", "c"]),
        ("sudo bash -c 'a'", ["sudo bash -c 'a'", "a"]),
        ("LD_PRELOAD=x bash -c 'a'", ["LD_PRELOAD=x bash -c 'a'", "a"]),
        ("find . -name '*.o' -exec rm -f {} +", ["find . -name '*.o' -exec rm -f {} +", "rm -f {}"]),
        ("cat <<'EOF' > f.py\n`x` $(y)\nEOF\npython f.py", ["cat", "python f.py"]),
        ("cat <<EOF | wc -l\nhello $USER\nEOF", ["cat", "wc -l"]),
        ("python - <<'E'\nprint(`1`)\nE", ["python -"]),
        ("[ -f x ] && rm x", ["rm x"]),
        ("echo $((1 + $(wc -l < f)))", ["echo $((1 + $(wc -l < f)))", "wc -l < f"]),
        ("ls # rm x", ["ls"]),
        ("", []),
        ("# nothing", ["# nothing"]),
        ("[[ -f x ]]", ["[[ -f x ]]"]),
    ],
)
def test_commands_are_split(command: str, expected: list[str]) -> None:
    assert texts(command) == expected
    assert not opaque(command)


@pytest.mark.parametrize(
    "command",
    [
        "eval ls",
        'bash -c "$CMD"',
        "$CMD x",
        "curl x | sh",
        "bash <<EOF\nrm x\nEOF",
        "bash -s < script",
        "sh -",
        "source <(curl x)",
        ". /dev/stdin",
        "trap 'rm x' EXIT",
        "echo ${A:-`rm x`}",
        "cat <<EOF\n$(rm x) `rm y`\nEOF",
        "ls &&",
        "echo 'open",
        "a=(",
        "git\x0cstatus",
        "ls\u00a0rm",
        "time { rm x; }",
        "{rm,-rf,/}",
        "find . -exec sh -c 'rm x' \\;",
        "coproc rm x",
        "echo > a b; rm",
        "x" * 200_000,
        "(" * 5000,
    ],
)
def test_what_cannot_be_told_is_opaque(command: str) -> None:
    assert opaque(command)


@pytest.mark.parametrize(
    ("command", "core"),
    [
        ("timeout -k 5 10 python train.py", "python train.py"),
        ("nohup nice -n 5 env -u C A=b python train.py --lr 1", "python train.py --lr 1"),
        ("A=1 B='x y' python train.py", "python train.py"),
        ("sudo -u bob -- make", "make"),
        ("xargs -n 1 -I {} rm {}", "rm {}"),
        ("stdbuf -oL time -p setsid ./run.sh", "./run.sh"),
        ("env", "env"),
        ("timeout 5", "timeout 5"),
        ("python train.py", "python train.py"),
    ],
)
def test_wrappers_are_seen_through(command: str, core: str) -> None:
    assert simple_commands(command)[0].core_text == core
    assert simple_commands(command)[0].text == command


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        ("echo x > f", ["f"]),
        ("echo x >> a 2> b", ["a", "b"]),
        ("echo x &> 'a b'", ["a b"]),
        ("> f", ["f"]),
        ("echo x 2>&1 > /dev/null", []),
        ("cat < in", []),
        ("cd a && make > log", ["a/log"]),
        ("(cd a && make > log); ls > b", ["a/log", "b"]),
        ("cd /; ls > x", ["/x"]),
        ("cd away && cd .. && ls > x", ["x"]),
        ("cd away/.. && ls > x", ["x"]),
        ("cd .. && ls > x", ["../x"]),
        ("cd a && ls > ../away/x", ["/usr/bin/x"]),
        ("for i in 1; do echo $i; done > out", ["out"]),
        ("bash -c 'ls > x'", ["x"]),
        ("ls | tee f > g", ["g"]),
    ],
)
@pytest.mark.parametrize("start", ["", "sub"])
def test_redirects_are_writes(command: str, writes: list[str], start: str, tmp_path: Path) -> None:
    """Where bash puts them: `cd ..` takes off the name of a link, a path with `..` goes through what it leads to."""
    folder = tmp_path.resolve() / start
    folder.mkdir(exist_ok=True)
    (folder / "away").symlink_to("/usr/bin")
    effects = command_effects(command, tmp_path.resolve(), folder)
    written = [os.path.normpath(folder / write) for write in writes]
    assert sorted(effect.target for effect in effects if effect.kind == "write") == sorted(written)
    assert not any(effect.opaque for effect in effects)
    assert {effect.folder for effect in effects if effect.kind == "exec"} == {str(folder) if start else ""}


@pytest.mark.parametrize(
    ("command", "reads"),
    [
        ("cat < in", ("in",)),
        ("wc -l 3<'a b' < \"$x\"", ("a b", '"$x"')),
        ("sort < in > out 2> err", ("in",)),
        ("{ cat; ls; } < in", ("in",)),
        ("cat <<E < in\nx\nE", ("in",)),
        ("< in", ("in",)),
        ("cat < /dev/null", ()),
        ("cat <<< in; cat 2<&1; diff <(ls) x", ()),
        ("cat < <(ls)", ()),
    ],
)
def test_what_a_command_reads_belongs_to_its_text(command: str, reads: tuple[str, ...]) -> None:
    first = simple_commands(command)[0]
    assert first.reads == reads
    assert simple_commands(first.text)[0].reads == reads


@pytest.mark.parametrize(
    "command",
    [
        "echo x > $F",
        "cd $D; ls > x",
        "cd; ls > x",
        "if a; then cd b; fi; ls > x",
        "ls > *.txt",
        "ls > ~/x",
        "nice cd a && ls > x",
        "CDPATH=/; cd a && ls > x",
        "set -P; cd a && ls > x",
        "set -o physical; cd a && ls > x",
    ],
)
def test_a_redirect_to_somewhere_unknown_is_opaque(command: str, tmp_path: Path) -> None:
    effects = command_effects(command, tmp_path)
    assert any(effect.opaque for effect in effects)
    assert not any(effect.kind == "write" for effect in effects)


def test_a_redirect_through_a_link_is_a_write_of_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert Effect(kind="write", target=str(tmp_path / "real")) in command_effects("echo > link", tmp_path)


def test_splitting_is_idempotent() -> None:
    """The text of a command is a command line that means the same."""
    for simple in simple_commands("timeout 5 git commit -m 'a b' && X=1 rm -rf \"$d\""):
        assert [again.text for again in simple_commands(simple.text)] == [simple.text]


TOKENS = [
    *("aa", "bb", "cc", " ", " ", " ", ";", "&&", "||", "|", "&", "\n", "(", ")", "{ ", "; }", "$(", "`", "'", '"', "\\", "#", "$x"),
    *("<<E\n", "\nE\n", "<<'E'\n", "<<<", "<(", ">", "2>&1", "${x:-", "}", "$((", "))", "!", "if ", "; then ", "; fi", "\t", "\r"),
    *("while ", "; do ", "; done", "case x in ", "x) ", ";; ", "esac", "f() ", "[[ ", " ]]", "=", "-c ", "bash -c ", "eval ", "time "),
    *("\f", "env "),
]


@settings(max_examples=150, deadline=None)
@given(tokens=st.lists(st.sampled_from(TOKENS), min_size=1, max_size=14))
def test_bash_runs_nothing_that_was_not_named(tokens: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every program that bash looks for is the first word of a command that was found, unless one of them is opaque."""
    command = "".join(tokens)
    found = simple_commands(command)
    if any(simple.opaque for simple in found):
        return
    folder = tmp_path_factory.mktemp("run")
    log = folder.parent / f"{folder.name}.log"
    environment = {"PATH": str(folder), "BASH_FUNC_command_not_found_handle%%": f'() {{ printf "%s\\n" "$1" >> {log}; }}'}
    subprocess.run(["/bin/bash", "-c", command], cwd=folder, env=environment, capture_output=True, timeout=10, stdin=subprocess.DEVNULL)
    ran = set(log.read_text().splitlines()) if log.exists() else set[str]()
    named = {word for simple in found for word in simple.words[: len(simple.words) - len(simple.core) + 1]}
    # `bash -c` stands for what it runs, and bash takes an option of the word `time` for a program.
    assert {name for name in ran if name != "bash" and not name.startswith("-")} <= named


@pytest.mark.parametrize("command", ["{\U000e2960", "echo é > ünï.txt && rm ß", "\U000e2960 x; \ufdd0", "echo '🎉' | cat"])
def test_letters_beyond_ascii_are_letters(command: str) -> None:
    """In a process of its own: a crash of the grammar would take the tests with it."""
    program = "import sys; from mltui.tools.shell_grammar import split; print([one.text for one in split(sys.argv[1]) or ()])"
    done = subprocess.run([sys.executable, "-c", program, command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_their_text_is_kept() -> None:
    assert [one.text for one in split("echo é > ünï.txt && rm ß") or ()][-1] == "rm ß"
