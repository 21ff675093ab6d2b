"""What Read shows of files that are no text, and of text that is too large to be held."""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pypdf
import pytest

from mltui.capabilities.paging import page
from mltui.core.errors import MltuiError, ToolError
from tests.tools.conftest import Agent


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (1).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def _pdf(path: Path, texts: list[str], password: str = "") -> None:
    writer = pypdf.PdfWriter()
    for text in texts:
        made = writer.add_blank_page(200, 200)
        content = pypdf.generic.DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET".encode())
        font = pypdf.generic.DictionaryObject(
            {
                pypdf.generic.NameObject(key): pypdf.generic.NameObject(value)
                for key, value in {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}.items()
            }
        )
        fonts = pypdf.generic.DictionaryObject({pypdf.generic.NameObject("/F1"): font})
        made[pypdf.generic.NameObject("/Resources")] = pypdf.generic.DictionaryObject({pypdf.generic.NameObject("/Font"): fonts})
        made[pypdf.generic.NameObject("/Contents")] = writer._add_object(content)
    if password:
        writer.encrypt(password)
    writer.write(path)


async def test_a_picture_comes_as_a_picture(agent: Agent) -> None:
    (agent.root / "plot.dat").write_bytes(_png())
    result = await agent.call("Read", file_path="plot.dat")
    assert base64.b64decode(result.images[0].data) == _png()
    assert "image/png" in result.content
    (agent.root / "large.png").write_bytes(_png() + bytes(20_000_000))
    with pytest.raises(MltuiError, match="at most"):
        await agent.call("Read", file_path="large.png")


@pytest.mark.slow
async def test_a_pdf_comes_as_text_by_pages(agent: Agent) -> None:
    _pdf(agent.root / "a.pdf", [f"Page of {number}" for number in range(1, 26)])
    first = (await agent.call("Read", file_path="a.pdf")).content
    assert "25 pages; text of pages 1–20" in first
    assert "[Page 20]\nPage of 20" in first
    assert 'Read with pages="21-25"' in first
    part = (await agent.call("Read", file_path="a.pdf", pages="24-30")).content
    assert "Page of 25" in part and "Page of 23" not in part
    for pages in ("26", "0", "x", "5-4"):
        with pytest.raises(ToolError, match="pages"):
            await agent.call("Read", file_path="a.pdf", pages=pages)


async def test_a_pdf_that_cannot_be_read_says_why(agent: Agent) -> None:
    _pdf(agent.root / "locked.pdf", ["secret"], password="x")
    (agent.root / "broken.pdf").write_bytes(b"%PDF-1.4\nnothing")
    with pytest.raises(ToolError, match="encrypted"):
        await agent.call("Read", file_path="locked.pdf")
    with pytest.raises(ToolError, match=r"broken\.pdf cannot be read as pdf"):
        await agent.call("Read", file_path="broken.pdf")
    (agent.root / "a.txt").write_text("x")
    with pytest.raises(ToolError, match="no PDF"):
        await agent.call("Read", file_path="a.txt", pages="1")


async def test_a_parquet_file_comes_as_its_head(agent: Agent) -> None:
    path = agent.root / "t.parquet"
    pq.write_table(pa.table({"id": list(range(5000)), "name": [f"n{number}" for number in range(5000)]}), path)
    content = (await agent.call("Read", file_path="t.parquet")).content
    assert "5,000 rows in 1 row groups, 2 columns" in content
    assert "  id: int64\n  name: string\n" in content
    assert "  id=9, name=n9" in content and "id=10," not in content
    path.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(ToolError, match="cannot be read as parquet"):
        await agent.call("Read", file_path="t.parquet")


@pytest.mark.parametrize("rows", [20_000, 300_000])
async def test_a_table_in_latin_1_shows_its_text(agent: Agent, rows: int) -> None:
    (agent.root / "t.csv").write_text("größe,b\n" + "é,2\n" * rows, encoding="latin-1")
    content = (await agent.call("Read", file_path="t.csv")).content
    assert f"{rows:,} rows" in content and "größe: string" in content and "größe=é, b=2" in content


