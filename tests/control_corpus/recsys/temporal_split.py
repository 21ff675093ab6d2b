import pandas as pd

events = pd.read_parquet("events.parquet").sort_values("ts")
edge = events["ts"].quantile(0.9)
before, after = events[events.ts <= edge], events[events.ts > edge]
after = after[after.user.isin(before.user)]
before.to_parquet("train.parquet")
after.to_parquet("test.parquet")
print(len(before), len(after))
