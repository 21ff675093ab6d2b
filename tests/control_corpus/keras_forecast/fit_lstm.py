import json

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

from windows import windows

with open("lstm.json") as handle:
    CFG = json.load(handle)

series = np.load("load.npy")
x, y = windows(series, CFG["window"])
model = keras.Sequential([layers.Input((CFG["window"], 1)), layers.LSTM(CFG["units"]), layers.Dense(1)])
model.compile(optimizer=keras.optimizers.Adam(CFG["lr"]), loss="mae")
model.fit(x, y, epochs=CFG["epochs"], batch_size=64, validation_split=0.2)
model.save("lstm.keras")
