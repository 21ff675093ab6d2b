from pathlib import Path


def split(path, size=50_000_000):
    """Cuts a file into pieces for the upload."""
    data = Path(path).read_bytes()
    for number, start in enumerate(range(0, len(data), size)):
        Path(f"{path}.{number:03d}").write_bytes(data[start : start + size])
