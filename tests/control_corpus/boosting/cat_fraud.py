from catboost import CatBoostClassifier, Pool

from fraud_columns import CAT

pool = Pool("fraud_train.tsv", column_description="cd.tsv")
held = Pool("fraud_valid.tsv", column_description="cd.tsv")
clf = CatBoostClassifier(iterations=1500, depth=8, loss_function="Logloss", cat_features=CAT)
clf.fit(pool, eval_set=held, use_best_model=True, verbose=200)
clf.save_model("fraud.cbm")
