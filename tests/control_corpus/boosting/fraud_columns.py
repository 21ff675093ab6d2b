CAT = ["merchant", "country", "device", "channel"]
KEEP = CAT + ["amount", "hour", "age_days"]
