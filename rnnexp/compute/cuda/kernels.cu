// The kernels that are not elementwise. `real` is float or double, by a line before this file.
// Every sum has an order of its own that never changes, so the same step gives the same bits.

#define THREADS 256  // of a block whose threads add up together

// out[n] = table[index[n]], zeros where the index is negative. A block a row.
extern "C" __global__ void take_rows(const real* table, const int* index, real* out, long long columns) {
    const long long n = blockIdx.x, row = index[n];
    for (long long j = threadIdx.x; j < columns; j += blockDim.x)
        out[n * columns + j] = row < 0 ? real(0) : table[row * columns + j];
}

// target[index[n]] += rows[n] for all n with index[n] >= 0. The blocks of the first n with an index add the rows of
// all of them, in their order; blockIdx.y says which columns.
extern "C" __global__ void add_rows(real* target, const int* index, const real* rows, long long count,
                                    long long columns) {
    const long long n = blockIdx.x, row = index[n];
    if (row < 0) return;
    int before = 0;
    for (long long m = threadIdx.x; m < n; m += blockDim.x) before |= index[m] == row;
    if (__syncthreads_or(before)) return;
    const long long j = blockIdx.y * (long long)blockDim.x + threadIdx.x;
    if (j >= columns) return;
    real sum = target[row * columns + j];
    for (long long m = n; m < count; ++m)
        if (index[m] == row) sum += rows[m * columns + j];
    target[row * columns + j] = sum;
}

// Philox 4x64 of 10 rounds (Salmon et al. 2011), as in numpy.random.Philox.
__device__ void philox(unsigned long long counter[4], unsigned long long key0, unsigned long long key1) {
    for (int round = 0; round < 10; ++round) {
        const unsigned long long m0 = 0xD2E7470EE14C6C93ULL, m1 = 0xCA5A826395121157ULL;
        const unsigned long long high0 = __umul64hi(m0, counter[0]), low0 = m0 * counter[0];
        const unsigned long long high1 = __umul64hi(m1, counter[2]), low1 = m1 * counter[2];
        counter[0] = high1 ^ counter[1] ^ key0;
        counter[1] = low1;
        counter[2] = high0 ^ counter[3] ^ key1;
        counter[3] = low0;
        key0 += 0x9E3779B97F4A7C15ULL;
        key1 += 0xBB67AE8584CAA73BULL;
    }
}

// The mask that rnnexp.compute.cpu.Cpu.dropout_mask draws with NumPy.
// A thread makes the 8 numbers of a turn of the generator.
extern "C" __global__ void dropout_mask(real* mask, long long count, unsigned long long seed,
                                        const unsigned long long* step, unsigned long long place, float rate,
                                        real kept) {
    const unsigned long long turn = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x;
    if ((long long)(8 * turn) >= count) return;
    unsigned long long words[4] = {turn + 1, 0, step[0], place};
    philox(words, seed, 0);
    for (int k = 0; k < 8 && (long long)(8 * turn) + k < count; ++k) {
        const unsigned int bits = (unsigned int)(words[k / 2] >> (32 * (k % 2)));
        const float uniform = (bits >> 8) * (1.0f / 16777216.0f);
        mask[8 * turn + k] = uniform >= rate ? kept : real(0);
    }
}

// The sum of a number of each of THREADS threads, for all of them.
__device__ double block_sum(double x) {
    __shared__ double sums[THREADS];
    sums[threadIdx.x] = x;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
        __syncthreads();
    }
    const double sum = sums[0];
    __syncthreads();
    return sum;
}

// nats[row] = -log softmax(logits + bias)[target], 0 where the target is negative; then the logits become their
// gradient times `scale`, where `gradient` is not 0. A block a row.
extern "C" __global__ void softmax_rows(real* logits, const real* bias, const int* targets, double* nats,
                                        long long columns, real scale, int gradient) {
    __shared__ real tops[THREADS], sums[THREADS];
    const int me = threadIdx.x;
    real* x = logits + blockIdx.x * columns;
    const long long target = targets[blockIdx.x], mine = me < columns ? me : columns - 1;
    const real at_target = target < 0 ? real(0) : x[target] + bias[target];
    // the largest number so far, and the sum of exp(x - that)
    real top = x[mine] + bias[mine], sum = 0;
    for (long long j = me; j < columns; j += THREADS) {
        const real y = x[j] + bias[j];
        if (y > top) {
            sum *= exp(top - y);
            top = y;
        }
        sum += exp(y - top);
    }
    tops[me] = top;
    sums[me] = sum;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (me < half) {
            const real other = tops[me + half], higher = tops[me] > other ? tops[me] : other;
            sums[me] = sums[me] * exp(tops[me] - higher) + sums[me + half] * exp(other - higher);
            tops[me] = higher;
        }
        __syncthreads();
    }
    top = tops[0];
    sum = sums[0];
    if (me == 0) nats[blockIdx.x] = target < 0 ? 0 : log((double)sum) - (double)(at_target - top);
    if (!gradient) return;
    const real factor = target < 0 ? real(0) : scale / sum;
    for (long long j = me; j < columns; j += THREADS) {
        const real y = exp(x[j] + bias[j] - top) * factor;
        x[j] = j == target ? y - scale : y;
    }
}

// total[0] = the sum of x. One block.
extern "C" __global__ void sum_all(const double* x, double* total, long long count) {
    double sum = 0;
    for (long long k = threadIdx.x; k < count; k += THREADS) sum += x[k];
    sum = block_sum(sum);
    if (threadIdx.x == 0) total[0] = sum;
}

// parts[block] = a block's part of the sum of squares of x.
extern "C" __global__ void sum_squares(const real* x, double* parts, long long count) {
    double sum = 0;
    for (long long k = blockIdx.x * (long long)THREADS + threadIdx.x; k < count; k += gridDim.x * (long long)THREADS)
        sum += (double)x[k] * (double)x[k];
    sum = block_sum(sum);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// clip = {norm, factor}: the root of the sum of the parts, and what brings it to `limit` if it is above. A finite norm counts
// as a step. One block.
extern "C" __global__ void norm_and_factor(const double* parts, double* clip, double* steps, long long count, double limit) {
    double sum = 0;
    for (long long k = threadIdx.x; k < count; k += THREADS) sum += parts[k];
    const double norm = sqrt(block_sum(sum));
    if (threadIdx.x > 0) return;
    clip[0] = norm;
    clip[1] = norm > limit ? limit / norm : 1;
    if (isfinite(norm)) steps[0] += 1;
}
