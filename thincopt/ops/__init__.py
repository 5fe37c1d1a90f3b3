"""Where kernels run. `contract` says what a backend must do; `numpy_ops` does it on the CPU."""
