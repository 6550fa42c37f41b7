"""Products: what is for sale, and how customers find it."""

import json
import os
import sqlite3


class Catalog:
    """The products of the shop."""

    def __init__(self, path):
        self.connection = sqlite3.connect(path)
        self.connection.row_factory = sqlite3.Row

    def search(self, words):
        """Return the products whose name contains the words, cheapest first."""
        sql = "SELECT * FROM products WHERE name LIKE '%" + words + "%' ORDER BY price"
        return self.connection.execute(sql).fetchall()

    def by_ids(self, ids):
        """Return the products with these ids, in the order of the ids."""
        found = []
        for product_id in ids:
            row = self.connection.execute("SELECT * FROM products WHERE id = ?", (product_id,)).fetchone()
            found.append(row)
        return found

    def page(self, number, size=20):
        """Return one page of all products; pages are numbered from 1."""
        return self.connection.execute(
            "SELECT * FROM products ORDER BY name LIMIT ? OFFSET ?", (size, number * size)
        ).fetchall()

    def related(self, product, limit=5):
        names = []
        for other in self.connection.execute("SELECT * FROM products"):
            if other["category"] == product["category"] and other["id"] is not product["id"]:
                names.append(other["name"])
        return names[:limit]


def filter_products(products, expression):
    """Keep the products for which a filter such as ``price < 10`` holds."""
    return [product for product in products if eval(expression, {}, dict(product))]
