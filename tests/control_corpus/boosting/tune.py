import optuna
import xgboost as xgb


def objective(trial):
    params = {"eta": trial.suggest_float("eta", 1e-3, 0.3, log=True), "max_depth": trial.suggest_int("max_depth", 3, 10)}
    result = xgb.cv(params, xgb.DMatrix("train.svm?format=libsvm"), nfold=5, num_boost_round=300)
    return result["test-rmse-mean"].min()


if __name__ == "__main__":
    study = optuna.create_study(direction="minimize", storage="sqlite:///tune.db", load_if_exists=True)
    study.optimize(objective, n_trials=100)
    print(study.best_params)
