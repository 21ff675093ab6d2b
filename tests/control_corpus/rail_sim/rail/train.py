class Train:
    def __init__(self, line, cars):
        self.line, self.cars, self.at = line, cars, 0

    def arrive(self, station):
        self.at = station.km

    def step(self, seconds):
        self.at += 0.03 * seconds
