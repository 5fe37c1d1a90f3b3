"""`.cfg` text becomes objects, and every mistake in it is told at once, with its place."""
