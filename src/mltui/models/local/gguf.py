"""Looks into a GGUF file before llama.cpp does: what it is, whether it is whole, what it will need.

A model file comes from the network, so nothing in it is trusted: every count and length is bounded
before it is used, and whatever is wrong ends in a `ConfigError` with one line that says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mltui.core.errors import ConfigError
from mltui.models.local.gguf_reader import GGUFReader, Malformed, Tensor, Value

DEMO_PARAMETERS = 1_000_000_000
"""Below this many weights a model can show how mltui works, but not reason."""

_NOT_TEXT = {"clip", "bert", "nomic-bert", "jina-bert-v2", "modern-bert", "t5encoder", "wavtokenizer-dec"}
_BATCH = 512
_IN_WORK = 12
"""Vectors of a model's width that a layer has in work for each token."""
_MOST_LAYERS = 4096
_CACHE_BYTES = 2
"""Bytes of one number in the key-value cache (f16)."""


@dataclass(frozen=True)
class GGUFInfo:
    """What a GGUF file says of itself.

    Attributes:
        parameters: the number of weights.
        tensor_bytes: what the weights take in memory.
        block_bytes: of those, what each layer takes, from the first on.
        output_bytes: of those, what turns the last layer's output into logits.
        shared_bytes: of those, what is the token embedding too, and is then both on the host and on the GPU.
        context_length: tokens of context that the model was trained with, or None if it does not say.
        metadata: every key, long arrays left out.
    """

    path: Path
    version: int
    architecture: str
    name: str
    parameters: int
    tensor_count: int
    tensor_bytes: int
    block_bytes: tuple[int, ...]
    output_bytes: int
    shared_bytes: int
    context_length: int | None
    chat_template: str | None
    metadata: Mapping[str, Value]

    @property
    def is_demo(self) -> bool:
        """Whether the model is too small to reason."""
        return self.parameters < DEMO_PARAMETERS or "smollm2 135m" in self.name.lower()

    @property
    def layers(self) -> int:
        """The number of its layers, without the output."""
        return len(self.block_bytes)

    @cached_property
    def cache_bytes_per_token(self) -> int:
        """Bytes of key-value cache for one token: the sum over the layers of KV heads times key and value lengths, in f16."""
        return sum(self._cache_by_layer)

    @cached_property
    def _cache_by_layer(self) -> tuple[int, ...]:
        heads = max(1, self._number("attention.head_count") or 1)
        width = self._number("embedding_length") or 0
        key = self._number("attention.key_length") or width // heads
        value = self._number("attention.value_length") or width // heads
        per_layer = self.metadata.get(f"{self.architecture}.attention.head_count_kv", heads)
        if isinstance(per_layer, tuple):
            counts = [count if isinstance(count, int) else 0 for count in per_layer]
            kv_heads = [*counts, *[max(counts, default=0)] * self.layers][: self.layers]
        else:
            kv_heads = [per_layer if isinstance(per_layer, int) else heads] * self.layers
        return tuple(count * (key + value) * _CACHE_BYTES for count in kv_heads)

    @cached_property
    def compute_bytes(self) -> int:
        """The compute buffer for batches of 512 tokens: logits, and what a layer has in work. An upper estimate."""
        vocabulary = self._number("vocab_size") or self._array_length("tokenizer.ggml.tokens")
        return _BATCH * 4 * (vocabulary + _IN_WORK * (self._number("embedding_length") or 0))

    def host_bytes(self, context: int, gpu_layers: int = 0) -> int:
        """What the host holds with this context and so many layers (llama.cpp's count) on a GPU. An upper estimate."""
        stay = max(0, self.layers - max(0, gpu_layers - 1))
        away = sum(self.block_bytes[stay:]) + (self.output_bytes - self.shared_bytes if gpu_layers else 0)
        return self.tensor_bytes - away + context * sum(self._cache_by_layer[:stay]) + self.compute_bytes

    def gpu_bytes(self, context: int, gpu_layers: int) -> int:
        """What the GPU holds with this context and so many layers, of which the output is the first. An upper estimate."""
        stay = max(0, self.layers - max(0, gpu_layers - 1))
        return sum(self.block_bytes[stay:]) + self.output_bytes + context * sum(self._cache_by_layer[stay:]) + self.compute_bytes

    def _number(self, key: str) -> int | None:
        value = self.metadata.get(f"{self.architecture}.{key}")
        return value if isinstance(value, int) and 0 <= value < 2**40 else None

    def _array_length(self, key: str) -> int:
        value = self.metadata.get(f"#{key}")
        return value if isinstance(value, int) else 0


