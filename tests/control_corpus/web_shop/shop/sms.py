from twilio.rest import Client

client = Client()


def notify(order):
    client.messages.create(
        body=f"Your order {order.id} has left our warehouse and will arrive tomorrow.",
        from_="+3612345678",
        to=order.phone,
    )
