import random


class Thompson:
    def __init__(self, arms):
        self.wins = [1] * arms
        self.losses = [1] * arms

    def choose(self):
        draws = [random.betavariate(w, l) for w, l in zip(self.wins, self.losses)]
        return draws.index(max(draws))

    def learn(self, arm, reward):
        if reward:
            self.wins[arm] += 1
        else:
            self.losses[arm] += 1
