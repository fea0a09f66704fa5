"""A cuBLAS over the memory of the stand-in: a library whose functions call those below.

They take matrices whose columns are contiguous, as cuBLAS does.
"""

import ctypes

import cupy
import numpy as np

SOURCE = """
typedef int (*Call)(const char*, void**);
static Call call;
extern "C" void answer(Call function) { call = function; }
#define VOIDS(...) void* all[] = {__VA_ARGS__}
extern "C" int cublasCreate_v2(void** handle) { *handle = (void*)&call; return 0; }
extern "C" int cublasSetStream_v2(void* h, void* stream) { VOIDS(&stream); return call("stream", all); }
extern "C" int cublasSetWorkspace_v2(void* h, void* address, unsigned long size) {
    VOIDS(&address, &size);
    return call("workspace", all);
}
extern "C" int cublasSetMathMode(void* h, int mode) { VOIDS(&mode); return call("math mode", all); }
#define GEMM(NAME, REAL) \\
    extern "C" int NAME(void* h, int transa, int transb, int m, int n, int k, const REAL* alpha, \\
                        void* a, int lda, long long nexta, void* b, int ldb, long long nextb, \\
                        const REAL* beta, void* c, int ldc, long long nextc, int count) { \\
        double factors[] = {*alpha, *beta}; \\
        VOIDS(&transa, &transb, &m, &n, &k, &factors[0], &a, &lda, &nexta, &b, &ldb, &nextb, &factors[1], \\
              &c, &ldc, &nextc, &count); \\
        return call(#REAL, all); \\
    }
GEMM(cublasSgemmStridedBatched, float)
GEMM(cublasDgemmStridedBatched, double)
#define ONE(NAME, REAL) \\
    extern "C" int NAME##_v2(void* h, int transa, int transb, int m, int n, int k, const REAL* alpha, \\
                             void* a, int lda, void* b, int ldb, const REAL* beta, void* c, int ldc) { \\
        return NAME##StridedBatched(h, transa, transb, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, \\
                                    ldc, 0, 1); \\
    }
ONE(cublasSgemm, float)
ONE(cublasDgemm, double)
"""
N, Q, D, P = ctypes.c_int, ctypes.c_longlong, ctypes.c_double, ctypes.c_size_t
GEMM = N, N, N, N, N, D, P, N, Q, P, N, Q, D, P, N, Q, N
TYPES = {"stream": (P,), "workspace": (P, P), "math mode": (N,), "float": GEMM, "double": GEMM}
state = {"workspace": 0, "math mode": 0, "status": 0}


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p))
def answer(name, places):
    name = name.decode()
    values = [kind.from_address(place).value for kind, place in zip(TYPES[name], places)]
    if state["status"]:
        return state["status"]
    if name == "stream":
        assert values == [cupy.Stream.ptr]
        state["workspace"] = 0
    elif name == "workspace":
        state["workspace"] = values[1]
    elif name == "math mode":
        state["math mode"] = values[0]
    else:
        gemm(np.dtype(name if name == "double" else "float32"), *values)
    return 0


def gemm(dtype, transa, transb, m, n, k, alpha, a, lda, nexta, b, ldb, nextb, beta, c, ldc, nextc, count):
    assert state["workspace"], "a product that is captured needs a workspace"
    assert lda >= max(1, k if transa else m)
    assert ldb >= max(1, n if transb else k)
    assert ldc >= max(1, m)

    def matrices(address, rows, columns, ld, step):
        numbers = step * (count - 1) + ld * (columns - 1) + rows
        whole = (ctypes.c_char * (dtype.itemsize * numbers)).from_address(address)
        strides = [dtype.itemsize * step for step in (step, 1, ld)]
        return np.lib.stride_tricks.as_strided(np.frombuffer(whole, dtype), (count, rows, columns), strides)

    def multiply():
        left = matrices(a, *((k, m) if transa else (m, k)), lda, nexta)
        right = matrices(b, *((n, k) if transb else (k, n)), ldb, nextb)
        out = matrices(c, m, n, ldc, nextc)
        left = left.swapaxes(1, 2) if transa else left
        right = right.swapaxes(1, 2) if transb else right
        product = dtype.type(alpha) * (left @ right)
        out[...] = product + dtype.type(beta) * out if beta else product

    cupy.do("products", multiply)


library = ctypes.CDLL(str(cupy.build(SOURCE, "libcublas.so.0-rnnexp")))
library.answer(answer)
