"""What is planned fits, and as much as fits is planned."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltui.core.errors import ConfigError
from mltui.models.local import gguf
from mltui.models.local.gguf import GGUFInfo
from mltui.models.local.memory import MIN_CONTEXT, WORKING_CONTEXT, Device, layers_that_fit, plan
from tests.models.local import gguf_file as make

GIB = 1 << 30
LAYERS = 8


def model(folder: Path, *, tied: bool = False, context: int = 32_768) -> GGUFInfo:
    """Eight layers of 64 MiB, an embedding and (if not tied) an output of 32 MiB; 32 kiB of cache a token and layer.

    The weights are a hole in the file.
    """
    sizes = {"token_embd.weight": 8, **{f"blk.{layer}.ffn_up.weight": 16 for layer in range(LAYERS)}, "output_norm.weight": 0}
    if not tied:
        sizes["output.weight"] = 8
    tensors: list[bytes] = []
    offset = 0
    for name, millions in sizes.items():
        tensors.append(make.tensor(name, (max(millions << 20, 8),), offset=offset))
        offset += max(millions << 20, 8) * 4
    head = make.build(
        make.entries(
            context=make.entry("llama.context_length", make.UINT32, struct.pack("<I", context)),
            blocks=make.entry("llama.block_count", make.UINT32, struct.pack("<I", LAYERS)),
            width=make.entry("llama.embedding_length", make.UINT32, struct.pack("<I", 4096)),
            heads=make.entry("llama.attention.head_count", make.UINT32, struct.pack("<I", 16)),
            kv=make.entry("llama.attention.head_count_kv", make.UINT32, struct.pack("<I", 32)),
        ),
        tensors,
        data=0,
    )
    path = folder / "model.gguf"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + offset)
    return gguf.inspect(path)


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> GGUFInfo:
    return model(tmp_path_factory.mktemp("model"))


def gpu(free: int, total: int = 80 * GIB) -> Device:
    return Device("Test GPU", free, total)


def test_the_parts_of_a_model_add_up(info: GGUFInfo, tmp_path: Path) -> None:
    assert info.layers == LAYERS
    assert info.block_bytes == (64 << 20,) * LAYERS
    assert info.output_bytes == (32 << 20) + 32
    assert info.cache_bytes_per_token == LAYERS * 32 * 1024
    everything = info.host_bytes(1000)
    assert info.host_bytes(1000, LAYERS + 1) == (32 << 20) + info.compute_bytes, "the input embedding stays"
    assert info.gpu_bytes(1000, LAYERS + 1) + (32 << 20) == everything
    assert info.gpu_bytes(1000, 1) == info.output_bytes + info.compute_bytes
    tied = model(tmp_path, tied=True)
    assert tied.gpu_bytes(1000, 1) == info.gpu_bytes(1000, 1), "the embedding is copied to the GPU"
    assert tied.host_bytes(1000, LAYERS + 1) == info.host_bytes(1000, LAYERS + 1)


def test_without_a_gpu_the_context_shrinks_until_it_fits(info: GGUFInfo) -> None:
    assert plan(info, 0, -1, 1 << 40).context == 32_768
    assert plan(info, 0, -1, info.host_bytes(16_384) * 10 // 9 + 1000).context == 16_384
    with pytest.raises(ConfigError, match="needs about"):
        plan(info, 16_384, -1, info.host_bytes(8_192))
    with pytest.raises(ConfigError, match="are free"):
        plan(info, 0, -1, 1 << 20)


def test_a_large_gpu_takes_everything(info: GGUFInfo) -> None:
    assert (plan(info, 0, -1, 4 * GIB, [gpu(79 * GIB)]).context, plan(info, 0, -1, 4 * GIB, [gpu(79 * GIB)]).gpu_layers) == (32_768, 9)
    assert plan(info, 0, 0, 1 << 40).gpu_layers == 0


def test_context_goes_before_layers_and_layers_before_a_working_context(info: GGUFInfo) -> None:
    all_at = {size: GIB + 2 * info.compute_bytes + info.gpu_bytes(size, LAYERS + 1) for size in (8_192, 16_384)}
    half = plan(info, 0, -1, 1 << 40, [gpu(all_at[16_384])])
    assert (half.context, half.gpu_layers) == (16_384, LAYERS + 1)
    fewer = plan(info, 0, -1, 1 << 40, [gpu(all_at[8_192] - (400 << 20))])
    assert fewer.context == WORKING_CONTEXT
    assert 0 < fewer.gpu_layers < LAYERS + 1
    none = plan(info, 0, -1, 1 << 40, [gpu(GIB)])
    assert (none.context, none.gpu_layers) == (WORKING_CONTEXT, 0)


def test_a_configured_context_is_kept_and_layers_make_room(info: GGUFInfo) -> None:
    found = plan(info, 32_768, -1, 1 << 40, [gpu(6 * GIB)])
    assert found.context == 32_768
    assert 0 < found.gpu_layers < LAYERS + 1


def test_configured_layers_that_do_not_fit_are_refused_with_those_that_do(info: GGUFInfo) -> None:
    assert plan(info, 0, 99, 4 * GIB, [gpu(79 * GIB)]).gpu_layers == LAYERS + 1
    fitting = layers_that_fit(info, MIN_CONTEXT, [gpu(2 * GIB)])
    assert 0 < fitting < LAYERS + 1
    with pytest.raises(ConfigError, match=f"{fitting} layers fit") as caught:
        plan(info, 0, 99, 1 << 40, [gpu(2 * GIB)])
    assert f"gpu_layers to {fitting}" in caught.value.hint


@given(
    free=st.lists(st.integers(0, 20 * GIB), max_size=3),
    host=st.integers(0, 40 * GIB),
    context=st.sampled_from([0, 0, 4096, 20_000]),
    layers=st.sampled_from([-1, -1, 0, 3, 99]),
)
def test_what_is_planned_fits(info: GGUFInfo, free: list[int], host: int, context: int, layers: int) -> None:
    devices = [gpu(amount, 24 * GIB) for amount in free] if layers else []
    try:
        found = plan(info, context, layers, host, devices)
    except ConfigError:
        return
    assert found.host_bytes <= host * 0.9
    assert found.gpu_layers <= LAYERS + 1
    assert MIN_CONTEXT <= found.context <= 32_768
    if found.gpu_layers:
        assert found.gpu_bytes <= sum(free)
    else:
        assert found.gpu_bytes == 0
