"""A GGUF file is understood, or refused with one clear line; nothing else ever happens."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltui.core.errors import ConfigError
from mltui.models.local import gguf
from mltui.models.local.gguf_reader import MAX_ARRAY
from tests.models.local import gguf_file as make


def write(folder: Path, data: bytes, name: str = "model.gguf") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_reads_what_a_model_says_of_itself(tmp_path: Path) -> None:
    info = gguf.inspect(write(tmp_path, make.build()))
    assert (info.architecture, info.name, info.version, info.context_length) == ("llama", "Tiny", 3, 512)
    assert (info.parameters, info.tensor_count, info.tensor_bytes) == (64, 1, 256)
    assert info.chat_template == "{{ messages[0].content }}"
    assert info.is_demo


def test_memory_is_weights_and_cache_and_compute_buffer(tmp_path: Path) -> None:
    info = gguf.inspect(write(tmp_path, make.build()))
    # 2 layers, 2 KV heads of 64 / 4 = 16 numbers for keys and for values, 2 bytes each.
    assert info.cache_bytes_per_token == 2 * 2 * (16 + 16) * 2
    assert info.compute_bytes == 512 * 4 * (5000 + 12 * 64)
    assert info.host_bytes(1000) == 256 + 1000 * info.cache_bytes_per_token + info.compute_bytes


def test_cache_follows_heads_that_differ_by_layer(tmp_path: Path) -> None:
    heads = make.entry("llama.attention.head_count_kv", make.ARRAY, struct.pack("<IQ2I", make.UINT32, 2, 4, 1))
    info = gguf.inspect(write(tmp_path, make.build(make.entries(kv=heads))))
    assert info.cache_bytes_per_token == (4 + 1) * (16 + 16) * 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"just some text, long enough for a header", "does not start like a GGUF"),
        (make.build(magic=b"GGML"), "does not start like a GGUF"),
        (make.build(version=1), "version is 1"),
        (make.build(version=0x03000000), "big-endian"),
        (make.build(tensor_count=2**60), "can hold"),
        (make.build(key_count=2**60), "can hold"),
        (make.build(key_count=11), "no name"),
        (make.build()[:60_000], "cut off"),
        (make.build()[:-1], "cut off: it has"),
        (make.build(make.entries(name=make.text(struct.pack("<Q", 2**62)) + struct.pack("<IQ", make.STRING, 2**62))), "claims"),
        (make.build(make.entries(name=make.entry("general.name", 99, b""))), "unknown type 99"),
        (make.build(make.entries(name=make.entry("a", make.ARRAY, struct.pack("<IQ", make.UINT32, MAX_ARRAY + 1)))), "claims"),
        (make.build(make.entries(name=make.entry("a", make.ARRAY, struct.pack("<IQ", make.ARRAY, 1) * 9))), "nested too deeply"),
        (make.build(make.entries(name=make.entry("general.architecture", make.STRING, make.text("x")))), "comes twice"),
        (make.build(make.entries(architecture=None)), "does not name its architecture"),
        (make.build(make.entries(model=None)), "no tokenizer"),
        (make.build(make.entries(architecture=make.entry("general.architecture", make.STRING, make.text("clip")))), "not a text model"),
        (make.build(make.entries(name=make.entry("general.alignment", make.UINT32, struct.pack("<I", 24)))), "alignment"),
        (make.build(tensors=[make.tensor("w", (1, 1, 1, 1, 1))]), "5 dimensions"),
        (make.build(tensors=[make.tensor("w", (2**40, 2**40))]), "impossible size"),
        (make.build(tensors=[make.tensor("w", (64,), offset=2**61)]), "impossible size"),
        (make.build(tensors=[make.tensor("w", (64,), offset=4096)]), "cut off"),
    ],
    ids=str.split(
        "empty text magic version endian tensors keys key-count head-cut data-cut string-length type array nested twice "
        "architecture tokenizer clip alignment dimensions elements offset offset-cut"
    ),
)
def test_refuses_with_one_clear_line(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        gguf.inspect(write(tmp_path, data))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        gguf.inspect(tmp_path)
    with pytest.raises(ConfigError, match="There is no file"):
        gguf.inspect(tmp_path / "missing.gguf")


def split(number: int, count: int) -> bytes:
    parts = [
        make.entry("split.no", make.UINT32, struct.pack("<I", number)),
        make.entry("split.count", make.UINT32, struct.pack("<I", count)),
    ]
    return make.build([*make.entries(), *parts])


def test_a_model_in_parts_needs_them_all(tmp_path: Path) -> None:
    first = write(tmp_path, split(0, 2), "m-00001-of-00002.gguf")
    with pytest.raises(ConfigError, match="m-00002-of-00002"):
        gguf.inspect(first)
    second = write(tmp_path, split(1, 2), "m-00002-of-00002.gguf")
    assert gguf.inspect(first).name == "Tiny"
    with pytest.raises(ConfigError, match="not the first"):
        gguf.inspect(second)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(make.build())
    # Half of the changes hit the first bytes, where counts and types are.
    places = st.one_of(st.integers(0, 400), st.integers(0, len(data) - 1))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(places)
        change = draw(st.sampled_from(["byte", "word", "cut", "insert"]))
        if change == "byte":
            data[at % len(data)] = draw(st.integers(0, 255))
        elif change == "word":
            data[at : at + 8] = draw(st.sampled_from([b"\xff" * 8, bytes(8), struct.pack("<Q", 2**31), struct.pack("<Q", 2**62)]))
        elif change == "insert":
            data[at:at] = draw(st.binary(max_size=9))
        elif len(data) > 24:
            del data[max(at, 24) :]
    return bytes(data)


@settings(max_examples=300, deadline=None)
@given(data=st.one_of(mutated(), st.binary(max_size=300), st.binary(max_size=300).map(lambda rest: b"GGUF\x03\0\0\0" + rest)))
def test_whatever_the_bytes_only_a_config_error(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        file.write(data)
        file.flush()
        try:
            info = gguf.inspect(Path(file.name))
        except ConfigError as error:
            assert "\n" not in str(error)
        else:
            assert info.host_bytes(1000) >= 0
            assert info.gpu_bytes(1000, info.layers + 1) >= 0


@pytest.mark.local
def test_the_embedded_model(smollm2: Path) -> None:
    info = gguf.inspect(smollm2)
    assert info.is_demo
    assert (info.architecture, info.context_length) == ("llama", 8192)
    # What llama.cpp allocates for a context of 2,048 tokens: 45 MiB.
    assert info.cache_bytes_per_token * 2048 == 45 << 20
    assert "<|im_start|>" in (info.chat_template or "")


@pytest.mark.local
def test_a_cut_embedded_model_is_found_before_it_is_loaded(smollm2: Path, tmp_path: Path) -> None:
    for size in (20, 1000, 1 << 20, 3 << 20):
        with smollm2.open("rb") as file:
            path = write(tmp_path, file.read(size))
        with pytest.raises(ConfigError, match=r"cut off|can hold|does not start"):
            gguf.inspect(path)
