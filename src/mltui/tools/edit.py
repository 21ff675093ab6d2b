"""Edit: replacements in a file, all of them or none."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field, model_validator

from mltui.core.effects import Effect
from mltui.core.errors import InvalidArgumentsError, ToolError
from mltui.core.messages import ToolResult
from mltui.tools.arguments import LaxArgs
from mltui.tools.base import ToolContext, Workspace
from mltui.tools.changes import check_seen, report
from mltui.tools.paths import resolve
from mltui.tools.text_codec import TextFile, decode, is_binary
from mltui.tools.tolerant_edit import change


class OneEdit(LaxArgs):
    old_string: str = Field(description="The exact text to replace, unique in what the edits before it left")
    new_string: str = Field(description="The text to put in its place")
    replace_all: bool = Field(default=False, description="Replace every occurrence")


class EditArgs(LaxArgs):
    file_path: str = Field(description="The file: absolute, or relative to the working folder")
    old_string: str = Field(default="", description="The exact text to replace, unique in the file; empty to create a file")
    new_string: str = Field(default="", description="The text to put in its place")
    replace_all: bool = Field(default=False, description="Replace every occurrence")
    edits: tuple[OneEdit, ...] = Field(
        default=(), description="In place of old_string and new_string: several replacements, made in order, all or none"
    )

    @model_validator(mode="after")
    def _one_or_several(self) -> EditArgs:
        if self.edits:
            if self.old_string or self.new_string:
                raise InvalidArgumentsError("Edit: give either old_string and new_string, or edits, not both")
            return self
        for name in ("old_string", "new_string"):
            if name not in self.model_fields_set:
                raise InvalidArgumentsError(f"Edit: the argument {name!r} is missing")
        return self

    @property
    def steps(self) -> tuple[OneEdit, ...]:
        """The replacements in their order, at least one."""
        return self.edits or (OneEdit(old_string=self.old_string, new_string=self.new_string, replace_all=self.replace_all),)

    @property
    def creates(self) -> bool:
        """Whether the file is not to be there yet."""
        return not self.steps[0].old_string


class Edit:
    name = "Edit"
    args_model = EditArgs

    def effects(self, args: EditArgs, workspace: Workspace) -> tuple[Effect, ...]:
        path = str(resolve(workspace, args.file_path))
        return Effect(kind="read", target=path), Effect(kind="write", target=path)

    async def run(self, args: EditArgs, ctx: ToolContext) -> ToolResult:
        path = resolve(ctx.workspace, args.file_path)
        shown = ctx.workspace.relative(path)
        missing = args.creates and not await ctx.files.exists(path)
        before = None if missing else await ctx.files.read(path)
        if before is not None and not args.creates:
            check_seen(shown, ctx.files.seen(path), ctx.files.digest(before))
        after = outcome_of(args, shown, before)
        outcome = await ctx.files.write(path, after.data)
        ctx.files.see(path, after.data)
        result = report(ctx, path, before, after.data, outcome)
        if not after.notes:
            return result
        details = {**result.details, "tolerated": list(after.notes)}
        return result.model_copy(update={"content": "\n".join([result.content, *after.notes]), "details": details})


@dataclass(frozen=True, slots=True)
class Edited:
    """Attributes: notes: what was tolerated, a line for each edit that was not found exactly."""

    data: bytes
    notes: tuple[str, ...] = ()


def edited(args: EditArgs, shown: str, before: bytes | None) -> bytes:
    """The bytes of `outcome_of`. Raises: ToolError: the edit does not fit the file."""
    return outcome_of(args, shown, before).data


def outcome_of(args: EditArgs, shown: str, before: bytes | None) -> Edited:
    """The file's bytes after all edits; what they do not name is unchanged to the byte.

    Args:
        shown: the path as it is shown.
        before: None where there is no file.

    Raises: ToolError: an edit does not fit the file, and so none is made.
    """
    steps = args.steps
    if before is None and not args.creates:
        raise ToolError(f"{shown} does not exist", hint="Leave old_string empty to create it")
    if before is not None and args.creates:
        raise ToolError(f"{shown} exists already", hint="Read it and name the text to replace, or use Write to replace all of it")
    if before is not None and is_binary(before):
        raise ToolError(f"{shown} is a binary file, which Edit cannot change")
    file = TextFile("") if before is None else decode(before)
    text, notes, first = file.text, list[str](), 0
    if before is None:
        text, first = steps[0].new_string, 1
        if not text and not args.edits:
            raise ToolError("old_string and new_string are the same, so there is nothing to change")
    for number, step in enumerate(steps[first:], first + 1):
        which = f"edit {number} of {len(steps)}: " if args.edits else ""
        try:
            if not step.old_string:
                raise ToolError("old_string is empty, which only the first edit of a new file may have")
            changed = change(text, step.old_string, step.new_string, every=step.replace_all, newline=file.newline)
        except ToolError as error:
            nothing = "\nNone of the edits was made." if args.edits else ""
            raise ToolError(f"{shown}: {which}{error.args[0]}{nothing}", hint=error.hint) from None
        text = changed.text
        notes += [f"Note: {which}{changed.note}."] if changed.note else []
    try:
        return Edited(file.encode(text), tuple(notes))
    except ToolError as error:
        raise ToolError(f"{shown}: {error.args[0]}", hint=error.hint) from None
