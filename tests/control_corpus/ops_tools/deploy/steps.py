class Pipeline:
    def __init__(self, steps):
        self.steps, self.at = steps, 0

    def step(self):
        self.steps[self.at]()
        self.at += 1

    def backward(self):
        self.at = max(0, self.at - 1)

    def fit(self, budget):
        return [s for s in self.steps if s.cost <= budget]


def run(pipeline):
    while pipeline.at < len(pipeline.steps):
        try:
            pipeline.step()
        except RuntimeError:
            pipeline.backward()
