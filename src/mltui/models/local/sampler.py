"""Chooses the next token: llama.cpp's C samplers, and a grammar that is asked only about the chosen token.

To put a grammar over the whole vocabulary costs milliseconds a token, to ask it about one token
next to nothing; so a token is sampled first, and only if the grammar refuses it, sampled again
among those that the grammar admits.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

from mltui.models.local.binding import lib
from mltui.models.local.engine import Engine

TOP_K, TOP_P, MIN_P = 40, 0.95, 0.05


class GrammarError(Exception):
    """llama.cpp does not take the grammar."""


class Sampler:
    """Samples for one generation. At temperature 0 it takes the likeliest token."""

    def __init__(self, engine: Engine, temperature: float, seed: int) -> None:
        self._engine = engine
        self._temperature = temperature
        self._seed = seed
        self._free: Any = self._chain()
        self._constrained: Any = None
        self._grammar: Any = None
        self._closers = [token for text in ('"', "}", "]") for token in engine.tokenize(text, special=False)[-1:]]

    @property
    def constrained(self) -> bool:
        return self._grammar is not None

    def constrain(self, grammar: str) -> None:
        """From here on, what is sampled follows the grammar (GBNF, rule `root`). Raises: GrammarError."""
        self.release()
        sampler = lib.llama_sampler_init_grammar(self._engine.vocab, grammar.encode(), b"root")
        if not sampler:
            raise GrammarError("llama.cpp does not take the grammar")
        self._grammar = sampler
        self._constrained = self._chain(sampler)

    def release(self) -> None:
        """Ends the constraint."""
        if self._constrained is not None:
            lib.llama_sampler_free(self._constrained)
        self._constrained = self._grammar = None

    def admits(self, token: int) -> bool:
        """Whether the grammar, if there is one, lets this token come next."""
        if self._grammar is None:
            return True
        data = (lib.llama_token_data * 1)(lib.llama_token_data(token, 0.0, 0.0))
        candidates = lib.llama_token_data_array(data, 1, -1, False)
        lib.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
        return not math.isinf(data[0].logit)

    def accept(self, token: int) -> bool:
        """Tells the grammar of a token that is already written; False if it is against it, which changes nothing."""
        if not self.admits(token):
            return False
        if self._grammar is not None:
            lib.llama_sampler_accept(self._grammar, token)
        return True

    def sample(self, *, closing: bool = False) -> int:
        """The next token. With `closing`, the shortest way to the end of the JSON that the grammar admits."""
        if closing:
            for token in self._closers:
                if self.accept(token):
                    return token
        token: int = lib.llama_sampler_sample(self._free, self._engine.context, -1)
        if self.accept(token):
            return token
        return lib.llama_sampler_sample(self._constrained, self._engine.context, -1)

    def close(self) -> None:
        self.release()
        if self._free is not None:
            lib.llama_sampler_free(self._free)
            self._free = None

    def _chain(self, grammar: Any = None) -> Any:
        chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        if grammar is not None:
            lib.llama_sampler_chain_add(chain, grammar)
        if self._temperature <= 0:
            lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_greedy())
            return chain
        for sampler in (
            lib.llama_sampler_init_top_k(TOP_K),
            lib.llama_sampler_init_top_p(TOP_P, 1),
            lib.llama_sampler_init_min_p(MIN_P, 1),
            lib.llama_sampler_init_temp(self._temperature),
            lib.llama_sampler_init_dist(self._seed),
        ):
            lib.llama_sampler_chain_add(chain, sampler)
        return chain
