import json
import random

random.seed(3)
rows = [json.loads(line) for line in open("tickets.jsonl")]
rows = [row for row in rows if len(row["answer"]) > 40 and not row["answer"].startswith("Dear")]
random.shuffle(rows)
cut = int(0.95 * len(rows))
for name, part in (("train", rows[:cut]), ("dev", rows[cut:])):
    with open(f"chats/{name}.jsonl", "w") as out:
        for row in part:
            out.write(json.dumps(row) + "\n")
