import sys

import joblib
import pandas as pd
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score


def main(path):
    frame = pd.read_csv(path)
    model = joblib.load("churn.joblib")
    chance = model.predict_proba(frame.drop(columns="churned"))[:, 1]
    truth = frame["churned"]
    print("auc", roc_auc_score(truth, chance))
    print("ap", average_precision_score(truth, chance))
    print("brier", brier_score_loss(truth, chance))


if __name__ == "__main__":
    main(sys.argv[1])
