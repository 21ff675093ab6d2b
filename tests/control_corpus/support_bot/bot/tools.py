from agents import Agent, function_tool


@function_tool
def order_state(order_id: int) -> str:
    """Say where an order is. Use this whenever the customer gives an order number."""
    return lookup(order_id)


def lookup(order_id):
    return {1: "packed"}.get(order_id, "unknown")


agent = Agent(name="orders", instructions="Help customers with their orders. Never guess a date.", tools=[order_state])
