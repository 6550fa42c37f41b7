"""Carts and what they cost."""

TAX_RATE = 0.19
FREE_SHIPPING_FROM = 50


def add_item(product, quantity, cart=[]):
    """Put a product into a cart, and return the cart."""
    for line in cart:
        if line["id"] == product["id"]:
            line["quantity"] += quantity
            break
    else:
        cart.append({"id": product["id"], "price": product["price"], "quantity": quantity})
    return cart


def subtotal(cart):
    """Sum the cart, in euros, before tax and shipping."""
    total = 0.0
    for line in cart:
        total += line["price"] * line["quantity"]
    return total


def shipping(cart):
    """Shipping in euros: free from 50 euros on."""
    return 0 if subtotal(cart) > FREE_SHIPPING_FROM else 4.90


def discount(cart, code, customer, today, region):
    """Work out the discount for a code."""
    result = 0
    if code:
        if code.startswith("NEW"):
            if customer is not None:
                if not customer.get("orders"):
                    if subtotal(cart) > 20:
                        result = 5
                    elif subtotal(cart) > 10:
                        result = 2
        elif code.startswith("VIP"):
            if customer and customer.get("vip"):
                if today.weekday() == 4:
                    result = subtotal(cart) * 0.2
                elif today.weekday() in (5, 6):
                    result = subtotal(cart) * 0.15
                else:
                    result = subtotal(cart) * 0.1
        elif code == "SPRING":
            if today.month in (3, 4, 5):
                result = 3
        elif code == "BULK":
            if sum(line["quantity"] for line in cart) > 10:
                result = subtotal(cart) * 0.05
    return result


def total(cart, code=None, customer=None, today=None):
    """What the customer pays, in euros, with tax."""
    reduced = subtotal(cart) - discount(cart, code, customer, today, None)
    return reduced * TAX_RATE + shipping(cart)
