import pandas as pd
from scipy import stats

frame = pd.read_csv("ab.csv")
a, b = (frame[frame.variant == name].bought for name in "AB")
print("A", a.mean(), "B", b.mean())
print(stats.ttest_ind(a, b, equal_var=False))
