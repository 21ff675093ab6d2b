import dspy


class Triage(dspy.Signature):
    """Judge how urgent a customer's message is, and why."""

    message: str = dspy.InputField()
    urgency: int = dspy.OutputField(desc="1 (can wait) to 5 (call at once)")
    reason: str = dspy.OutputField()


triage = dspy.ChainOfThought(Triage)
