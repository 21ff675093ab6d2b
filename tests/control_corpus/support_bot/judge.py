"""Compares the answers of two versions of the bot, in both orders."""
import json
import sys

import litellm

RUBRIC = """You compare two answers to a customer's question. Say A if the first is more helpful and correct, B if the
second is, and T if you cannot tell. Reply with one letter."""


def verdict(question, one, other):
    reply = litellm.completion(
        model="claude-haiku-4-5",
        messages=[{"role": "system", "content": RUBRIC}, {"role": "user", "content": f"{question}\nA: {one}\nB: {other}"}],
    )
    return reply.choices[0].message.content.strip()


def win_rate(pairs):
    wins = [verdict(q, a, b) == "A" and verdict(q, b, a) == "B" for q, a, b in pairs]
    return sum(wins) / len(wins)


if __name__ == "__main__":
    print(win_rate([json.loads(line) for line in open(sys.argv[1])]))
