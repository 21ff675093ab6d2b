import json
import sys

from entry.core.engine import run
from entry.io import write

if __name__ == "__main__":
    write(run(json.load(open("options.json")), seed=int(sys.argv[1])))
