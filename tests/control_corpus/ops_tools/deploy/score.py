def score(host):
    return 0.7 * host.cpu + 0.3 * host.memory


def best(hosts):
    return min(hosts, key=score)
