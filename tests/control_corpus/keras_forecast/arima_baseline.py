import numpy as np
from statsmodels.tsa.arima.model import ARIMA

series = np.load("load.npy")
result = ARIMA(series[:-24], order=(2, 1, 2), seasonal_order=(1, 0, 1, 24)).fit()
forecast = result.forecast(24)
print("mae", np.abs(forecast - series[-24:]).mean())
