import json
import os


def write(metrics):
    path = os.path.join(os.environ["MLTUI_RUN_DIR"], "metrics.json")
    with open(path, "w") as handle:
        json.dump(metrics, handle)
