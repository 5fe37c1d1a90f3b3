"""Arrays on CUDA devices: CuPy's, and through DLPack those of others."""
