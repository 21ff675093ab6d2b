from openai import OpenAI

client = OpenAI()
STYLE = "formal"


def answer(question, passages):
    context = "\n\n".join(passages)
    reply = client.chat.completions.create(
        model="gpt-4o-mini",
        temperature=0.2,
        messages=[
            {"role": "system", "content": f"You answer questions of customers in a {STYLE} tone, from the passages alone."},
            {"role": "user", "content": f"Passages:\n{context}\n\nQuestion: {question}"},
        ],
    )
    return reply.choices[0].message.content
