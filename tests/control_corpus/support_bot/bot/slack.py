from slack_sdk import WebClient

client = WebClient()


def alert(channel, text):
    client.chat_postMessage(channel=channel, text=f"The support bot could not answer this question: {text}")
