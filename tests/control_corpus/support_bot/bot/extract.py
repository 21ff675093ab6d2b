from pathlib import Path

import anthropic

client = anthropic.Anthropic()
FORM = Path(__file__).with_name("form.md").read_text()


def extract(mail):
    reply = client.messages.create(
        model="claude-sonnet-4-5",
        max_tokens=800,
        system="Fill in the form from the customer's mail. Leave a field empty when the mail does not say.",
        messages=[{"role": "user", "content": FORM + mail}],
    )
    return reply.content[0].text
