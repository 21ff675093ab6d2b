import lightgbm as lgb
import numpy as np
import polars as pl


def main():
    frame = pl.read_parquet("prices.parquet")
    y = np.log1p(frame["price"].to_numpy())
    x = frame.drop("price").to_pandas()
    cut = int(len(x) * 0.8)
    regressor = lgb.LGBMRegressor(n_estimators=2000, num_leaves=63, learning_rate=0.03)
    regressor.fit(x[:cut], y[:cut], eval_set=[(x[cut:], y[cut:])], callbacks=[lgb.early_stopping(100)])
    regressor.booster_.save_model("price.txt")


main()
