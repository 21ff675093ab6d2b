"""Evaluates discount rules."""


def evaluate(rule, cart):
    total = sum(item.price for item in cart)
    return total * (1 - rule.percent / 100) if total >= rule.least else total
