import ctypes

from .rules import RULES

library = ctypes.CDLL("libengine.so")


def run(options, seed):
    loss = library.solve(seed, options["depth"], len(RULES))
    return {"loss": loss}
