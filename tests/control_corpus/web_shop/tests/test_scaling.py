from shop.scaling import Scaler


def test_fit_stays_in_range():
    scaler = Scaler()
    assert scaler.fit(0) == 2
    assert scaler.fit(1e9) == 40
