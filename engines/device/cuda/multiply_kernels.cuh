/* Matrix products on the GPU in the exact arithmetic: each element of C is one fmaf chain for each slice of
 * 256 in k, and slices are added in order. Blocks make tiles of C, of all products of a launch. Where too few
 * tiles would leave multiprocessors idle, slices are made in parallel into a workspace, and a second kernel
 * adds them. Internal to device/cuda/cuda.cu. */
#ifndef HD_DEVICE_CUDA_MULTIPLY_KERNELS_CUH
#define HD_DEVICE_CUDA_MULTIPLY_KERNELS_CUH

#include "arithmetic/arithmetic.h"

/* Element (i, j) of an operand: at[i * row + j * column]. One of the strides is 1. */
struct Operand {
    const float *at;
    int row, column;
};

/* The tiles of a product: one row (gradients of biases), 32 x 32, or 64 x 64. */
enum Cut { ROW, SMALL, LARGE };

struct Task {
    Operand a[2], b[2];
    int k[2];       /* k[1] = 0: one term */
    float *c;       /* m x n, rows ldc apart */
    float *partial; /* [slices][m][n] if slices are made in parallel, else null */
    int m, n, ldc;
    int accumulate;
    int cut;        /* Cut */
    int first_tile; /* of this task in the launch */
    int columns;    /* tiles across */
    int slices;     /* in both terms together */
};

enum { MAX_TASKS = 32 };
struct Tasks {
    int count;
    Task task[MAX_TASKS];
};
static_assert(sizeof(Tasks) <= 4000, "a kernel takes 4 kB of parameters");

/* Threads of every block; k goes through shared memory DEPTH at a time. */
enum { PRODUCT_THREADS = 128, DEPTH = 16 };
static_assert(HD_PRODUCT_SLICE % DEPTH == 0, "a slice is whole chunks");

/* A tile of C with two chunks in shared memory: one is multiplied while the next is loaded. A thread makes
 * HIGH x WIDE of it. Padding keeps the rows aligned to 16 bytes. */
template <int SIDE_, int HIGH_, int WIDE_> struct alignas(16) Tile {
    static constexpr int SIDE = SIDE_, HIGH = HIGH_, WIDE = WIDE_, ACROSS = SIDE / WIDE;
    static_assert(ACROSS * (SIDE / HIGH) == PRODUCT_THREADS, "the threads cover the tile");
    struct Chunk {
        float a[DEPTH][SIDE + 4], b[DEPTH][SIDE + 4];
    } chunk[2];
};
typedef Tile<32, 4, 2> SmallTile;
typedef Tile<64, 8, 4> LargeTile;

/* A thread's part in copying SIDE x DEPTH of an operand to shared memory. The numbers pass through registers,
 * so that the next chunk loads while this one is multiplied. Neighbouring threads read neighbouring numbers,
 * whether the operand is transposed or not. */
template <int SIDE> struct Carrier {
    static constexpr int EACH = SIDE * DEPTH / PRODUCT_THREADS;
    const float *at;
    int side, depth, side_step,
        depth_step; /* number i: (side + i side_step, depth + i depth_step) of the chunk */
    int step, next; /* from one number to the next, from one chunk to the next */
    int side_count; /* how far the operand reaches */
    float held[EACH];

    __device__ __forceinline__ Carrier(const float *from, int side_stride, int depth_stride, int reach) {
        const int t = threadIdx.x;
        const bool along_depth = depth_stride == 1;
        side = along_depth ? t / DEPTH : t % SIDE;
        depth = along_depth ? t % DEPTH : t / SIDE;
        side_step = along_depth ? PRODUCT_THREADS / DEPTH : 0;
        depth_step = along_depth ? 0 : PRODUCT_THREADS / SIDE;
        step = side_step * side_stride + depth_step * depth_stride;
        next = DEPTH * depth_stride;
        side_count = reach;
        at = from + (size_t)side * side_stride + (size_t)depth * depth_stride;
    }

    /* Fetches the next chunk, with zeros beyond the operand's edges. */
    __device__ __forceinline__ void fetch(int depth_count) {
        if (side_count >= SIDE && depth_count >= DEPTH) {
#pragma unroll
            for (int i = 0; i < EACH; i++) held[i] = at[(ptrdiff_t)i * step];
        } else {
#pragma unroll
            for (int i = 0; i < EACH; i++) {
                bool inside = side + i * side_step < side_count && depth + i * depth_step < depth_count;
                held[i] = inside ? at[(ptrdiff_t)i * step] : 0.0f;
            }
        }
        at += next;
    }

    __device__ __forceinline__ void put(float (&chunk)[DEPTH][SIDE + 4]) const {
#pragma unroll
        for (int i = 0; i < EACH; i++) chunk[depth + i * depth_step][side + i * side_step] = held[i];
    }
};

/* Extends the chains by `depth` of a chunk. */
template <class T>
__device__ __forceinline__ void go_on(const typename T::Chunk &chunk, int depth,
                                      float (&sum)[T::HIGH][T::WIDE]) {
    const int top = threadIdx.x / T::ACROSS * T::HIGH, left = threadIdx.x % T::ACROSS * T::WIDE;
#pragma unroll
    for (int d = 0; d < depth; d++) {
        float a[T::HIGH], b[T::WIDE];
#pragma unroll
        for (int i = 0; i < T::HIGH; i++) a[i] = chunk.a[d][top + i];
#pragma unroll
        for (int j = 0; j < T::WIDE; j++) b[j] = chunk.b[d][left + j];
#pragma unroll
        for (int i = 0; i < T::HIGH; i++)
#pragma unroll
            for (int j = 0; j < T::WIDE; j++) sum[i][j] = fmaf(a[i], b[j], sum[i][j]);
    }
}

