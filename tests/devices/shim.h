/* A processor as a device: blocks run one after the other, their threads one or several. */
#include <barrier>
#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>
#define __global__
#define __device__
#define __shared__ static
#define __threadfence_system()
#define __syncthreads() do { if (blockDim.x > 1) together->arrive_and_wait(); } while (0)

struct place { int x; };
static place blockIdx, blockDim, gridDim;
static thread_local place threadIdx;
static std::barrier<> *together;

template <class T> static T atomicMax(T *at, T value)
{
    T old = __atomic_load_n(at, __ATOMIC_SEQ_CST);
    while (old < value && !__atomic_compare_exchange_n(at, &old, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {}
    return old;
}

struct table;
struct wiring;
typedef void kernel(table *, const wiring *, double);

extern "C" void launch(kernel *run, int blocks, int threads, table *t, const wiring *w, double scale)
{
    gridDim.x = blocks;
    blockDim.x = threads;
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++) {
        if (threads == 1) {
            run(t, w, scale);
            continue;
        }
        std::barrier<> barrier(threads);
        together = &barrier;
        std::vector<std::thread> all;
        for (int i = 0; i < threads; i++)
            all.emplace_back([=] { threadIdx.x = i; run(t, w, scale); together->arrive_and_drop(); });
        for (auto &each : all)
            each.join();
    }
}
