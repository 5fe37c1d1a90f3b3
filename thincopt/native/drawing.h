/* Random words, four of each counter of `own_philox`, which language/drawing.py states: element i has word i mod 4 of
   counter i div 4. */
#ifndef THINCOPT_DRAWING_H
#define THINCOPT_DRAWING_H

WITHIN uint32_t word_at(int64_t i, uint32_t key, uint32_t other, uint32_t at, uint32_t part)
{
    uint32_t words[4];
    own_philox((uint32_t)(i / 4), (uint32_t)(i / 4 >> 32), at, part, key, other, words);
    return words[i % 4];
}

/* Those of a row of LANES elements, the first of which has word 0 of its counter. */
WITHIN void draw(uint32_t *words, int64_t row, uint32_t key, uint32_t other, uint32_t at, uint32_t part)
{
    for (int64_t i = row / 4; i < (row + LANES) / 4; i++, words += 4)
        own_philox((uint32_t)i, (uint32_t)(i >> 32), at, part, key, other, words);
}

#endif
