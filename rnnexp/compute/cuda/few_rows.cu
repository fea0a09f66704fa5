// A product of few rows: out[g][r][n] = the sum over k of a[g][r][k] * weights[g][n][k].
//
// A block computes TILE_ROWS x TILE_COLUMNS numbers of `out`. Every thread adds up the products of its own k for
// all of them, in registers; then the threads of a warp add up what they have, then the warps. The order of
// the sums never changes.
// `real`, ROWS, K, N, TILE_ROWS, TILE_COLUMNS and WARPS are set by lines before this file.

constexpr int SUMS = (TILE_ROWS * TILE_COLUMNS + 31) / 32 * 32;  // of a thread; the last ones stay 0

// Two threads each hold NUMBER sums and add them up: the one whose lane has the bit of `DISTANCE` is left with the
// upper half, the other with the lower one. So on, until 32 threads are left with NUMBER / 32 sums each.
template <int NUMBER, int DISTANCE>
__device__ void add_over_warp(real* sum) {
    const bool upper = threadIdx.x & DISTANCE;
#pragma unroll
    for (int i = 0; i < NUMBER / 2; ++i) {
        const real given = upper ? sum[i] : sum[i + NUMBER / 2], kept = upper ? sum[i + NUMBER / 2] : sum[i];
        sum[i] = kept + __shfl_xor_sync(0xffffffffu, given, DISTANCE);
    }
    if constexpr (DISTANCE > 1) add_over_warp<NUMBER / 2, DISTANCE / 2>(sum);
}

// a_next: how many numbers lie from a[g] to a[g + 1]; 0: all g share one. A grid of (columns, (g, rows)) tiles.
extern "C" __global__ void product_of_few_rows(const real* a, const real* weights, real* out, long long a_next) {
    __shared__ real sums[WARPS][SUMS];
    constexpr int tiles = (ROWS + TILE_ROWS - 1) / TILE_ROWS;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = blockIdx.y / tiles;
    // the last tile overlaps the one before it, where the tiles do not fit: both write the same numbers
    const int first_row = min((int)(blockIdx.y % tiles) * TILE_ROWS, ROWS - TILE_ROWS);
    const int first_column = min((int)blockIdx.x * TILE_COLUMNS, N - TILE_COLUMNS);
    const real* row = a + g * a_next + first_row * K;
    const real* column = weights + ((long long)g * N + first_column) * K;
    real sum[SUMS];
#pragma unroll
    for (int i = 0; i < SUMS; ++i) sum[i] = 0;
    for (int k = threadIdx.x; k < K; k += 32 * WARPS) {
        real weight[TILE_COLUMNS];
#pragma unroll
        for (int c = 0; c < TILE_COLUMNS; ++c) weight[c] = column[c * K + k];
#pragma unroll
        for (int r = 0; r < TILE_ROWS; ++r) {
            const real x = row[r * K + k];
#pragma unroll
            for (int c = 0; c < TILE_COLUMNS; ++c) sum[r * TILE_COLUMNS + c] += x * weight[c];
        }
    }
    add_over_warp<SUMS, 16>(sum);
#pragma unroll
    for (int i = 0; i < SUMS / 32; ++i) sums[warp][lane * (SUMS / 32) + i] = sum[i];
    __syncthreads();
    for (int i = threadIdx.x; i < TILE_ROWS * TILE_COLUMNS; i += 32 * WARPS) {
        real total = sums[0][i];
#pragma unroll
        for (int w = 1; w < WARPS; ++w) total += sums[w][i];
        const int r = first_row + i / TILE_COLUMNS, n = first_column + i % TILE_COLUMNS;
        out[((long long)g * ROWS + r) * N + n] = total;
    }
}
