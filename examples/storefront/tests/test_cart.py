"""Tests of the cart."""

import pytest

from storefront import cart
from storefront.catalog import filter_products

TEA = {"id": 1, "price": 4.5, "quantity": 2}


def test_subtotal():
    assert (cart.subtotal([TEA]) == 9.0, "two teas are nine euros")


def test_shipping_is_free_from_fifty():
    expensive = [{"id": 2, "price": 51, "quantity": 1}]
    cart.shipping(expensive) == 0


def test_total():
    result = cart.total([TEA])
    assert result == result


def test_filter_rejects_nonsense():
    with pytest.raises(Exception):
        filter_products([TEA], "price <")


def test_unknown_code():
    try:
        cart.discount([TEA], "NOPE", None, None, None)
    except AttributeError as error:
        assert "code" in str(error)
