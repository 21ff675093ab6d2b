SYSTEM_PROMPT = (
    "You are a support agent of a bicycle shop. Answer in at most three sentences, "
    "name the part number if there is one, and never promise a delivery date."
)


def to_chat(row):
    return {
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": row["question"]},
            {"role": "assistant", "content": row["answer"]},
        ]
    }
