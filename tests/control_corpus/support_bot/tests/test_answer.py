from bot.answer import answer


def test_answer_uses_passages(monkeypatch):
    seen = {}
    monkeypatch.setattr("bot.answer.client", Fake(seen))
    answer("When do you open?", ["We open at nine."])
    assert seen["messages"][0] == {"role": "system", "content": "You answer questions of customers in a formal tone, from the passages alone."}


class Fake:
    def __init__(self, seen):
        self.seen = seen
