#include "resample.h"

SwrContext *ldc_resampler_open(int in_ch, int in_rate, int out_ch, int out_rate) {
	return ldc_swr(NULL, in_ch, AV_SAMPLE_FMT_S16, in_rate, out_ch, out_rate);
}

int ldc_resampler_run(SwrContext *s, const int16_t *in, int n, int16_t *out, int max) {
	const uint8_t *src[1] = {(const uint8_t *)in};
	uint8_t *dst[1] = {(uint8_t *)out};
	return swr_convert(s, dst, max, in ? src : NULL, n);
}

int ldc_resampler_max_out(SwrContext *s, int n) { return swr_get_out_samples(s, n); }

void ldc_resampler_close(SwrContext *s) { swr_free(&s); }
