import numpy as np
from scipy import stats
from scipy.optimize import curve_fit


def decay(t, a, k):
    return a * np.exp(-k * t)


def main():
    t, y = np.loadtxt("decay.txt", unpack=True)
    popt, pcov = curve_fit(decay, t, y, p0=(1, 0.1))
    print(popt, np.sqrt(np.diag(pcov)))
    print(stats.norm.fit(y - decay(t, *popt)))


if __name__ == "__main__":
    main()
