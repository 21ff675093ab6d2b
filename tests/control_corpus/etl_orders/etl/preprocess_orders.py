import pandas as pd

from etl.clean import normalize


def run(day):
    frame = normalize(pd.read_json(f"landing/{day}.json", lines=True))
    frame.to_parquet(f"staged/{day}.parquet", index=False)
    return len(frame)
