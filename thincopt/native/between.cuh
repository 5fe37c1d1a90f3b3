enum { TILE = 256 };

/* The sums over all keys, one after the other; and, at the end of a step, the state that keys share. For one block. */
KERNEL between(struct table *table, const struct wiring *wiring, double)
{
    __shared__ double tile[TILE];
    __shared__ double sum;
    const int *at = wiring->at; /* of each total, for each program: the scalar that is added, that which has the sum */
    for (int i = 0; i < wiring->totals; i++, at += 2 * wiring->programs) {
        if (threadIdx.x == 0)
            sum = 0;
        for (int64_t from = 0; from < table->count; from += TILE) {
            const int here = table->count - from < TILE ? (int)(table->count - from) : TILE;
            for (int k = threadIdx.x; k < here; k += blockDim.x) {
                const double *row = row_of(table, from + k);
                tile[k] = row[SCALARS + at[2 * (int)row[PROGRAM]]];
            }
            __syncthreads();
            for (int k = 0; threadIdx.x == 0 && k < here; k++)
                sum += tile[k];
            __syncthreads();
        }
        for (int64_t k = threadIdx.x; k < table->count; k += blockDim.x) {
            double *row = row_of(table, k);
            row[SCALARS + at[2 * (int)row[PROGRAM] + 1]] = sum;
        }
        __syncthreads();
    }
    const double *row = row_of(table, table->count - 1);
    const int *keeps = at + (int)row[PROGRAM] * 2 * wiring->keeps;
    if (threadIdx.x == 0 && wiring->is_last && row[VERDICT] == GO)
        for (int i = 0; i < wiring->keeps; i++)
            table->shared[keeps[2 * i + 1]] = row[SCALARS + keeps[2 * i]];
}
