"""Columns of the customers' table."""

NUMBERS = ["tenure", "monthly_charges", "total_charges"]
CATEGORIES = ["contract", "payment_method", "internet_service"]


def missing(frame):
    return [name for name in NUMBERS + CATEGORIES if name not in frame.columns]
