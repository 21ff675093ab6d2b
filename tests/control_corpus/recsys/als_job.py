import configparser

import implicit
import numpy as np
from scipy.sparse import load_npz

settings = configparser.ConfigParser()
settings.read("als.ini")
plays = load_npz("plays.npz")
als = implicit.als.AlternatingLeastSquares(
    factors=settings.getint("als", "factors"), regularization=settings.getfloat("als", "regularization")
)
als.fit(plays)
np.save("items.npy", als.item_factors)
