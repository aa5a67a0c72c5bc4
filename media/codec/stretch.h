#pragma once

#include <stdint.h>

// ldc_stretch gives n mono samples at rate Hz a tempo times as fast, at the same
// pitch. It returns how many samples were written to out, at most most, or an AVERROR.
int ldc_stretch(const int16_t *in, int n, int rate, double tempo, int16_t *out, int most);
