"""Arrays in main memory, by compiled kernels or in plain NumPy."""
