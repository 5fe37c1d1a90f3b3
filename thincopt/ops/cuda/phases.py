"""A kernel's phases as a device takes them: its first walk may look at the gradient too, and its scalars may wait."""

from __future__ import annotations

from dataclasses import replace

from ...language.kernel import Assign, Block, Kernel, Operand, Phase, Reduction
from ...language.printing_cuda import FINITE

NOTHING = Block((), (), ())
LOOK = Reduction(FINITE, ("v_g",))


def sees_gradient(kernel: Kernel) -> bool:
    """Whether the first walk only reads, so that it can see on its way whether the gradient is finite."""
    return len(kernel.phases) > 1 and bool(kernel.phases[0].walk.arrays)


def checked(kernel: Kernel, policy: int) -> Kernel:
    """The same kernel, whose first walk looks at the gradient too, if it can and that is asked for."""
    if not policy or not sees_gradient(kernel):
        return kernel
    first, *rest = kernel.phases
    arrays = first.walk.arrays if "g" in first.walk.arrays else (*first.walk.arrays, "g")
    walk = replace(first.walk, arrays=arrays, reductions=(*first.walk.reductions, LOOK))
    return replace(kernel, phases=(replace(first, walk=walk), *rest))


def deferred(kernel: Kernel) -> Kernel:
    """The same; but if the first walk asks for no scalars, all of them are computed after it."""
    first, *rest = kernel.phases
    if not rest or first.scalars or first.totals:
        return kernel
    walk_only = replace(first, block=NOTHING, takes=(), gives=())
    return replace(kernel, phases=(walk_only, _joined(first, rest[0]), *rest[1:]))


def _joined(one: Phase, two: Phase) -> Phase:
    """The second phase, whose block does what the first's does too."""
    known = dict(zip(one.takes, one.block.inputs, strict=True)) | dict(zip(one.gives, one.block.outputs, strict=True))
    new = {slot: f"b{slot}" for slot in two.takes if slot not in known}
    names: dict[Operand, Operand] = {line.target: f"y{line.target}" for line in two.block.code}
    names |= {name: (known | new)[slot] for slot, name in zip(two.takes, two.block.inputs, strict=True)}

    def named(value: Operand) -> Operand:
        return names.get(value, value)

    lines = [Assign(str(named(line.target)), line.op, tuple(map(named, line.args))) for line in two.block.code]
    block = Block(
        (*one.block.inputs, *new.values()),
        (*one.block.code, *lines),
        (*one.block.outputs, *map(named, two.block.outputs)),
        {**one.block.origins, **{str(named(name)): origin for name, origin in two.block.origins.items()}},
    )
    return replace(two, block=block, takes=(*one.takes, *new), gives=(*one.gives, *two.gives))
