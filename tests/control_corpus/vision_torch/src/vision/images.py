from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import Dataset


class FolderOfImages(Dataset):
    """Images in one folder for each class."""

    def __init__(self, root, transform=None, limit=None):
        self.paths = sorted(Path(root).glob("*/*.jpg"))[:limit]
        self.classes = sorted({p.parent.name for p in self.paths})
        self.transform = transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        path = self.paths[index]
        image = Image.open(path).convert("RGB")
        label = self.classes.index(path.parent.name)
        return (self.transform(image) if self.transform else image), torch.tensor(label)
