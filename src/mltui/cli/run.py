"""`mltui [PATH]`, `mltui --plain`, `mltui --headless`: flags to options, and the choice of the front-end."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from pathlib import Path
from typing import Any, cast

import click

from mltui.core.errors import UsageError

MODES = ("plan", "default", "accept-edits", "auto", "acceptEdits")


@click.command(name="run", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1, metavar="[PATH | PROMPT]")
@click.option(
    "--headless",
    "-p",
    "--print",
    "headless",
    is_flag=True,
    help="One task without a terminal; the argument is the prompt, `-` reads stdin.",
)
@click.option("--plain", is_flag=True, help="Line-mode conversation: dumb terminals, screen readers, slow links.")
@click.option("--low-bandwidth", is_flag=True, help="Write little to the terminal: for links that are slow.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal, which selects text by itself; F12 changes it.")
@click.option("--model", metavar="NAME", help="sonnet, opus, haiku, local, a LiteLLM id, or a path to a GGUF file.")
@click.option("--architect-model", "architect", metavar="NAME", help="The model for questions of architecture and plan mode.")
@click.option("--fallback-model", "fallback", multiple=True, metavar="NAME", help="Goes on with the turn when the model stays away.")
@click.option("--effort", type=click.Choice(["low", "medium", "high"]), help="How hard models that reason should do so.")
@click.option("--persona", metavar="NAME", help="Who the agent is; see `mltui personas list`.")
@click.option("--permission-mode", "mode", type=click.Choice(MODES), help="What runs without asking. No mode passes the experiment gate.")
@click.option("-c", "--continue", "continue_latest", is_flag=True, help="Go on with the latest session of this folder.")
@click.option("-r", "--resume", metavar="[ID]", is_flag=False, flag_value="", help="Go on with a session; without ID you pick one.")
@click.option("--fork-session", "fork", is_flag=True, help="With --resume or --continue: go on in a copy.")
@click.option("--session-id", metavar="UUID", help="Id of the new session.")
@click.option("-C", "--cd", "cwd", type=click.Path(file_okay=False, path_type=Path), help="Work in this folder.")
@click.option(
    "--add-dir",
    "add_dirs",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A further folder to work in.",
)
@click.option(
    "--allowed-tools",
    "--allowedTools",
    "allowed",
    multiple=True,
    metavar="RULES",
    help="Rules that run without asking: `Bash(git *),Edit`.",
)
@click.option(
    "--disallowed-tools",
    "--disallowedTools",
    "disallowed",
    multiple=True,
    metavar="RULES",
    help="Rules that are denied; a bare name takes the tool away.",
)
@click.option("--mcp-config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A further file of MCP servers.")
@click.option("--trust", is_flag=True, help="Trust this folder from now on: its instructions and settings are obeyed.")
@click.option("--output-format", type=click.Choice(["text", "json", "stream-json"]), default="text", help="Headless: what stdout gets.")
@click.option(
    "--input-format",
    type=click.Choice(["text", "stream-json"]),
    default="text",
    help="Headless: stream-json takes several turns from stdin.",
)
@click.option("--include-partial-messages", "partial", is_flag=True, help="Headless: stream-json with deltas.")
@click.option(
    "-o",
    "--output-last-message",
    "last_message",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Headless: write the answer here too.",
)
@click.option("--json-schema", "schema", metavar="FILE|JSON", help="Headless: the answer must be JSON of this schema.")
@click.option("--prompt-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Headless: read the prompt from a file.")
@click.option(
    "--image",
    "images",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Headless: a picture that belongs to the prompt; may be given several times.",
)
@click.option("--max-turns", type=click.IntRange(min=1), help="Requests to the model at most.")
@click.option("--max-budget-usd", type=click.FloatRange(min=0, min_open=True), help="Dollars at most.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Tokens at most, of prompts and answers.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Headless: end after this time.")
@click.option("--approval-policy", metavar="deny|defer|FILE", help="Headless: what becomes of proposals; absent: as configured.")
@click.option("--denied-ok", is_flag=True, help="Headless: a denied tool call does not end with 3.")
@click.option("--no-session-persistence", "no_persist", is_flag=True, help="Keep no session file.")
@click.option("--verbose", is_flag=True, hidden=True)
def run(**flags: Any) -> int:
    """Work with the agent."""
    if flags["fork"] and flags["resume"] is None and not flags["continue_latest"]:
        raise UsageError("--fork-session copies a session, and none is named", hint="Add --resume ID or --continue")
    if flags["session_id"] and not flags["fork"] and (flags["resume"] is not None or flags["continue_latest"]):
        raise UsageError("--session-id names a new session, and this goes on with an old one", hint="Add --fork-session, or leave one out")
    if flags["headless"]:
        return _headless(flags)
    return _plain(flags) if flags["plain"] else _tui(flags)


def _folder(flags: dict[str, Any], path: str | None) -> Path:
    folder = cast("Path", flags["cwd"] or Path(path or "."))
    if flags["cwd"] and not folder.is_dir():
        raise UsageError(f"There is no folder {folder}", hint="Name one that exists with --cd")
    if not folder.is_dir():
        known = "it is neither a folder nor a command"
        raise UsageError(f"{folder}: {known}", hint="Try `mltui --help`; to give a prompt use `mltui --headless 'what to do'`")
    return folder


def _options(flags: dict[str, Any], folder: Path, policy: Path | None = None, other: str | None = None) -> Any:
    """What the flags ask for; `other` is a session to open instead of the one that they name."""
    from mltui.runtime import Options

    return Options(
        cwd=folder,
        model=flags["model"],
        persona=flags["persona"],
        mode=flags["mode"],
        resume=other or flags["resume"] or None,
        continue_latest=flags["continue_latest"] and not other,
        fork=flags["fork"],
        session_id=None if other else flags["session_id"],
        add_dirs=flags["add_dirs"],
        allowed_tools=split_rules(flags["allowed"]),
        disallowed_tools=split_rules(flags["disallowed"]),
        policy=policy,
        in_advance=flags["approval_policy"] not in ("deny", "defer"),
        trust=flags["trust"],
        mcp_config=flags["mcp_config"],
        persist=not flags["no_persist"],
        overrides=_overrides(flags),
    )


def _overrides(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags that stand for settings; None where a flag was not given."""
    limits = {f"limits.{name}": flags[name] for name in ("max_turns", "max_budget_usd", "max_tokens")}
    models = {"model.architect": flags["architect"], "model.fallback": flags["fallback"] or None, "model.effort": flags["effort"]}
    return limits | models


