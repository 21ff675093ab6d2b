"""The walk through the syntax tree of a shell command; the only user of tree-sitter's bash grammar.

The grammar and bash do not agree everywhere. Where the tree might hide a command (an error, white space
that bash does not know, a backquote inside a plain word), the walk gives up rather than guess.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from mltui.tools.shell_words import SHELLS, TRANSPARENT, Word, program, shell_call, unescape, unescape_quoted, unwrapped
from mltui.tools.simple_command import SimpleCommand, opaque

_PARSER = Parser(Language(tree_sitter_bash.language()))

_BLANK = re.compile(rb"(?:[ \t\n]|\\\n)*")
_HIDDEN = re.compile(r"`|\$\(|[<>]\(|\$\{")
_COMMAND_NAME = re.compile(r"[\w./+:@%~^,=\[\]-]+")
_RESERVED = frozenset([
    "if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac", "select", "function", "in", "{", "}", "[[",
    "]]", "!", "coproc",
])  # fmt: skip
_EVALUATING = frozenset({"eval", "trap", "coproc", "alias", "enable", "fc"})
_SOURCING = frozenset({"source", "."})
_NO_FILES = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/fd/1", "/dev/fd/2"})
_WRITING = frozenset({">", ">>", "&>", "&>>", ">|", ">&"})
_REDIRECTS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
_UNSPACED = frozenset(
    {"string", "translated_string", "raw_string", "ansi_c_string", "heredoc_body", "comment", "expansion", "regex", "heredoc_redirect"}
)
_BRANCHING = frozenset(
    {
        "if_statement",
        "while_statement",
        "for_statement",
        "c_style_for_statement",
        "case_statement",
        "function_definition",
        "negated_command",
    }
)
_SCOPES = frozenset({"subshell", "command_substitution", "process_substitution"})


_ASIDE = re.compile(rb"CDPATH|physical|\bset\s+[-+]\w*P")
"""What makes `cd` go elsewhere than its word says."""

_LETTERS = bytes(byte if byte < 0x80 else ord("X") for byte in range(256))
"""To bash every byte beyond ASCII is a letter; the grammar's own table of letters crashes the process at some of them."""


class _Unsplittable(Exception):
    pass


def split(command: str) -> tuple[SimpleCommand, ...] | None:
    """The simple commands of a command line, or None when it cannot be told what they are."""
    try:
        source = command.encode("utf-8")
        root = _PARSER.parse(source.translate(_LETTERS)).root_node
        if root.has_error or not _BLANK.fullmatch(source[: root.start_byte] + source[root.end_byte :]):
            return None
        walk = _Walk(source)
        walk.visit(root, straight=True)
    except (_Unsplittable, RecursionError, UnicodeEncodeError):
        return None
    return tuple(walk.found)


