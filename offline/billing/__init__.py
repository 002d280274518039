"""Billing of the embedded AWS: the account's bill, made of the usage that runs really had, and the APIs over it."""
