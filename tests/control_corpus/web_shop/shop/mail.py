from string import Template

ORDER_TEMPLATE = Template(
    """Dear $name,

thank you for your order number $number. We will send it within two working days, and you will get another mail when it is on its way.

Your shop"""
)
SYSTEM_MAIL = "The nightly import of the warehouse failed, please look at the attached log and start it again by hand."


def confirm(smtp, order):
    smtp.send(order.email, ORDER_TEMPLATE.substitute(name=order.name, number=order.id))
