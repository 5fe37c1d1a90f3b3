/* Go over the memory of all tasks, alone or with the pool's workers.

   A large batch is cut into units of some tens of thousands of elements: parts of large arrays, groups of small ones.
   Parts begin at whole chunks, and a reduction writes one result per chunk, so no result depends on who did what. */
#ifndef THINCOPT_SHARING_H
#define THINCOPT_SHARING_H

#include "wiring.h"

enum {
    LARGE = 1 << 16,                     /* from so many elements on the interpreter's lock is released */
    SMALLEST = CHUNK, MOST = 16 * CHUNK, /* elements of a unit */
    EACH = 512                           /* what an array costs beyond its elements, in elements */
};

/* What is to be done with one part of a task's arrays. */
struct pass {
    void (*visit)(const struct pass *, const Task *, int64_t begin, int64_t end);
    const Room *room;
    Py_ssize_t count;
    double scale;
    atomic_int *is_nonfinite;
};

static void visit_unit(const void *job, int64_t unit)
{
    const struct pass *pass = job;
    const Room *room = pass->room;
    for (Py_ssize_t i = room->units[unit]; i < room->units[unit + 1]; i++)
        pass->visit(pass, &room->tasks[room->spans[i].task], room->spans[i].begin, room->spans[i].end);
}

static void go_over(const struct pass *pass)
{
    if (pass->room->unit_count)
        share(visit_unit, pass, pass->room->unit_count);
    else
        for (Py_ssize_t k = 0; k < pass->count; k++)
            pass->visit(pass, &pass->room->tasks[k], 0, pass->room->tasks[k].size);
}

/* Cut the batch into units: about four for each thread, within bounds. */
static int plan(Room *room, Py_ssize_t count, int64_t total, int threads)
{
    int64_t wanted = total / (4 * threads) / CHUNK * CHUNK, weight = 0;
    wanted = wanted < SMALLEST ? SMALLEST : wanted > MOST ? MOST : wanted;
    Py_ssize_t spans = 0, units = 0;
    const Py_ssize_t most = 2 * (count + total / wanted + 1); /* a part ends its array or fills a unit */
    if (grow((void **)&room->spans, &room->span_room, most, sizeof *room->spans) < 0
        || grow((void **)&room->units, &room->unit_room, most + 1, sizeof *room->units) < 0)
        return -1;
    for (Py_ssize_t k = 0; k < count; k++)
        for (int64_t begin = 0, end; begin < room->tasks[k].size; begin = end) {
            if (!weight)
                room->units[units++] = spans;
            end = begin + wanted - weight / CHUNK * CHUNK;
            end = end < room->tasks[k].size ? end : room->tasks[k].size;
            room->spans[spans++] = (Span){k, begin, end};
            weight += end - begin + EACH;
            weight = weight < wanted ? weight : 0;
        }
    room->units[units] = spans;
    room->unit_count = units;
    return 0;
}

#endif
