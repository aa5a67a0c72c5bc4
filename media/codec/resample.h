#ifndef LDC_RESAMPLE_H
#define LDC_RESAMPLE_H

#include "compat.h"

SwrContext *ldc_resampler_open(int in_ch, int in_rate, int out_ch, int out_rate);
// ldc_resampler_run converts n sample instants (in NULL: the end) and returns how many came out.
int ldc_resampler_run(SwrContext *s, const int16_t *in, int n, int16_t *out, int max);
int ldc_resampler_max_out(SwrContext *s, int n);
void ldc_resampler_close(SwrContext *s);

#endif
