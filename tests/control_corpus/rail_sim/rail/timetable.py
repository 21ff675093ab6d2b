from rail.train import Train


def run(line, stations, until=3600):
    train = Train(line, cars=6)
    for second in range(until):
        train.step(1)
        for station in stations:
            if abs(train.at - station.km) < 0.05:
                train.arrive(station)
    return train.at
