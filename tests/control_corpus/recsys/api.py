import numpy as np
from fastapi import FastAPI

app = FastAPI()
items = np.load("items.npy")


@app.get("/similar/{item}")
def similar(item: int, n: int = 10):
    scores = items @ items[item]
    return {"items": np.argsort(-scores)[1 : n + 1].tolist()}