def inspect(path: Path) -> GGUFInfo:
    """Reads the head of a GGUF file and checks that the rest is there.

    Raises:
        ConfigError: it is missing, not a GGUF file, malformed, cut off, or not a text model.
    """
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder, not a GGUF file", hint="Name the .gguf file in it")
        with path.open("rb") as file:
            size = path.stat().st_size
            reader = GGUFReader(file, size)
            version, metadata, tensors, data_start = reader.read()
    except Malformed as error:
        raise ConfigError(f"{path} cannot be used as a GGUF model: {error}", hint=error.hint) from None
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}", hint="Check the path of the GGUF model") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"{path} cannot be read: {reason}", hint="Check the path and its permissions") from None
    info = _info(path, version, metadata, tensors)
    _check_whole(path, size, data_start, tensors)
    _check_split(path, metadata)
    if info.architecture in _NOT_TEXT or "tokenizer.ggml.model" not in metadata:
        what = f"its architecture is {info.architecture}" if info.architecture in _NOT_TEXT else "it has no tokenizer"
        raise ConfigError(f"{path} is not a text model: {what}", hint="Choose the GGUF file of a chat model")
    return info


def _info(path: Path, version: int, metadata: dict[str, Value], tensors: list[Tensor]) -> GGUFInfo:
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str) or not re.fullmatch(r"[a-z0-9_.-]{1,64}", architecture):
        raise ConfigError(f"{path} cannot be used as a GGUF model: it does not name its architecture", hint="Convert it again")
    name = metadata.get("general.name")
    context = metadata.get(f"{architecture}.context_length")
    template = metadata.get("tokenizer.chat_template")
    blocks, output, shared = _places(tensors, metadata.get(f"{architecture}.block_count"))
    return GGUFInfo(
        path=path,
        version=version,
        architecture=architecture,
        name=name if isinstance(name, str) and name.strip() else path.stem,
        parameters=sum(tensor.elements for tensor in tensors),
        tensor_count=len(tensors),
        tensor_bytes=sum(tensor.bytes for tensor in tensors),
        block_bytes=blocks,
        output_bytes=output,
        shared_bytes=shared,
        context_length=context if isinstance(context, int) and 0 < context < 2**31 else None,
        chat_template=template if isinstance(template, str) and template.strip() else None,
        metadata=metadata,
    )


def _places(tensors: list[Tensor], count: object) -> tuple[tuple[int, ...], int, int]:
    """Returns: bytes of each layer, of the output, and of what the output shares with the token embedding."""
    layers = [0] * (min(count, _MOST_LAYERS) if isinstance(count, int) and count > 0 else 0)
    output = embedding = 0
    for tensor in tensors:
        block = re.match(r"blk\.(\d{1,5})\.", tensor.name)
        if block and int(block[1]) < len(layers):
            layers[int(block[1])] += tensor.bytes
        elif tensor.name.startswith("output"):
            output += tensor.bytes
        elif tensor.name == "token_embd.weight":
            embedding = tensor.bytes
    shared = 0 if any(tensor.name == "output.weight" for tensor in tensors) else embedding
    return tuple(layers), output + shared, shared


def _check_whole(path: Path, size: int, data_start: int, tensors: list[Tensor]) -> None:
    needed = max((data_start + tensor.offset + tensor.bytes for tensor in tensors), default=data_start)
    if size < needed:
        raise ConfigError(f"{path} is cut off: it has {size:,} of {needed:,} bytes", hint="Download it again")


def _check_split(path: Path, metadata: dict[str, Value]) -> None:
    """A model in several files is opened by its first, and needs the others beside it."""
    count, number = metadata.get("split.count"), metadata.get("split.no")
    if not isinstance(count, int) or count <= 1:
        return
    match = re.fullmatch(r"(.+)-(\d{5})-of-(\d{5})\.gguf", path.name)
    if count > 99_999 or not match or int(match[3]) != count:
        raise ConfigError(f"{path} is part of {count} files, but is not named like one", hint="Keep the names NAME-00001-of-0000N.gguf")
    if number != 0:
        raise ConfigError(f"{path} is not the first of its {count} files", hint=f"Name {match[1]}-00001-of-{match[3]}.gguf")
    for index in range(2, count + 1):
        part = path.with_name(f"{match[1]}-{index:05d}-of-{match[3]}.gguf")
        if not part.is_file():
            raise ConfigError(f"{path} needs {part.name} beside it", hint="Download all the parts")
