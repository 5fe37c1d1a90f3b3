"""Where kernels run: `contract` says what a backend must do; `numpy` and `cuda` do it."""
