// What CUDA C++ has beyond C++, for kernels of our own on a CPU. The threads of a block take turns: each runs until
// it waits for the others, in kernels in which they wait.
#include <setjmp.h>
#include <stdlib.h>
#include <ucontext.h>
#include <functional>

#define __global__
#define __device__ static
#define __shared__ static
static int min(int a, int b) { return a < b ? a : b; }
struct Index { long long x, y; };
static Index threadIdx, blockIdx, blockDim, gridDim;

static float exp(float x) { return __builtin_expf(x); }
static float expm1(float x) { return __builtin_expm1f(x); }
static float log(float x) { return __builtin_logf(x); }
static float sqrt(float x) { return __builtin_sqrtf(x); }
static float tanh(float x) { return __builtin_tanhf(x); }
static float fabs(float x) { return __builtin_fabsf(x); }
static double exp(double x) { return __builtin_exp(x); }
static double expm1(double x) { return __builtin_expm1(x); }
static double log(double x) { return __builtin_log(x); }
static double sqrt(double x) { return __builtin_sqrt(x); }
static double tanh(double x) { return __builtin_tanh(x); }
static double fabs(double x) { return __builtin_fabs(x); }
#define isfinite(x) __builtin_isfinite(x)
#define isnan(x) __builtin_isnan(x)
static unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)(((unsigned __int128)a * b) >> 64);
}

// A thread of a block has a stack of its own, on which it does one block after the other.
const int MOST = 1024;
static jmp_buf scheduler, places[MOST];
static ucontext_t beginnings[MOST];
static bool begun[MOST], over[MOST];
static std::function<void()> kernel;
static int running;

static void __syncthreads() {
    if (!_setjmp(places[running])) _longjmp(scheduler, 1);
}

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

template <class T> static T __shfl_xor_sync(unsigned mask, T mine, int distance) {
    static T given[MOST];
    given[running] = mine;
    __syncthreads();
    const T others = given[running ^ distance];
    __syncthreads();
    return others;
}

static void live() {
    for (;;) {
        kernel();
        over[running] = true;
        __syncthreads();
    }
}

static void go_on(int thread) {
    running = thread;
    threadIdx = {thread, 0};
    if (_setjmp(scheduler)) return;
    if (begun[thread]) _longjmp(places[thread], 1);
    begun[thread] = true;
    ucontext_t& context = beginnings[thread];
    getcontext(&context);
    context.uc_stack.ss_size = 32768;
    context.uc_stack.ss_sp = malloc(context.uc_stack.ss_size);
    makecontext(&context, live, 0);
    setcontext(&context);
}

// Each thread up to where it waits next; how many are not done then.
static int turn(int block) {
    int left = 0;
    for (int k = 0; k < block; ++k) {
        if (!over[k]) go_on(k);
        left += !over[k];
    }
    return left;
}

static void launch(int x, int y, int block, bool together, std::function<void()> function) {
    kernel = function;
    blockDim = {block, 1};
    gridDim = {x, y};
    for (blockIdx.y = 0; blockIdx.y < y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < x; ++blockIdx.x) {
            if (!together) {
                for (threadIdx = {0, 0}; threadIdx.x < block; ++threadIdx.x) function();
                continue;
            }
            for (int k = 0; k < block; ++k) over[k] = false;
            while (turn(block)) {}
        }
}
