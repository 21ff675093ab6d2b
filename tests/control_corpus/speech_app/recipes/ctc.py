import torch
import torchaudio
from recipes.encoder import Encoder
from recipes.text import to_ids

LR = 1e-3


def fit_ctc(rows, steps):
    net = Encoder(80, 32)
    adam = torch.optim.Adam(net.parameters(), LR)
    ctc = torch.nn.CTCLoss(blank=0)
    for number, row in enumerate(rows):
        wave, rate = torchaudio.load(row["path"])
        out = net(torchaudio.transforms.MelSpectrogram(rate)(wave)).log_softmax(-1)
        ids = torch.tensor(to_ids(row["text"]))
        cost = ctc(out, ids, torch.tensor([len(out)]), torch.tensor([len(ids)]))
        adam.zero_grad()
        cost.backward()
        adam.step()
        if number == steps:
            break
    return net
