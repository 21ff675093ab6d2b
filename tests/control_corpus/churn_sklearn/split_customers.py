import pandas as pd
from sklearn.model_selection import train_test_split

frame = pd.read_csv("customers.csv").drop_duplicates("customer_id")
train, rest = train_test_split(frame, test_size=0.3, stratify=frame["churned"], random_state=7)
val, test = train_test_split(rest, test_size=0.5, stratify=rest["churned"], random_state=7)
for name, part in {"train": train, "val": val, "test": test}.items():
    part.to_csv(f"splits/{name}.csv", index=False)
    print(name, len(part), part["churned"].mean().round(4))
