import sys

import numpy as np
import xgboost as xgb

booster = xgb.Booster()
booster.load_model("rank.ubj")
scores = booster.predict(xgb.DMatrix(sys.argv[1] + "?format=libsvm"))
np.savetxt(sys.stdout, scores, fmt="%.6f")
