from pathlib import Path

from PIL import Image, ImageOps

for path in Path("images").glob("*.jpg"):
    ImageOps.fit(Image.open(path), (128, 128)).save(path.with_suffix(".thumb.png"))
