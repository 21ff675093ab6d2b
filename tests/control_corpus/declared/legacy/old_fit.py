from sklearn.linear_model import Ridge

model = Ridge(alpha=0.5)
model.fit([[0], [1]], [0, 1])
