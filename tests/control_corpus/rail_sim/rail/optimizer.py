"""Improves a timetable by moving departures, one at a time."""
import random


class LocalSearch:
    def __init__(self, cost, seed=0):
        self.cost, self.random = cost, random.Random(seed)

    def step(self, plan):
        other = plan.copy()
        index = self.random.randrange(len(other))
        other[index] += self.random.choice([-1, 1])
        return other if self.cost(other) < self.cost(plan) else plan

    def optimize(self, plan, rounds=1000):
        for _ in range(rounds):
            plan = self.step(plan)
        return plan