def split_rules(values: tuple[str, ...]) -> tuple[str, ...]:
    """`Bash(git *),Edit Read` as single rules; commas and blanks inside parentheses belong to a rule."""
    rules: list[str] = []
    for value in values:
        depth, word = 0, ""
        for char in value + " ":
            depth += (char == "(") - (char == ")")
            if char in ", " and depth <= 0:
                if word:
                    rules.append(word)
                word, depth = "", 0
            else:
                word += char
        rules += [word.strip()] if word.strip() else []  # a parenthesis that is not closed: whoever reads it as a rule says so
    return tuple(rules)


def _headless(flags: dict[str, Any]) -> int:
    from mltui.ui.headless.approver import HeadlessApprover
    from mltui.ui.headless.run import HeadlessOptions, run_headless

    if flags["resume"] == "":
        raise UsageError("Say which session: --resume ID", hint="mltui sessions list")
    named = flags["approval_policy"]
    approver = HeadlessApprover("deny" if named == "deny" else "defer")
    policy = None if named in (None, "deny", "defer") else Path(named)
    options = HeadlessOptions(
        prompt=_prompt(flags),
        output=flags["output_format"],
        input=flags["input_format"],
        partial=flags["partial"],
        last_message=flags["last_message"],
        schema=flags["schema"],
        timeout=flags["timeout"],
        denied_ok=flags["denied_ok"],
        images=_images(flags["images"]),
    )

    return run_headless(_opener(flags, _folder(flags, None), policy), approver, options)


