from flask import Blueprint, flash, redirect, render_template, request, url_for

from shop.models import Order, session

pages = Blueprint("pages", __name__)


@pages.get("/orders/<int:order_id>")
def order(order_id):
    return render_template("order.html", order=session.get(Order, order_id))


@pages.post("/orders")
def create():
    order = Order(**request.form)
    session.add(order)
    session.commit()
    flash("Thank you, your order was received and will be packed today.", category="success")
    return redirect(url_for("pages.order", order_id=order.id))