/* What slice s multiplies, and where it goes. Slices are numbered through both terms. */
struct Part {
    int term, from, to; /* k's */
    float *c;
    int ldc;
    bool add;
};
__device__ __forceinline__ Part part_of(const Task &task, int s) {
    int in_first = (task.k[0] + HD_PRODUCT_SLICE - 1) / HD_PRODUCT_SLICE, term = s >= in_first;
    int from = (term ? s - in_first : s) * HD_PRODUCT_SLICE, to = min(from + HD_PRODUCT_SLICE, task.k[term]);
    if (task.partial) return Part{term, from, to, task.partial + (size_t)s * task.m * task.n, task.n, false};
    return Part{term, from, to, task.c, task.ldc, task.accumulate || s > 0};
}

template <class T>
__device__ __forceinline__ void make_tile(const Task &task, int tile, int first, int last, T &shared) {
    const int row = tile / task.columns * T::SIDE, column = tile % task.columns * T::SIDE;
    for (int s = first; s < last; s++) {
        const Part part = part_of(task, s);
        const Operand &x = task.a[part.term], &y = task.b[part.term];
        Carrier<T::SIDE> a(x.at + (size_t)row * x.row + (size_t)part.from * x.column, x.row, x.column,
                           task.m - row);
        Carrier<T::SIDE> b(y.at + (size_t)part.from * y.row + (size_t)column * y.column, y.column, y.row,
                           task.n - column);
        float sum[T::HIGH][T::WIDE];
#pragma unroll
        for (int i = 0; i < T::HIGH; i++)
#pragma unroll
            for (int j = 0; j < T::WIDE; j++) sum[i][j] = 0.0f;
        a.fetch(part.to - part.from), b.fetch(part.to - part.from);
        a.put(shared.chunk[0].a), b.put(shared.chunk[0].b);
        __syncthreads();
        for (int k = part.from, now = 0; k < part.to; k += DEPTH, now ^= 1) {
            const int depth = part.to - k;
            if (depth > DEPTH) a.fetch(depth - DEPTH), b.fetch(depth - DEPTH);
            if (depth >= DEPTH)
                go_on<T>(shared.chunk[now], DEPTH, sum);
            else
                go_on<T>(shared.chunk[now], depth, sum);
            if (depth > DEPTH) a.put(shared.chunk[now ^ 1].a), b.put(shared.chunk[now ^ 1].b);
            __syncthreads();
        }
        const int top = row + threadIdx.x / T::ACROSS * T::HIGH,
                  left = column + threadIdx.x % T::ACROSS * T::WIDE;
#pragma unroll
        for (int i = 0; i < T::HIGH; i++)
#pragma unroll
            for (int j = 0; j < T::WIDE; j++)
                if (top + i < task.m && left + j < task.n) {
                    float *c = part.c + (size_t)(top + i) * part.ldc + left + j;
                    *c = part.add ? sum[i][j] + *c : sum[i][j];
                }
    }
}

/* Each thread makes one element of the only row. */
__device__ __forceinline__ void make_row(const Task &task, int tile, int first, int last) {
    const int j = tile * PRODUCT_THREADS + threadIdx.x;
    if (j >= task.n) return;
    for (int s = first; s < last; s++) {
        const Part part = part_of(task, s);
        const Operand &x = task.a[part.term], &y = task.b[part.term];
        const float *a = x.at + (size_t)part.from * x.column,
                    *b = y.at + (size_t)part.from * y.row + (size_t)j * y.column;
        float sum = 0.0f;
#pragma unroll 16
        for (int l = 0; l < part.to - part.from; l++)
            sum = fmaf(a[(size_t)l * x.column], b[(size_t)l * y.row], sum);
        part.c[j] = part.add ? sum + part.c[j] : sum;
    }
}

__device__ __forceinline__ const Task &task_of(const Tasks &tasks, int tile) {
    int t = 0;
    while (t + 1 < tasks.count && tile >= tasks.task[t + 1].first_tile) t++;
    return tasks.task[t];
}

/* blockIdx.x is the tile. The block makes all its slices, or only number blockIdx.y (slices in parallel). */
static __global__ void __launch_bounds__(PRODUCT_THREADS)
    multiply_kernel(const __grid_constant__ Tasks tasks) {
    __shared__ union {
        SmallTile small;
        LargeTile large;
    } shared;
    const Task &task = task_of(tasks, blockIdx.x);
    const int tile = blockIdx.x - task.first_tile, y = blockIdx.y;
    if (y >= (task.partial ? task.slices : 1)) return;
    const int first = task.partial ? y : 0, last = task.partial ? y + 1 : task.slices;
    if (task.cut == ROW)
        make_row(task, tile, first, last);
    else if (task.cut == SMALL)
        make_tile(task, tile, first, last, shared.small);
    else
        make_tile(task, tile, first, last, shared.large);
}

/* Adds, in order, the slices that were made in parallel. blockIdx.y is the task. */
static __global__ void add_slices_kernel(const __grid_constant__ Tasks tasks) {
    const Task &task = tasks.task[blockIdx.y];
    if (!task.partial) return;
    size_t count = (size_t)task.m * task.n;
    for (size_t e = blockIdx.x * (size_t)blockDim.x + threadIdx.x; e < count;
         e += (size_t)gridDim.x * blockDim.x) {
        float *at = task.c + e / task.n * task.ldc + e % task.n;
        bool first = !task.accumulate;
        float c = first ? 0.0f : *at;
        for (int s = 0; s < task.slices; s++, first = false) {
            float sum = task.partial[s * count + e];
            c = first ? sum : sum + c;
        }
        *at = c;
    }
}

#endif
