import httpx


class Client:
    def __init__(self, url, key):
        self.http = httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60)

    def chat(self, messages, model, **options):
        reply = self.http.post("/chat/completions", json={"model": model, "messages": messages, **options})
        reply.raise_for_status()
        return reply.json()["choices"][0]["message"]["content"]
