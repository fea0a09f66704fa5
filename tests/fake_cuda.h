// What CUDA C++ has beyond C++, for kernels of our own on a CPU. The threads of a block take turns: each runs until
// it waits for the others, in kernels in which they wait.
#include <ucontext.h>
#include <functional>
#include <vector>

#define __global__
#define __device__ static
#define __shared__ static
struct Index { long long x, y; };
static Index threadIdx, blockIdx, blockDim, gridDim;

static float exp(float x) { return __builtin_expf(x); }
static float log(float x) { return __builtin_logf(x); }
static float sqrt(float x) { return __builtin_sqrtf(x); }
static float tanh(float x) { return __builtin_tanhf(x); }
static float fabs(float x) { return __builtin_fabsf(x); }
static double exp(double x) { return __builtin_exp(x); }
static double log(double x) { return __builtin_log(x); }
static double sqrt(double x) { return __builtin_sqrt(x); }
static double tanh(double x) { return __builtin_tanh(x); }
static double fabs(double x) { return __builtin_fabs(x); }
#define isfinite(x) __builtin_isfinite(x)
#define isnan(x) __builtin_isnan(x)
static unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)(((unsigned __int128)a * b) >> 64);
}

static ucontext_t scheduler;
static std::vector<ucontext_t> threads;
static std::vector<bool> over;
static std::function<void()> kernel;
static int running;

static void __syncthreads() { swapcontext(&threads[running], &scheduler); }

static int any;
static int __syncthreads_or(int mine) {
    if (running == 0) any = 0;
    __syncthreads();
    any |= mine;
    __syncthreads();
    const int result = any;
    __syncthreads();
    return result;
}

static void run_thread() {
    kernel();
    over[running] = true;
}

static void launch(int x, int y, int block, bool together, std::function<void()> function) {
    kernel = function;
    threads.resize(block);
    static std::vector<std::vector<char>> stacks(1024, std::vector<char>(32768));
    blockDim = {block, 1};
    gridDim = {x, y};
    for (blockIdx.y = 0; blockIdx.y < y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < x; ++blockIdx.x) {
            if (!together) {
                for (threadIdx = {0, 0}; threadIdx.x < block; ++threadIdx.x) function();
                continue;
            }
            over.assign(block, false);
            for (int k = 0; k < block; ++k) {
                getcontext(&threads[k]);
                threads[k].uc_stack.ss_sp = stacks[k].data();
                threads[k].uc_stack.ss_size = stacks[k].size();
                threads[k].uc_link = &scheduler;
                makecontext(&threads[k], run_thread, 0);
            }
            for (int left = block; left > 0;) {
                left = 0;
                for (running = 0; running < block; ++running)
                    if (!over[running]) {
                        threadIdx = {running, 0};
                        swapcontext(&scheduler, &threads[running]);
                        left += !over[running];
                    }
            }
        }
}
