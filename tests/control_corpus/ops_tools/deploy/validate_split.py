import json
import sys


def check(weights):
    if abs(sum(weights.values()) - 100) > 1e-6:
        raise SystemExit(f"traffic split adds up to {sum(weights.values())}")


check(json.load(open(sys.argv[1])))
