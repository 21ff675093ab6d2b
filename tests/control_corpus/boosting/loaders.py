import xgboost as xgb


def matrix(path):
    data = xgb.DMatrix(f"{path}?format=libsvm")
    with open(path + ".group") as handle:
        data.set_group([int(line) for line in handle])
    return data
