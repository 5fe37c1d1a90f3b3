/* What the processor runs over memory, for both types, at one LEVEL of its instructions: included once for each. */
#define real float
#define TYPED(name) JOIN(name, float, LEVEL)
#define MATH(name) name##f
#define SCALED(x) ((double)(x)) /* squares of floats cannot overflow a double */
#define BITS uint32_t
#define LARGEST UINT32_C(0x7f7fffff)
#include "typed.h"

#define real double
#define TYPED(name) JOIN(name, double, LEVEL)
#define MATH(name) name
#define SCALED(x) ((x) * walk->scale)
#define BITS uint64_t
#define LARGEST UINT64_C(0x7fefffffffffffff)
#include "typed.h"

static const struct walk_entry JOIN(walks, at, LEVEL)[] = {
#define ENTRY(name) {#name, BOTH(name, LEVEL)},
    WALKS(ENTRY) {NULL, {NULL, NULL}}
#undef ENTRY
};
