"""Rules and modes: deny over ask over allow, whatever their order; nothing passes by being unknown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.agent.policy import MODES, Policy, parse_mode, suggest_rule
from mltui.agent.rules import Rule
from mltui.config.schema import PermissionMode, Permissions
from mltui.core.effects import Effect
from mltui.core.errors import ConfigError
from mltui.tools.base import Workspace
from mltui.tools.shell_syntax import command_effects

CWD = Path("/p")
WORKSPACE = Workspace(CWD, (CWD,))


def policy(mode: PermissionMode = "default", **rules: tuple[str, ...]) -> Policy:
    guarded, secret = (Path("/home/me/.config/mltui"),), (Path("/home/me/auth.json"),)
    return Policy.build(Permissions(**rules), WORKSPACE, mode=mode, guarded=guarded, secret=secret)


def run(command: str) -> Effect:
    return Effect(kind="exec", target=command)


def judge(p: Policy, *effects: Effect, tool: str = "Bash", staged: frozenset[str] = frozenset()) -> str:
    return p.judge(tool, effects, staged).answer


@pytest.mark.parametrize(
    ("rule", "effect", "admits"),
    [
        ("Bash(git *)", run("git status"), True),
        ("Bash(git *)", run("git"), True),
        ("Bash(git *)", run("gitk"), False),
        ("Bash(git:*)", run("git push"), True),
        ("Bash(npm run test)", run("npm run test --x"), False),
        ("Bash", Effect(kind="exec", target="$(x)", opaque=True), True),
        ("Bash(*)", Effect(kind="exec", target="$(x)", opaque=True), False),
        ("Read(./.env)", Effect(kind="read", target="/p/.env"), True),
        ("Read(./.env)", Effect(kind="read", target="/p/sub/.env"), False),
        ("Read(.env)", Effect(kind="read", target="/p/sub/.env"), True),
        ("Read(*.pem)", Effect(kind="read", target="/p/a/b/key.pem"), True),
        ("Edit(src/**)", Effect(kind="write", target="/p/src/a/b.py"), True),
        ("Edit(src/**)", Effect(kind="write", target="/p/lib/b.py"), False),
        ("Write(src/*)", Effect(kind="write", target="/p/src/a/b.py"), False),
        ("Read(//etc/**)", Effect(kind="read", target="/etc/passwd"), True),
        ("Edit", Effect(kind="read", target="/p/x"), False),
        ("WebFetch(domain:docs.python.org)", Effect(kind="net", target="docs.python.org"), True),
        ("WebFetch(domain:*.python.org)", Effect(kind="net", target="evilpython.org"), False),
    ],
)
def test_rules(rule: str, effect: Effect, admits: bool) -> None:
    made = Rule.parse(rule)
    assert made.admits(made.tool, effect, CWD) is admits


def test_who_may_search_the_web_may_not_fetch_any_page() -> None:
    net = Effect(kind="net", target="docs.python.org")
    assert Rule.parse("WebSearch").admits("WebSearch", net, CWD)
    assert not Rule.parse("WebSearch").admits("WebFetch", net, CWD)
    assert not Rule.parse("WebFetch(domain:docs.python.org)").admits("WebSearch", net, CWD)


@pytest.mark.parametrize("text", ["", "bash(x)", "Bash(x", "Nope(x)", "(x)"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Rule.parse(text)


@pytest.mark.parametrize(
    "command",
    ["ls -la", "git log --oneline", "cat src/a.py", "rg foo src", "find . -name '*.py'", "wc -l a", "git diff HEAD~1", "nvidia-smi"],
)
def test_commands_that_only_look_inside_run_unasked(command: str) -> None:
    assert judge(policy(), run(command)) == "allow"


@pytest.mark.parametrize(
    "command",
    [
        "cat /etc/passwd", "cat ../secret", "cat ~/.ssh/id_rsa", "find . -delete", "find . -exec rm {} +", "rg --pre=sh x", "sort -o a b",
        "sort -uo a b", "git -c core.pager=sh log", "git diff --output=x", "git push", "rm a", "python x.py", "echo $HOME", "uniq a b",
        "git grep -Osh x", "ls --color=/etc", "grep -f /etc/shadow x", "git log --ext-diff",
    ],
)  # fmt: skip
def test_everything_else_asks(command: str) -> None:
    if command == "ls --color=/etc":
        assert judge(policy(), run(command)) == "ask"
    assert judge(policy(), run(command)) == "ask"


@pytest.mark.parametrize(
    "command",
    [
        'find . "-delete"', "find . -del''ete", "find . \\-delete", 'sort "-o" a b', "sort --outp=a b", "sort --compress-prog=./x b",
        'rg "--pre=./x" y', 'git log "--output=x"', "tree -ao x", "tree -LR 1", "file -mC x", "date -us x",
        "uniq - x", "uniq -- a -b", "date --se=x", "hostname x",
        "nvidia-smi -r", "nvidia-smi -pm 1", "nvidia-smi mig -cgi 9", "nvidia-smi --filename=x",
    ],
)  # fmt: skip
def test_no_spelling_of_an_option_makes_what_acts_look(command: str) -> None:
    assert policy("plan").judge("Bash", command_effects(command, CWD), frozenset()).answer == "deny"


@pytest.mark.parametrize(
    "command",
    [
        "cat {/etc/passwd,}", "cat {,/}etc/passwd", "cat .{.,x}/.{.,x}/etc/passwd", "cat \\/etc/passwd", "cat .''./.''./etc/passwd",
        'cat ".""./x"', "cat .?/.?/etc/passwd", "file -f/etc/passwd", "file -f../x", "date -f/etc/passwd", "grep -vf/etc/passwd x",
        "wc --files0-from=list", "sort --files0=list", "du --files0-from list", "find -files0-from list",
        "cat ~nobody-of-that-name/x", "cat < /etc/passwd", "cat 0< ../x", "wc -l < $HOME/x", "cat < {/etc,}/x", "(cat) < /etc/passwd",
        "{ ls; cat; } < /etc/passwd", "echo x | cat - < /etc/passwd",
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_outside_is_inside(command: str) -> None:
    assert policy().judge("Bash", command_effects(command, CWD), frozenset()).answer == "ask"


@pytest.mark.parametrize(
    "command",
    [
        "ls src/{a,b}.py", "rg 'x{1,2}' src", "grep -rn 'a/.*b' src", "cut -d/ -f1 x", "git log -L10,20:src/a.py",
        "git log --oneline -S'foo bar'",
        'wc -l "a b"', "sort -t, -k2 x", "date -Iseconds", "date --iso-8601=s", "nvidia-smi -q -d MEMORY -i 0", "[ -f src/x ]", "diff a b",
        "nvidia-smi --query-gpu=name,memory.used --format=csv,noheader", "cat *.py", "git diff --stat -- src", "rg -o x", "hostname",
        "wc -l < src/a.py", "cat < /dev/null",
    ],
)  # fmt: skip
def test_usual_ways_to_look_need_no_question(command: str) -> None:
    assert policy().judge("Bash", command_effects(command, CWD), frozenset()).answer == "allow"


def test_a_link_out_of_the_workspace_or_to_itself_is_not_inside(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "out").symlink_to("/etc/passwd")
    (root / "loop").symlink_to("loop")
    made = Policy.build(Permissions(), Workspace(root, (root,)))
    for command in ("cat out", "cat loop", "cat loop/x", "cd loop && ls"):
        assert made.judge("Bash", command_effects(command, root), frozenset()).answer == "ask", command


def test_deny_wins_over_allow_and_a_wrapper_does_not_hide_from_it() -> None:
    p = policy("auto", deny=("Bash(rm *)",), allow=("Bash",))

    assert judge(p, run("rm -rf x")) == "deny"
    assert judge(p, run("timeout 5 rm -rf x")) == "deny"
    assert judge(p, run("ls"), run("rm x")) == "deny"
    assert judge(p, run("ls")) == "allow"


@pytest.mark.parametrize(
    "command", ["\\rm x", "'rm' x", "/bin/rm x", "r''m -rf x", "timeout 5 \\rm x", "sudo /usr/bin/rm x", 'git "push" x']
)
def test_no_spelling_of_a_program_hides_it_from_a_rule_that_restricts(command: str) -> None:
    p = policy("auto", deny=("Bash(rm *)", "Bash(git push *)"), allow=("Bash",))

    assert p.judge("Bash", command_effects(command, CWD), frozenset()).answer == "deny"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("cat .env", "deny"),
        ("head -n 3 './.env' a", "deny"),
        ("cat < .env", "deny"),
        ("grep -r --file=.env x", "deny"),
        ("ls; cat src/key.pem", "ask"),
        ("cat sub/.env", "allow"),
    ],
)
def test_a_rule_about_reading_holds_for_what_a_command_looks_at(mode: PermissionMode, command: str, answer: str) -> None:
    p = policy(mode, deny=("Read(./.env)",), ask=("Read(*.pem)",), allow=("Bash",))

    assert p.judge("Bash", command_effects(command, CWD), frozenset()).answer == answer


def test_a_persons_ask_rule_holds_in_every_mode() -> None:
    assert judge(policy("auto", ask=("Bash(git push *)",)), run("git push origin")) == "ask"


@pytest.mark.parametrize("mode", MODES)
def test_what_belongs_to_git_and_mltui_is_never_written(mode: PermissionMode) -> None:
    p = policy(mode, allow=("Edit", "Read"))
    for target in ("/p/.git/hooks/pre-commit", "/p/.mltui/journal.jsonl", "/home/me/.config/mltui/config.toml"):
        assert judge(p, Effect(kind="write", target=target), tool="Write") == "deny"
    assert judge(p, Effect(kind="read", target="/home/me/auth.json"), tool="Read") == "deny"


def test_plan_mode_looks_and_does_nothing_else() -> None:
    p = policy("plan", allow=("Bash", "Edit"))

    assert judge(p, run("git status")) == "allow"
    assert judge(p, run("pytest")) == "deny"
    assert judge(p, Effect(kind="write", target="/p/a"), tool="Write") == "deny"
    assert judge(p, Effect(kind="write", target="/p/train.py"), tool="Write", staged=frozenset({"/p/train.py"})) == "deny"
    assert judge(p, Effect(kind="propose", target="x"), tool="ProposeExperiment") == "deny"
    assert judge(p, Effect(kind="read", target="/p/a"), tool="Read") == "allow"


def test_modes_for_writes() -> None:
    write = Effect(kind="write", target="/p/a.py")
    outside = Effect(kind="write", target="/q/a.py")

    assert judge(policy("default"), write, tool="Write") == "ask"
    assert judge(policy("default"), write, tool="Write", staged=frozenset({"/p/a.py"})) == "allow"
    assert judge(policy("accept-edits"), write, tool="Write") == "allow"
    assert judge(policy("auto"), outside, tool="Write") == "ask"


paths = st.sampled_from(["/p/a", "/p/.env", "/p/sub/x.py", "/etc/x", "/x"])
commands = st.sampled_from(["git push", "rm x", "ls", "pytest -q", "echo 'a b'", "timeout 5 rm x"])
effects = st.one_of(
    st.builds(Effect, kind=st.sampled_from(["read", "write"]), target=paths),
    st.builds(Effect, kind=st.just("exec"), target=commands, opaque=st.booleans()),
    st.builds(Effect, kind=st.just("net"), target=st.sampled_from(["docs.python.org", "h"])),
)
texts = st.sampled_from(["Bash", "Bash(git *)", "Bash(rm *)", "Read", "Read(.env)", "Edit", "Edit(src/**)", "WebFetch"])


@given(st.lists(effects, min_size=1, max_size=4), st.lists(texts), st.lists(texts), st.lists(texts), st.sampled_from(MODES), st.randoms())
def test_more_denies_never_allow_more_and_order_does_not_matter(
    wanted: list[Effect], allow: list[str], ask: list[str], deny: list[str], mode: PermissionMode, random: object
) -> None:
    rank = {"allow": 0, "ask": 1, "deny": 2}
    base = policy(mode, allow=tuple(allow), ask=tuple(ask))
    strict = policy(mode, allow=tuple(allow), ask=tuple(ask), deny=tuple(deny))
    shuffled = policy(mode, allow=tuple(reversed(allow)), ask=tuple(reversed(ask)), deny=tuple(reversed(deny)))

    answer = judge(strict, *wanted)
    assert rank[answer] >= rank[judge(base, *wanted)]
    assert judge(shuffled, *reversed(wanted)) == answer
    assert rank[answer] == max(rank[judge(strict, effect)] for effect in wanted)


@given(effects, st.sampled_from(MODES))
def test_a_suggested_rule_allows_what_it_was_suggested_for(effect: Effect, mode: PermissionMode) -> None:
    tool = {"exec": "Bash", "read": "Read", "write": "Write", "net": "WebFetch"}[effect.kind]
    rule = suggest_rule(tool, [effect], WORKSPACE)
    p = policy(mode)
    if rule is None or judge(p, effect, tool=tool) != "ask":
        return
    p.remember(rule)
    assert judge(p, effect, tool=tool) == "allow"


def test_mode_names_of_other_agents_are_understood() -> None:
    assert parse_mode("acceptEdits") == "accept-edits"
    with pytest.raises(ConfigError, match="no permission mode"):
        parse_mode("yolo")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("cd src", "allow"),
        ("cd /", "allow"),
        ("cd src && ls deep/x", "allow"),
        ("cd src; ls ..", "ask"),  # were there no src, it would look outside
        ("cd src/deep && ls ../..", "ask"),
        ("cd src && cat away/passwd", "ask"),
        ("cd away && cat passwd", "ask"),
        ("cd loop && cd loop && cat x", "ask"),
        ("cd src && cd deep && cat x", "ask"),
        ("cd / && cat etc/passwd", "ask"),
        ("cd .. && ls", "ask"),
        ("cd $X && ls", "ask"),
        ("cd - && ls", "ask"),
        ("pushd src && ls", "ask"),
        ("command cd /; cat etc/passwd", "ask"),
        ("(cd /; cat etc/passwd)", "ask"),
        ("cd $(rm x)", "ask"),
        ("grep cd x", "allow"),
    ],
)
def test_a_cd_needs_no_question_and_what_looks_behind_it_is_judged_from_there(tmp_path: Path, command: str, answer: str) -> None:
    root = tmp_path.resolve()
    (root / "src/deep").mkdir(parents=True)
    (root / "loop/loop").mkdir(parents=True)
    (root / "src/away").symlink_to("/etc")
    (root / "away").symlink_to("/etc")
    made = Policy.build(Permissions(allow=("Bash(cd *)", "Bash(command cd *)", "Bash(pushd *)")), Workspace(root, (root,)))
    effects = command_effects(command, root)
    assert made.judge("Bash", effects, frozenset()).answer == answer
    made.mode = "plan"
    plan = "deny" if answer == "ask" else "allow"
    assert made.judge("Bash", effects, frozenset()).answer == plan
    made.mode = "auto"
    assert made.judge("Bash", effects, frozenset()).answer == "allow"


@pytest.mark.parametrize("command", ["cd .mltui && rm journal.jsonl", "cd .git/hooks; cp x pre-commit"])
def test_no_cd_leads_into_what_belongs_to_mltui_or_git(command: str) -> None:
    assert policy("auto").judge("Bash", command_effects(command, CWD), frozenset()).answer == "deny"


def test_what_a_rule_allows_is_allowed_behind_a_cd() -> None:
    effects = command_effects("cd anywhere && cd else && pytest", CWD)
    assert policy(allow=("Bash(pytest)",)).judge("Bash", effects, frozenset()).answer == "allow"
    assert policy(allow=("Bash(pytest)",), deny=("Bash(cd *)",)).judge("Bash", effects, frozenset()).answer == "deny"
