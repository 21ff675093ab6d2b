from pathlib import Path

import torch
from torch_geometric.data import Data, Dataset


class Molecules(Dataset):
    def __init__(self, root):
        super().__init__(root)
        self.files = sorted(Path(root).glob("*.pt"))

    def len(self):
        return len(self.files)

    def get(self, index):
        x, edges, y = torch.load(self.files[index])
        return Data(x=x, edge_index=edges, y=y)
