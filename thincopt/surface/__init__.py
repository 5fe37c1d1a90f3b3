"""What a user names: the optimizer, its factories and registries, and what there is to tell of them."""
