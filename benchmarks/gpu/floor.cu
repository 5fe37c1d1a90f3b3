/* The floor on a device: the reads and writes of a step of Adam, with exclusive or for arithmetic; a plain copy; and
   what the benchmark needs besides. All go 16 bytes at a time, once for each thread. */

struct alignas(16) four { unsigned x, y, z, w; };

static __device__ inline four mixed(four a, four b)
{
    return {a.x ^ b.x, a.y ^ b.y, a.z ^ b.z, a.w ^ b.w};
}

static __device__ inline long long place() { return (long long)blockIdx.x * blockDim.x + threadIdx.x; }

extern "C" __global__ void copy(four *to, const four *from, long long count)
{
    const long long i = place();
    if (i < count)
        to[i] = from[i];
}

/* Reads w, g, m, v; writes w, m, v and a zero for g: 32 bytes an element. */
extern "C" __global__ void step(four *w, four *g, four *m, four *v, long long count)
{
    const long long i = place();
    if (i >= count)
        return;
    const four a = w[i], b = g[i], c = m[i], d = v[i];
    w[i] = mixed(a, mixed(c, d));
    m[i] = mixed(c, b);
    v[i] = mixed(d, b);
    g[i] = {0, 0, 0, 0};
}

/* Numbers from -1 to 1, by their places and a seed. */
extern "C" __global__ void fill(float *to, long long count, unsigned seed)
{
    const long long i = place();
    if (i >= count)
        return;
    unsigned mix = (unsigned)i ^ (unsigned)(i >> 32) ^ seed * 0x9e3779b9u;
    mix = (mix ^ mix >> 16) * 0x7feb352du;
    mix = (mix ^ mix >> 15) * 0x846ca68bu;
    mix ^= mix >> 16;
    to[i] = (float)(int)mix * (1.0f / 2147483648.0f);
}

/* Keeps a stream busy, so that the host can be ahead of it. */
extern "C" __global__ void spin(long long nanoseconds)
{
    long long start, now;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(start));
    do {
        asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
    } while (now - start < nanoseconds);
}
