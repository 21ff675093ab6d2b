"""One model and one conversation in llama.cpp: tokens in, tokens out, nothing computed twice.

The key-value cache holds the tokens of `_history`; a prompt that starts with them needs work only
for the rest. Sampled tokens are kept as they were sampled: tokenising their text again may give
other tokens.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from mltui.models.local.binding import lib, log_lines
from mltui.models.local.specials import Segment

BATCH = 512
"""Tokens of one prefill step; on a GPU, where a step cannot be broken off, also the grain of a cancel."""


class EngineError(Exception):
    """llama.cpp could not load or run the model."""


class Aborted(Exception):
    """`should_stop` said so during a computation."""


class Engine:
    """Loads a model.

    Args:
        path: the GGUF file.
        context: tokens of context.
        gpu_layers: layers on the GPU, the output counted as one.
        should_stop: asked often during a computation; True breaks it off.
        plain: weights stay as they lie in the file, which keeps off the processor's matrix units.

    Raises:
        EngineError: llama.cpp refused the file or could not get the memory.
    """

    def __init__(self, path: str, context: int, gpu_layers: int, should_stop: Callable[[], bool], *, plain: bool = False) -> None:
        lib.llama_backend_init()
        model_params = lib.llama_model_default_params()
        model_params.n_gpu_layers = gpu_layers
        model_params.use_extra_bufts = not plain
        none = (ctypes.c_void_p * 1)(None)
        if not gpu_layers:
            # Otherwise llama.cpp computes long prompts on the GPU all the same, and fails where its memory is taken.
            model_params.devices = ctypes.addressof(none)
        self._model: Any = lib.llama_model_load_from_file(path.encode(), model_params)
        if not self._model:
            raise EngineError(_reason("llama.cpp cannot load the model"))
        if not lib.llama_model_has_decoder(self._model) or lib.llama_model_has_encoder(self._model):
            raise EngineError("the model does not generate text one token after another")
        context_params = lib.llama_context_default_params()
        context_params.n_ctx = context
        context_params.n_batch = context_params.n_ubatch = BATCH
        context_params.n_seq_max = 1
        context_params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_AUTO
        context_params.no_perf = True
        context_params.offload_kqv = context_params.op_offload = bool(gpu_layers)
        self.context: Any = lib.llama_init_from_model(self._model, context_params)
        if not self.context:
            raise EngineError(_reason(f"llama.cpp cannot make a context of {context:,} tokens"))
        self.vocab: Any = lib.llama_model_get_vocab(self._model)
        self.vocab_size: int = lib.llama_vocab_n_tokens(self.vocab)
        self.context_size: int = lib.llama_n_ctx(self.context)
        self._memory: Any = lib.llama_get_memory(self.context)
        self._history: list[int] = []
        self._pieces: dict[int, bytes] = {}
        # Kept alive for as long as the context may call it.
        self._abort = lib.ggml_abort_callback(lambda data: should_stop())  # pyright: ignore[reportUnknownLambdaType]
        lib.llama_set_abort_callback(self.context, self._abort, ctypes.c_void_p(0))

    @property
    def cached_tokens(self) -> int:
        return len(self._history)

    def set_threads(self, count: int) -> None:
        lib.llama_set_n_threads(self.context, count, count)

    def special_text(self, which: str) -> str:
        """The text of `bos`, `eos` or `eot`, or nothing if the vocabulary has none."""
        token: int = getattr(lib, f"llama_vocab_{which}")(self.vocab)
        return self.piece(token).decode("utf-8", errors="replace") if token >= 0 else ""

    def control_texts(self) -> list[str]:
        """The texts of all control tokens."""
        control = lib.llama_vocab_is_control
        tokens = [token for token in range(self.vocab_size) if control(self.vocab, token)]
        return [self.piece(token).decode("utf-8", errors="replace") for token in tokens]

    def is_end(self, token: int) -> bool:
        return bool(lib.llama_vocab_is_eog(self.vocab, token))

    def is_control(self, token: int) -> bool:
        return bool(lib.llama_vocab_is_control(self.vocab, token))

    def piece(self, token: int) -> bytes:
        """The bytes of a token, of whatever length, control tokens as their text."""
        known = self._pieces.get(token)
        if known is None:
            buffer = ctypes.create_string_buffer(64)
            length: int = lib.llama_token_to_piece(self.vocab, token, buffer, 64, 0, True)
            if length < 0:
                buffer = ctypes.create_string_buffer(-length)
                length = lib.llama_token_to_piece(self.vocab, token, buffer, -length, 0, True)
            known = self._pieces[token] = buffer.raw[: max(length, 0)]
        return known

    def tokenize(self, text: str, *, special: bool, start: bool = False) -> list[int]:
        """The tokens of a text. `start` adds what the model wants at the start of every prompt."""
        data = text.encode("utf-8", errors="replace")
        room = len(data) + 8
        tokens = (ctypes.c_int32 * room)()
        count: int = lib.llama_tokenize(self.vocab, data, len(data), tokens, room, start, special)
        if count < 0:
            raise EngineError(f"llama.cpp cannot tokenise a text of {len(data):,} bytes")
        return tokens[:count]

    def prompt_tokens(self, segments: Sequence[Segment]) -> list[int]:
        """The tokens of a prompt: those of the history as far as the text goes along with it, then new ones."""
        whole = self._tokenize_all(segments, start=True)
        same = _common(self._history, whole)
        spoken = self._spoken(segments)
        if spoken is None or spoken <= same:
            return whole
        rest = _after(segments, sum(len(self.piece(token)) for token in self._history[:spoken]))
        return self._history[:spoken] + self._tokenize_all(rest, start=False)

    def _tokenize_all(self, segments: Sequence[Segment], *, start: bool) -> list[int]:
        bos = self.special_text("bos")
        tokens: list[int] = []
        for index, segment in enumerate(segments):
            first = start and index == 0 and not (bos and segment.text.startswith(bos))
            tokens += self.tokenize(segment.text, special=not segment.literal, start=first)
        return tokens

    def _spoken(self, segments: Sequence[Segment]) -> int | None:
        """How many tokens of the history have the prompt's text, up to a border at which tokenising may start anew."""
        text = "".join(segment.text for segment in segments).encode("utf-8", errors="replace")
        literal = _literal_ranges(segments)
        offset, border = 0, None
        for index, token in enumerate(self._history):
            piece = self.piece(token)
            if not text.startswith(piece, offset):
                return border
            control = self.is_control(token)
            if control and any(first <= offset < last for first, last in literal):
                return border
            offset += len(piece)
            if control or index == len(self._history) - 1:
                border = index + 1
        return border

    def prefill(self, tokens: Sequence[int]) -> int:
        """Brings the cache to exactly these tokens, with the last one's logits ready.

        Returns:
            How many of them were still in the cache.

        Raises:
            Aborted: broken off; the cache keeps what was done.
            EngineError: llama.cpp failed.
        """
        # The last token is computed again even if it is known: its logits are not kept.
        reused = min(_common(self._history, tokens), len(tokens) - 1)
        if reused < len(self._history):
            if not lib.llama_memory_seq_rm(self._memory, 0, reused, -1):
                # Recurrent models cannot forget a part.
                lib.llama_memory_clear(self._memory, True)
                reused = 0
            self._history = list(tokens[:reused])
        for start in range(reused, len(tokens), BATCH):
            self._decode(tokens[start : start + BATCH])
        return reused

    def advance(self, token: int) -> None:
        """Adds one sampled token. Raises: Aborted, EngineError."""
        self._decode([token])

    def _decode(self, tokens: Sequence[int]) -> None:
        array = (ctypes.c_int32 * len(tokens))(*tokens)
        status: int = lib.llama_decode(self.context, lib.llama_batch_get_one(array, len(tokens)))
        if status == 0:
            self._history += tokens
            return
        # A broken-off step may have left some of its tokens.
        if not lib.llama_memory_seq_rm(self._memory, 0, len(self._history), -1):
            lib.llama_memory_clear(self._memory, True)
            self._history = []
        if status == 2:
            raise Aborted
        raise EngineError(_reason(f"llama.cpp failed with code {status}"))


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """The length of the common start."""
    shorter = min(len(first), len(second))
    return next((index for index in range(shorter) if first[index] != second[index]), shorter)


def _literal_ranges(segments: Sequence[Segment]) -> list[tuple[int, int]]:
    """The byte ranges of the segments whose text is no control token."""
    ranges: list[tuple[int, int]] = []
    offset = 0
    for segment in segments:
        length = len(segment.text.encode("utf-8", errors="replace"))
        if segment.literal:
            ranges.append((offset, offset + length))
        offset += length
    return ranges


def _after(segments: Sequence[Segment], offset: int) -> list[Segment]:
    """The segments from a byte offset on."""
    rest: list[Segment] = []
    for segment in segments:
        data = segment.text.encode("utf-8", errors="replace")
        if offset < len(data):
            rest.append(Segment(data[offset:].decode("utf-8", errors="replace"), segment.literal))
        offset = max(0, offset - len(data))
    return rest


def _reason(what: str) -> str:
    """What happened, with llama.cpp's own last words."""
    lines = [line for line in log_lines() if "error" in line.lower() or "fail" in line.lower()]
    return f"{what} ({lines[-1].strip()})" if lines else what
