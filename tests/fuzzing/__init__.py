"""The model fuzzer: random scripts on one optimizer by both backends, beside a simple statement of what it promises."""
