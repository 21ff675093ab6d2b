import lightning as L
import pandas as pd
import torch
from torch.utils.data import DataLoader, TensorDataset, random_split


class Tabular(L.LightningDataModule):
    def __init__(self, path, batch_size):
        super().__init__()
        self.path, self.batch_size = path, batch_size

    def setup(self, stage=None):
        frame = pd.read_parquet(self.path)
        y = torch.tensor(frame.pop("income").values)
        x = torch.tensor(frame.values, dtype=torch.float32)
        whole = TensorDataset(x, y)
        self.train, self.val = random_split(whole, [0.9, 0.1], torch.Generator().manual_seed(0))

    def train_dataloader(self):
        return DataLoader(self.train, self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val, self.batch_size)
