import pandas as pd


def clean(row):
    row["email"] = row["email"].strip().lower()
    row["total"] = round(float(row["total"]), 2)
    return row


def normalize(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.drop_duplicates("order_id")
    frame["ordered_at"] = pd.to_datetime(frame["ordered_at"], utc=True)
    return frame.fillna({"coupon": ""})
