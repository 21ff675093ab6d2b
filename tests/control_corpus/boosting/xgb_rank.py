import xgboost as xgb
from loaders import matrix


def run(params_file="rank_params.toml"):
    import tomllib
    with open(params_file, "rb") as handle:
        params = tomllib.load(handle)["booster"]
    dtrain, dvalid = matrix("train.svm"), matrix("valid.svm")
    booster = xgb.train(params, dtrain, num_boost_round=800, evals=[(dvalid, "valid")], early_stopping_rounds=50)
    booster.save_model("rank.ubj")
    return booster.best_score


if __name__ == "__main__":
    print(run())
