"""Fits the churn model and writes it with joblib."""
import json
from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from model.columns import CATEGORIES, NUMBERS

HERE = Path(__file__).parent


def build(frame: pd.DataFrame):
    grid = json.loads((HERE / "grid.json").read_text())
    columns = ColumnTransformer([("num", StandardScaler(), NUMBERS), ("cat", OneHotEncoder(handle_unknown="ignore"), CATEGORIES)])
    search = GridSearchCV(Pipeline([("cols", columns), ("gb", GradientBoostingClassifier(random_state=0))]), grid, cv=5, scoring="roc_auc")
    search.fit(frame[NUMBERS + CATEGORIES], frame["churned"])
    return search


if __name__ == "__main__":
    best = build(pd.read_csv("churn.csv"))
    joblib.dump(best.best_estimator_, "churn.joblib")
    Path("report.json").write_text(json.dumps({"auc": best.best_score_}))
