from torch import nn


class Encoder(nn.Module):
    def __init__(self, bands, symbols, width=256):
        super().__init__()
        self.rnn = nn.GRU(bands, width, 2, bidirectional=True)
        self.out = nn.Linear(2 * width, symbols)

    def forward(self, x):
        return self.out(self.rnn(x.squeeze(0).T)[0])