class _Walk:
    """Attributes: found: the commands so far, in the order of the text."""

    def __init__(self, source: bytes) -> None:
        self.found: list[SimpleCommand] = []
        self._source = source
        # Where relative paths lie, from the folder in which the line starts; None when a `cd` went who knows where.
        self._folder: str | None = ""

    def visit(self, node: Node, *, straight: bool) -> None:
        """Args: straight: the node runs exactly once, after what stands before it."""
        kind = node.type
        self._check(node)
        if kind == "command":
            self._command(node, straight)
        elif kind == "redirected_statement":
            self._redirected(node, straight)
        elif kind in {"declaration_command", "unset_command", "variable_assignment", "variable_assignments"}:
            self._assignment(node)
        elif kind in _SCOPES:
            self._scope(node)
        elif kind == "pipeline":
            for child in node.named_children:
                self._scope(child, itself=True)
        elif kind == "list":
            follows = straight
            for child in node.children:
                if child.is_named:
                    self.visit(child, straight=follows)
                else:
                    follows = straight and child.type == "&&"
        else:
            for child in node.named_children:
                self.visit(child, straight=straight and kind not in _BRANCHING)

    def _scope(self, node: Node, *, itself: bool = False) -> None:
        """What runs in a process of its own, where a `cd` stays inside."""
        folder = self._folder
        for part in [node] if itself else node.named_children:
            self.visit(part, straight=True)
        self._folder = folder

    def _command(self, node: Node, straight: bool) -> None:
        self._check_words(node)
        parts = [child for child in node.children if child.type not in _REDIRECTS]
        redirects = [child for child in node.children if child.type in _REDIRECTS]
        words = [self._word(part) for part in parts]
        writes = self._writes(redirects)
        for inner in self._described(words):
            self.found.append(inner)
        self._attach(writes, len(self.found) - 1, redirects)
        self._inside(parts)
        self._inside(redirects)
        self._change_folder(words, straight)

    def _described(self, words: Sequence[Word]) -> Iterator[SimpleCommand]:
        """The command that the words make, or those of the script that it gives to a shell."""
        start = unwrapped(words)
        core = words[start:]
        simple = SimpleCommand(
            text=" ".join(word.source for word in words),
            words=tuple(word.text for word in words),
            core=tuple(word.text for word in core),
            core_text=" ".join(word.source for word in core),
        )
        if not core:
            yield simple
            return
        name = program(core[0])
        if core[0].value is None or not _COMMAND_NAME.fullmatch(core[0].value) or name in _EVALUATING:
            yield _marked(simple)
        elif name in _RESERVED:
            raise _Unsplittable
        elif name in _SOURCING:
            yield _marked(simple) if len(core) < 2 or core[1].value is None or core[1].value.startswith("/dev/") else simple
        elif name in SHELLS:
            yield from _shell(simple, core, alone=all(program(word) in TRANSPARENT or _is_option(word) for word in words[:start]))
        else:
            yield simple
            yield from _executed(core) if name == "find" else ()

    def _redirected(self, node: Node, straight: bool) -> None:
        body = node.child_by_field_name("body")
        redirects = node.children_by_field_name("redirect")
        self._check_words(node)
        # The grammar hangs the redirect of a list's last command on the whole list.
        of_last = body is not None and body.type in {"list", "pipeline", "negated_command"}
        writes = () if of_last else self._writes(redirects)
        first = len(self.found)
        if body is not None:
            self.visit(body, straight=straight)
        if of_last:
            writes, first = self._writes(redirects), len(self.found) - 1
        if body is not None and body.type == "command" and self._lost_dash(node):
            self.found[first] = _with_dash(self.found[first])
        self._attach(writes, first, redirects)
        self._inside(redirects)

    def _lost_dash(self, node: Node) -> bool:
        """The grammar drops the word `-` in front of a heredoc (`python - <<EOF`)."""
        return any(
            right.type == "heredoc_redirect" and self._source[left.end_byte : right.start_byte].strip() == b"-"
            for left, right in itertools.pairwise(node.children)
        )

    def _attach(self, writes: tuple[str | None, ...], index: int, redirects: Sequence[Node]) -> None:
        """Gives the files of redirects to the command that they belong to, or to one of their own (`> file`)."""
        reads = tuple(self._reads(redirects))
        if index < len(self.found):
            command = self.found[index]
            text = " ".join([command.text, *(f"< {word.source}" for word in reads)])
            given = tuple(word.text for word in reads)
            self.found[index] = replace(command, text=text, writes=command.writes + writes, reads=command.reads + given)
        elif writes or reads:
            text = " ".join(self._text(redirect) for redirect in redirects)
            self.found.append(SimpleCommand(text=text, writes=writes, reads=tuple(word.text for word in reads)))

    def _reads(self, redirects: Sequence[Node]) -> Iterator[Word]:
        """The files that become the standard input, or another one."""
        for redirect in redirects:
            if redirect.type == "heredoc_redirect":
                yield from self._reads([child for child in redirect.named_children if child.type in _REDIRECTS])
            target = redirect.child_by_field_name("destination") if redirect.type == "file_redirect" else None
            if target is None or target.type == "process_substitution" or all(child.type != "<" for child in redirect.children):
                continue
            if (word := self._word(target)).value not in _NO_FILES:
                yield word

    def _writes(self, redirects: Sequence[Node]) -> tuple[str | None, ...]:
        writes: list[str | None] = []
        for redirect in redirects:
            if redirect.type == "heredoc_redirect":
                writes += self._writes([child for child in redirect.named_children if child.type in _REDIRECTS])
            if redirect.type != "file_redirect":
                continue
            targets = redirect.children_by_field_name("destination")
            if len(targets) > 1:
                # bash takes the words behind the first as arguments of the command, the grammar as further files.
                raise _Unsplittable
            operator = next((child.type for child in redirect.children if not child.is_named), "")
            if operator in _WRITING and targets:
                writes += self._target(self._word(targets[0]), operator)
        return tuple(writes)

    def _target(self, word: Word, operator: str) -> list[str | None]:
        if word.value is None or re.search(r"[*?\[{~]", word.source):
            return [None]
        if word.value in _NO_FILES or (operator == ">&" and re.fullmatch(r"\d+-?|-", word.value)):
            return []
        if posixpath.isabs(word.value):
            return [word.value]
        return [None if self._folder is None else posixpath.join(self._folder, word.value)]

    def _assignment(self, node: Node) -> None:
        parts = node.named_children if node.type != "variable_assignment" else [node]
        if node.type != "variable_assignment":
            self._check_words(node)
        words = " ".join(self._text(part) for part in parts)
        keyword = node.children[0].type if node.type in {"declaration_command", "unset_command"} else ""
        text = f"{keyword} {words}".strip()
        self.found.append(SimpleCommand(text=text, words=tuple(text.split()), core=tuple(text.split()), core_text=text))
        self._inside(parts)

    def _inside(self, nodes: Sequence[Node]) -> None:
        """The commands in substitutions below words and redirects."""
        for node in nodes:
            if node.type == "command_name" or node.type == "variable_assignment":
                self._check(node)
                self._inside(node.named_children)
            else:
                self.visit(node, straight=False)

    def _change_folder(self, words: Sequence[Word], straight: bool) -> None:
        start = unwrapped(words)
        core = words[start:]
        if not core or program(core[0]) not in {"cd", "pushd", "popd"}:
            return
        # Behind a wrapper it changes another process's folder, or this one's: who knows.
        target = core[1].value if len(core) == 2 and start == 0 and program(core[0]) == "cd" else None
        if straight and target and self._folder is not None and not re.match(r"[-~+]", target) and not _ASIDE.search(self._source):
            # bash takes `..` off the name of the folder that it thinks it is in, whatever that is a link to.
            self._folder = posixpath.normpath(posixpath.join(self._folder, target))
        else:
            self._folder = None

    def _word(self, node: Node) -> Word:
        source = self._text(node)
        return Word(source, self._value(node))

    def _value(self, node: Node) -> str | None:
        source = self._text(node)
        if node.type in {"command_name", "concatenation"}:
            values = [self._value(child) for child in node.children]
            return None if None in values else "".join(value for value in values if value is not None)
        if node.type == "raw_string":
            return source[1:-1]
        if node.type == "string":
            return unescape_quoted(source[1:-1]) if all(child.type in {'"', "string_content"} for child in node.children) else None
        if node.type in {"word", "number", "test_operator"} or not node.is_named:
            return unescape(source)
        return None

    def _check(self, node: Node) -> None:
        """Raises where the grammar read something that bash reads differently."""
        if node.type in {"raw_string", "ansi_c_string"}:
            return
        if node.type == "comment":
            self._check_comment(node)
            return
        if node.type in {"variable_assignment", "subscript"} and any(
            left.end_byte != right.start_byte or right.type == "comment" for left, right in itertools.pairwise(node.children)
        ):
            raise _Unsplittable
        if node.type == "heredoc_redirect":
            self._check_heredoc(node)
        if not node.children:
            self._check_leaf(node)
        elif (
            node.type not in _UNSPACED
            and node.type != "heredoc_redirect"
            and not (node.type == "redirected_statement" and self._lost_dash(node))
        ):
            self._check_gaps(node)

    def _check_leaf(self, node: Node) -> None:
        if node.type == "heredoc_content" or not node.is_named:
            return
        text = re.sub(r"\\.", "", self._text(node), flags=re.DOTALL)
        quoted = node.type in {"string_content", "heredoc_start", "heredoc_end", "heredoc_body", "string"}
        if node.type != "heredoc_body" and (_HIDDEN.search(text) or (not quoted and re.search(r"['\"\s;&|]", text))):
            raise _Unsplittable

    def _check_gaps(self, node: Node) -> None:
        """Between tokens there is only what bash takes for white space."""
        position = node.start_byte
        for start, end in [*((child.start_byte, child.end_byte) for child in node.children), (node.end_byte, node.end_byte)]:
            gap = self._source[position : max(start, position)]
            # A line continuation alone joins what stands around it to one word.
            if not _BLANK.fullmatch(gap) or (gap and not gap.replace(b"\\\n", b"")):
                raise _Unsplittable
            position = end

    def _check_words(self, command: Node) -> None:
        """Words have blanks between them, or they are one; a line ending ends the command."""
        for left, right in itertools.pairwise(command.children):
            gap = self._source[left.end_byte : right.start_byte].replace(b"\\\n", b"")
            if b"\n" in gap or (not gap and right.type not in _REDIRECTS) or "comment" in (left.type, right.type):
                raise _Unsplittable

    def _check_comment(self, node: Node) -> None:
        """A `#` begins a comment only where a word could begin."""
        before = self._source[node.start_byte - 1 : node.start_byte] if node.start_byte else b"\n"
        if before not in b" \t\n;&|()":
            raise _Unsplittable

    def _check_heredoc(self, node: Node) -> None:
        if node.children_by_field_name("argument"):
            raise _Unsplittable
        start = next((self._text(child) for child in node.children if child.type == "heredoc_start"), "")
        body = "".join(self._text(child) for child in node.children if child.type == "heredoc_body")
        if not re.search(r"['\"\\]", start) and _HIDDEN.search(re.sub(r"\\.", "", body, flags=re.DOTALL)):
            raise _Unsplittable

    def _text(self, node: Node) -> str:
        return self._source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _shell(simple: SimpleCommand, core: Sequence[Word], *, alone: bool) -> Iterator[SimpleCommand]:
    """The commands of `sh -c SCRIPT`; the shell itself too, where a wrapper or an option changes what they may do."""
    call = shell_call(core)
    if call.file:
        yield simple
    elif call.script is None:
        yield _marked(simple)
    else:
        if not (alone and call.plain):
            yield simple
        inner = split(call.script)
        yield from (_marked(simple),) if inner is None else inner


def _executed(core: Sequence[Word]) -> Iterator[SimpleCommand]:
    """What `find` runs by itself."""
    texts = [word.source for word in core]
    values = [word.text for word in core]
    for index, value in enumerate(values):
        if value in {"-exec", "-execdir", "-ok", "-okdir"}:
            end = next((at for at in range(index + 1, len(values)) if values[at] in {";", "+"}), len(values))
            text = " ".join(texts[index + 1 : end])
            words = tuple(values[index + 1 : end])
            if words and program(core[index + 1]) in SHELLS:
                yield opaque(text)
            elif words:
                yield SimpleCommand(text=text, words=words, core=words, core_text=text)


def _is_option(word: Word) -> bool:
    return word.value is not None and (word.value.startswith("-") or bool(re.fullmatch(r"[\d.]+[smhd]?|[A-Z]+", word.value)))


def _with_dash(simple: SimpleCommand) -> SimpleCommand:
    return replace(simple, text=f"{simple.text} -", words=(*simple.words, "-"), core=(*simple.core, "-"), core_text=f"{simple.core_text} -")


def _marked(simple: SimpleCommand) -> SimpleCommand:
    return replace(simple, opaque=True)
