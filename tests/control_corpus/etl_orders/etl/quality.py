import pandas as pd


def completeness(frame: pd.DataFrame) -> pd.Series:
    return 1 - frame.isna().mean()


def accuracy(frame: pd.DataFrame, rules: dict) -> dict:
    return {name: float(frame.eval(rule).mean()) for name, rule in rules.items()}
