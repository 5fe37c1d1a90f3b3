enum { TILE = 256 };

/* The sums over all keys, one after the other; and, at the end of a step, the state that keys share. For one block. */
KERNEL between(struct table *table, const struct wiring *wiring, double)
{
    __shared__ double tile[TILE];
    __shared__ double sum;
    const int *at = wiring->at; /* of each total, for each program: the scalar that is added, that which has the sum; or -1 */
    for (int i = 0; i < wiring->totals; i++, at += 2 * wiring->programs) {
        if (threadIdx.x == 0)
            sum = 0;
        for (int64_t from = 0; from < table->count; from += TILE) {
            const int here = table->count - from < TILE ? (int)(table->count - from) : TILE;
            for (int k = threadIdx.x; k < here; k += blockDim.x) {
                const double *row = row_of(table, from + k);
                const int place = at[2 * (int)row[PROGRAM]];
                tile[k] = place < 0 ? 0 : row[SCALARS + place];
            }
            __syncthreads();
            for (int k = 0; threadIdx.x == 0 && k < here; k++)
                sum += tile[k];
            __syncthreads();
        }
        for (int64_t k = threadIdx.x; k < table->count; k += blockDim.x) {
            double *row = row_of(table, k);
            const int place = at[2 * (int)row[PROGRAM] + 1];
            if (place >= 0)
                row[SCALARS + place] = sum;
        }
        __syncthreads();
    }
    int64_t last = table->count - 1; /* of the cohort, if it has any */
    while (last >= 0 && table->tasks[last].cohort != wiring->cohort)
        last--;
    if (threadIdx.x != 0 || !wiring->is_last || last < 0)
        return;
    const double *row = row_of(table, last);
    const int *keeps = at + ((int)row[PROGRAM] - wiring->programs_at) * 2 * wiring->keeps;
    for (int i = 0; row[VERDICT] == GO && i < wiring->keeps; i++)
        table->shared[wiring->shared_from + keeps[2 * i + 1]] = row[SCALARS + keeps[2 * i]];
}
