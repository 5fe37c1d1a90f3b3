/* The arithmetic of printed kernels: float64 scalars, and arrays of `real`, which is float or double.
   language/arithmetic.py and ops/summing.py state the same for Python; the bits are equal. */
#ifndef THINCOPT_ARITHMETIC_H
#define THINCOPT_ARITHMETIC_H

#include <math.h>
#include <stdint.h>

#define LANES 64
#define CHUNK 4096

/* One walk over elements begin…end of some arrays. A walk that reduces begins at a whole chunk, and writes the
   result of chunk c for its reduction r to sums[r * stride + c]; norms see each element times `scale`. */
struct walk {
    int64_t begin, end;
    void *const *arrays;
    const double *scalars;
    double scale;
    double *sums;
    int64_t stride;
};

#define MINIMUM(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
#define MAXIMUM(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define SIGN(x) ((x) > 0 ? 1 : (x) < 0 ? -1 : (x) == 0 ? 0 : (x))
#define SQRT(x) MATH(sqrt)(x) /* MATH gives the function of the type: sqrtf or sqrt */
#define ABS(x) MATH(fabs)(x)
#define EXP(x) MATH(exp)(x)
#define LOG(x) MATH(log)(x)
#define TANH(x) MATH(tanh)(x)
#define START_LANES(lanes, value) do { for (int j = 0; j < LANES; j++) lanes[j] = value; } while (0)

static inline double square(double x) { return x * x; }

/* A number and what it lost. */
struct pair {
    double value, lost;
};

static inline struct pair pair_product(struct pair a, struct pair b)
{
    const double product = a.value * b.value;
    if (!(1e-290 < fabs(product) && fabs(product) < 1e290 && fabs(a.value) < 1e290 && fabs(b.value) < 1e290))
        return (struct pair){product, 0.0};
    const double a_scaled = 134217729.0 * a.value, b_scaled = 134217729.0 * b.value;
    const double a_high = a_scaled - (a_scaled - a.value), b_high = b_scaled - (b_scaled - b.value);
    const double a_low = a.value - a_high, b_low = b.value - b_high;
    double lost = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    lost = lost + (a.value * b.lost + a.lost * b.value);
    const double total = product + lost;
    return (struct pair){total, lost - (total - product)};
}

/* x to a whole power, by repeated squaring that carries each rounding along. */
static inline double whole_power(double x, double n)
{
    struct pair result = {1.0, 0.0}, base = {x, 0.0};
    for (uint64_t rest = (uint64_t)fabs(n); rest; rest >>= 1) {
        if (rest & 1)
            result = pair_product(result, base);
        if (rest > 1)
            base = pair_product(base, base);
    }
    return n >= 0 ? result.value : 1.0 / result.value;
}

static inline double fold_sum(double *lanes)
{
    for (int half = LANES / 2; half; half /= 2)
        for (int j = 0; j < half; j++)
            lanes[j] += lanes[j + half];
    return lanes[0];
}

static inline double fold_max(double *lanes)
{
    for (int j = 1; j < LANES; j++)
        lanes[0] = MAXIMUM(lanes[j], lanes[0]);
    return lanes[0];
}

/* The result of all chunks from the results of each, in place. */
static double fold_chunks(double *sums, int64_t count, int is_max)
{
    while (count > 1) {
        int64_t done = 0;
        for (int64_t from = 0; from < count; from += CHUNK) {
            const int64_t to = from + CHUNK < count ? from + CHUNK : count;
            double lanes[LANES];
            START_LANES(lanes, (is_max ? -INFINITY : 0));
            for (int64_t row = from; row < to; row += LANES)
                for (int j = 0; j < LANES && row + j < to; j++)
                    lanes[j] = is_max ? MAXIMUM(sums[row + j], lanes[j]) : lanes[j] + sums[row + j];
            sums[done++] = is_max ? fold_max(lanes) : fold_sum(lanes);
        }
        count = done;
    }
    return sums[0];
}

#endif
