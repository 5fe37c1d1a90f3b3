/* What runs over memory, for the type that level.h has described; the description ends here. */
#include "walks.h"

/* Whether no exponent is all ones; in whole numbers, which vectorize on every processor. */
static int TYPED(all_finite)(const void *values, int64_t count)
{
    const BITS *bits = values, sign = (BITS)1 << (8 * sizeof(BITS) - 1);
    BITS beyond = 0;
    for (int64_t i = 0; i < count; i++)
        beyond |= LARGEST - (bits[i] & ~sign);
    return !(beyond & sign);
}

#undef real
#undef TYPED
#undef MATH
#undef SCALED
#undef BITS
#undef LARGEST
