import os

import requests


def rewrite(question, history):
    reply = requests.post(
        "http://localhost:8080/v1/chat/completions",
        headers={"Authorization": "Bearer " + os.environ["KEY"]},
        json={
            "model": "local",
            "messages": [
                {"role": "system", "content": "Turn the last question into one that can be understood without the conversation."},
                {"role": "user", "content": history + question},
            ],
        },
        timeout=30,
    )
    return reply.json()["choices"][0]["message"]["content"]
