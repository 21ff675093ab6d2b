"""Builds small GGUF files, right and wrong ones."""

from __future__ import annotations

import struct

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64 = 4, 5, 6, 7, 8, 9, 10


def text(value: str | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def string_array(items: list[str]) -> bytes:
    return struct.pack("<IQ", STRING, len(items)) + b"".join(text(item) for item in items)


def entry(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def entries(**changes: bytes | None) -> list[bytes]:
    """The metadata of a tiny text model; `changes` replace or (None) remove entries by the last word of their key."""
    known = {
        "architecture": entry("general.architecture", STRING, text("llama")),
        "name": entry("general.name", STRING, text("Tiny")),
        "context": entry("llama.context_length", UINT32, struct.pack("<I", 512)),
        "blocks": entry("llama.block_count", UINT32, struct.pack("<I", 2)),
        "width": entry("llama.embedding_length", UINT32, struct.pack("<I", 64)),
        "heads": entry("llama.attention.head_count", UINT32, struct.pack("<I", 4)),
        "kv": entry("llama.attention.head_count_kv", UINT32, struct.pack("<I", 2)),
        "model": entry("tokenizer.ggml.model", STRING, text("gpt2")),
        "tokens": entry("tokenizer.ggml.tokens", ARRAY, string_array([f"t{number}" for number in range(5000)])),
        "template": entry("tokenizer.chat_template", STRING, text("{{ messages[0].content }}")),
    }
    return [value for value in (known | changes).values() if value is not None]


def tensor(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def build(
    metadata: list[bytes] | None = None,
    tensors: list[bytes] | None = None,
    data: int = 64 * 4,
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    tensor_count: int | None = None,
    key_count: int | None = None,
) -> bytes:
    metadata = entries() if metadata is None else metadata
    tensors = [tensor("w", (64,))] if tensors is None else tensors
    head = magic + struct.pack(
        "<IQQ",
        version,
        len(tensors) if tensor_count is None else tensor_count,
        len(metadata) if key_count is None else key_count,
    )
    head += b"".join(metadata) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + bytes(data)