async def test_a_large_csv_comes_as_its_head_and_a_small_one_as_lines(agent: Agent) -> None:
    path = agent.root / "t.csv"
    path.write_text('a,b\n1,"x\ny"\n')
    assert (await agent.call("Read", file_path="t.csv")).content.startswith("     1\ta,b\n     2\t1,")
    path.write_text("a,b\n" + "".join(f'{number},"x\n{number}"\n' for number in range(150_000)))
    content = (await agent.call("Read", file_path="t.csv")).content
    assert "150,000 rows, 2 columns" in content
    assert "  a: int64\n  b: string\n" in content
    assert "  a=1, b=x\\n1" in content
    assert (await agent.call("Read", file_path="t.csv", limit=1)).content.startswith("     1\ta,b\n")
    await agent.call("Edit", file_path="t.csv", old_string="a,b\n0", new_string="a,c\n0")
    assert path.read_text().startswith("a,c\n0")


async def test_json_lines_come_as_fields(agent: Agent) -> None:
    path = agent.root / "t.jsonl"
    path.write_text(
        "".join(json.dumps({"q": "x" * 50, "n": number} | ({"k": None} if number % 2 else {})) + "\n" for number in range(1200))
    )
    content = (await agent.call("Read", file_path="t.jsonl")).content
    assert "1,200 rows; fields of the first 1000" in content
    assert "  k: NoneType (missing in 500)" in content
    path.write_text("{broken\n" * 10_000)
    assert (await agent.call("Read", file_path="t.jsonl")).content.startswith("     1\t{broken")


async def test_arrays_come_as_shape_and_type_and_are_never_unpickled(agent: Agent) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(agent.root / "ran"),))  # type: ignore[return-value]

    np.save(agent.root / "a.npy", np.arange(3000.0).reshape(100, 30))
    content = (await agent.call("Read", file_path="a.npy")).content
    assert "shape (100, 30), dtype float64, 24,000 bytes" in content
    assert "  [1] 30.0, 31.0" in content
    np.savez_compressed(agent.root / "b.npz", x=np.zeros((2, 2), order="F"), y=np.array(["a", "b"]))
    content = (await agent.call("Read", file_path="b.npz")).content
    assert "2 arrays" in content and "columns first" in content and "y: shape (2,), dtype <U1" in content
    np.save(agent.root / "o.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    assert "runs code, so it was not done" in (await agent.call("Read", file_path="o.npy")).content
    assert not (agent.root / "ran").exists()


async def test_what_is_in_the_draft_is_what_is_shown(agent: Agent) -> None:
    (agent.root / "t.csv").write_text("a\n" + "1\n" * 20_000)
    agent.draft.write(agent.root / "t.csv", b"other\n" + b"1\n" * 20_000)
    assert "  other: int64" in (await agent.call("Read", file_path="t.csv")).content


async def test_a_file_too_large_to_be_held_is_paged(agent: Agent) -> None:
    line = "é" * 499 + "\n"
    (agent.root / "log").write_text(line * 60_000)
    result = await agent.call("Read", file_path="log", offset=59_999)
    assert result.content == f"59999\t{line}60000\t{line}".replace("59999", " 59999").replace("60000", " 60000").rstrip("\n")
    assert (await agent.call("Read", file_path="log", limit=2)).content.endswith("[more lines follow: Read with offset=3]")
    with pytest.raises(ToolError, match="60000 lines"):
        await agent.call("Read", file_path="log", offset=60_002)
    with pytest.raises(ToolError, match="too many"):
        await agent.call("Edit", file_path="log", old_string="a", new_string="b")


@pytest.mark.parametrize("first", [1, 2, 3, 4])
async def test_a_page_is_what_splitting_gives(first: int) -> None:
    text = "one\r\n\n" + "w" * 50_000 + "\nlast"
    shown = await page(io.BytesIO(text.encode()), "f", first, 2, 10**6)
    wanted = [line.removesuffix("\r") for line in text.split("\n")][first - 1 : first + 1]
    assert [line[:20_000] for line in wanted] == list(shown.lines)
    assert shown.more == (first < 3)
    with pytest.raises(ToolError, match="binary"):
        await page(io.BytesIO(b"\0\1"), "f", 1, 1, 10)
