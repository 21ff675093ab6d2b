ROUTER_PROMPT = """Decide which team should handle the message below.

Teams: billing, delivery, returns, other. Reply with the name of one team and nothing else.

Message: {message}"""

GREETING = "Hello! What can I do for you?"
