"""thincopt beside its peers on a CUDA device: python -m benchmarks.gpu."""
