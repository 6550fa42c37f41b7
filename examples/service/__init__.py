"""A service with a page: reviews for several tenants, watched, cancelled, decided on, and resumed."""
