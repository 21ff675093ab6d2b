from gnn.molecules import Molecules


def test_empty(tmp_path):
    assert Molecules(tmp_path).len() == 0
