"""The names of what is measured on a device, and the bytes that each must move for an element."""

OURS = "thincopt"
DEFAULT = "thincopt, default policy"
FULL = "thincopt, clip + averages"
GRAPH = "thincopt, graph"
SINGLE = "thincopt, key by key"
TENSORS = "thincopt, torch's tensors"
KERNEL = "a kernel of CuPy's for each array"
FUSED = "torch fused"
FOREACH = "torch foreach"
CAPTURED = "torch fused, graph"
OPTAX = "optax"
MEMCPY = "floor, memcpy"
COPY = "floor, copy kernel"
TRAFFIC = "floor, 4 reads 4 writes"

STEP = 32  # reads w, g, m, v; writes w, m, v and a zero for g
BYTES = {DEFAULT: 36, FULL: 44, OPTAX: 28}  # g once more; that and the averages; no zero


def bytes_of(program: str) -> int:
    """Those of one program."""
    return BYTES.get(program, STEP)