def _images(files: tuple[Path, ...]) -> Any:
    if not files:
        return ()
    from mltui.core.pictures import picture

    return tuple(picture(file.read_bytes(), str(file)) for file in files)


def _prompt(flags: dict[str, Any]) -> str:
    """The prompt of the arguments or the file, with what was piped in appended as a `<stdin>` block."""
    words = list(cast("tuple[str, ...]", flags["words"]))
    if flags["prompt_file"]:
        words = [Path(flags["prompt_file"]).read_text(encoding="utf-8", errors="replace")]
    takes_stdin = flags["input_format"] == "text" and not sys.stdin.isatty()
    if words == ["-"]:
        words = [sys.stdin.read()]
    elif takes_stdin and (words or not (flags["resume"] or flags["continue_latest"])):
        piped = _piped()
        if piped.strip():
            words = [" ".join(words), f"\n\n<stdin>\n{piped}\n</stdin>"] if words else [piped]
            return "".join(words)
    prompt = " ".join(words).strip()
    if not prompt and flags["input_format"] == "text" and not (flags["resume"] or flags["continue_latest"]):
        raise UsageError("There is no prompt", hint="mltui --headless 'what to do', or pipe it in")
    return prompt


def _piped() -> str:
    """What was piped in. A stdin that is no pipe or file (a socket of a supervisor, say) is not waited for."""
    import stat

    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return ""
    return sys.stdin.read() if stat.S_ISFIFO(mode) or stat.S_ISREG(mode) else ""


def _words_as_path(flags: dict[str, Any]) -> str | None:
    words = cast("tuple[str, ...]", flags["words"])
    if len(words) > 1:
        raise UsageError("One folder at most", hint="To give a prompt use `mltui --headless 'what to do'`")
    return words[0] if words else None


def _opener(flags: dict[str, Any], folder: Path, policy: Path | None = None) -> Any:
    """Opens the session for a front-end, which gives its approver."""

    opened = False

    async def open_session(approver: Any, other: str | None = None) -> Any:
        nonlocal opened
        runtime = await asyncio.to_thread(importlib.import_module, "mltui.runtime")
        # What is gone to later is meant as it is: only the first one is copied.
        session = await runtime.open_session(_options(flags | {"fork": flags["fork"] and not opened}, folder, policy, other), approver)
        opened = True
        return session

    return open_session


def _pick_from(flags: dict[str, Any], folder: Path) -> Path | None:
    """The folder of sessions to pick from, where `--resume` names none."""
    if flags["resume"] != "":
        return None
    from mltui.config import paths

    return paths.sessions_dir(paths.project_root(folder), os.environ)


def _plain(flags: dict[str, Any]) -> int:
    from mltui.ui.plain.run import run_plain

    folder = _folder(flags, _words_as_path(flags))
    return asyncio.run(run_plain(_opener(flags, folder), pick_from=_pick_from(flags, folder)))


def _tui(flags: dict[str, Any]) -> int:
    folder = _folder(flags, _words_as_path(flags))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("There is no terminal", hint="Use `mltui --headless 'what to do'` in scripts, or `mltui --plain`")
    if os.environ.get("TERM") in ("dumb", "unknown"):
        click.echo("This terminal (TERM=dumb) cannot show the app, so mltui goes on line by line, as with --plain.", err=True)
        return _plain(flags)
    from mltui.ui.tui.app import run_tui

    low = "on" if flags["low_bandwidth"] else None
    return run_tui(_opener(flags, folder), pick_from=_pick_from(flags, folder), low_bandwidth=low, mouse=not flags["no_mouse"])
