import sqlite3

import numpy as np


class Store:
    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.execute("create table if not exists passage (id integer primary key, text text, vector blob)")

    def add(self, text, vector):
        self.db.execute("insert into passage (text, vector) values (?, ?)", (text, np.asarray(vector, "f4").tobytes()))

    def nearest(self, vector, k=5):
        rows = self.db.execute("select text, vector from passage").fetchall()
        scored = sorted(rows, key=lambda row: -float(np.frombuffer(row[1], "f4") @ vector))
        return [text for text, _ in scored[:k]]
