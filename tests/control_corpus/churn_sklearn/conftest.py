import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier


@pytest.fixture
def fitted():
    frame = pd.DataFrame({"a": [1, 2, 3, 4], "y": [0, 1, 0, 1]})
    return DummyClassifier().fit(frame[["a"]], frame["y"])
