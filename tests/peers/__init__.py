"""Live comparisons with implementations that others wrote, and with formulas stated a second time."""
