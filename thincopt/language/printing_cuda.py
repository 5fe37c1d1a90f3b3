"""Print blocks and walks as CUDA kernels. What they call, such as `store` and `fold_lanes`, is native/device.cuh's."""

from __future__ import annotations

from .kernel import Block, Reduction, Walk, spelled
from .printing_c import ARRAY, REDUCE, assigns, block_lines, digest, loads, numbers, pointers, read_by

FINITE = "finite"  # the kind of reduction that only sees whether all elements are
SHRUNK = "shrunk"  # a norm at a smaller scale, for float64 whose squares overflow: see ops/numpy/plain.py
WORD = "word_at({}, {{}}, {{}}, {{}}, {{}})"
_ADDS = {kind: add for kind, (_, add, _) in REDUCE.items()} | {
    FINITE: "is_finite &= {1} - {1} == 0;",
    SHRUNK: "if (DOUBLE) {0} += square(SHRINK * (double){1});",
}


def sums_of(walk: Walk) -> list[Reduction]:
    """What a walk keeps for each chunk: its sums and maxima in order, then the norms once more at a smaller scale."""
    found = [each for each in walk.reductions if each.kind != FINITE]
    return found + [each._replace(kind=SHRUNK) for each in found if each.kind == "norm"]


def cuda_block(block: Block) -> tuple[str, str]:
    """The name and the source of a kernel that computes these scalars for each key of a batch."""
    body = [
        f"enum {{ TAKES = {len(block.inputs)}, GIVES = {len(block.outputs)} }};",
        "static __device__ void of(const double *in, double *out)",
        *_braced(block_lines(block)),
    ]
    return _kernel("scalars", "compute", body)


def cuda_walk(walk: Walk) -> tuple[str, str]:
    """The name and the source of a kernel that walks over a batch, in the type `real`."""
    return _kernel("walk", "store", _storing(walk)) if walk.stores else _kernel("walk", "reduce", _reducing(walk))


def _kernel(prefix: str, calls: str, body: list[str]) -> tuple[str, str]:
    text = "\n".join(_braced(body))
    name = digest(prefix, text)
    head = f"KERNEL {name}(struct table *table, const struct wiring *wiring, double lr_scale)"
    return name, f"struct {name}_code\n{text};\n{head}\n{{\n    {calls}<{name}_code>(table, wiring, lr_scale);\n}}\n"


def _storing(walk: Walk) -> list[str]:
    """N elements at a time: all arrays are loaded, then all is computed, then all is stored."""
    read, stored = ([*map(spelled, names)] for names in (read_by(walk), dict(walk.stores)))
    inside = [f"const real v_{name} = a_{name}.at[j];" for name in read]
    inside += assigns(walk, ARRAY | {"word": WORD.format("i + j")})
    inside += [f"a_{spelled(name)}.at[j] = {value};" for name, value in walk.stores]
    return [
        f"enum {{ ARRAYS = {len(walk.arrays)} }};",
        "template <int N>",
        "static __device__ void over(int64_t begin, int64_t end, void *const *arrays, const double *scalars)",
        *_braced(
            [
                *_operands(walk),
                "for (int64_t i = begin + (int64_t)threadIdx.x * N; i < end; i += (int64_t)blockDim.x * N) {",
                *(
                    f"    struct pack<N> a_{name}{f' = load<N>(p_{name} + i)' * (name in read)};"
                    for name in map(spelled, walk.arrays)
                ),
                "    UNROLL",
                "    for (int j = 0; j < N; j++) {",
                *(f"        {line}" for line in inside),
                "    }",
                *(f"    keep<N>(p_{name} + i, a_{name});" for name in stored),
                "}",
            ]
        ),
    ]


def _reducing(walk: Walk) -> list[str]:
    """One chunk: each lane by one thread, in order; then lanes are folded by all threads together."""
    sums = sums_of(walk)
    kinds = {kind: start for kind, (start, _, _) in REDUCE.items()} | {SHRUNK: "0"}
    checks = [each for each in walk.reductions if each.kind == FINITE]
    inside = [*loads(walk), *assigns(walk, ARRAY | {"word": WORD.format("i")})]
    inside += [_ADDS[each.kind].format(f"r{index}", *each.args) for index, each in enumerate([*sums, *checks])]
    arguments = "void *const *arrays, const double *scalars, double (*lanes)[LANES]"
    return [
        f"enum {{ ARRAYS = {len(walk.arrays)}, SUMS = {len(sums)} }};",
        f"static __device__ bool over(int64_t begin, int64_t end, {arguments})",
        *_braced(
            [
                *_operands(walk),
                "bool is_finite = true;",
                "for (int lane = threadIdx.x; lane < LANES; lane += blockDim.x) {",
                *(f"    double r{index} = {kinds[each.kind]};" for index, each in enumerate(sums)),
                "    for (int64_t i = begin + lane; i < end; i += LANES) {",
                *(f"        {line}" for line in inside),
                "    }",
                *(f"    lanes[{index}][lane] = r{index};" for index in range(len(sums))),
                "}",
                "return is_finite;",
            ]
        ),
        "static __device__ void fold(double (*lanes)[LANES])",
        *_braced(
            [f"fold_lanes(lanes[{index}], {int(each.kind == 'amax')}, 1);" for index, each in enumerate(sums)],
        ),
    ]


def _operands(walk: Walk) -> list[str]:
    return [*pointers(walk, "(real *)arrays[{}]"), *numbers(walk, "scalars[{}]")]


def _braced(lines: list[str]) -> list[str]:
    return ["{", *(f"    {line}" for line in lines), "}"]
