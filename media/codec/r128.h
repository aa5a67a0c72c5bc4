#pragma once

#include <stdint.h>

#include <libavfilter/avfilter.h>
#include <libavutil/frame.h>

// ldc_meter is libavfilter's ebur128 in a graph of its own.
typedef struct ldc_meter {
	AVFilterGraph *graph;
	AVFilterContext *src, *sink;
	AVFrame *frame;
	int rate, channels;
	int64_t pts; // of the next sample
} ldc_meter;

// ldc_loudness is what it says of the sound so far: LUFS, LUFS, LUFS, and the
// largest value between samples, 1 being full scale.
typedef struct ldc_loudness {
	double momentary, shortterm, integrated, peak;
} ldc_loudness;

// ldc_meter_open readies m for sound of 1 or 2 channels. AVERROR_FILTER_NOT_FOUND: this libavfilter lacks ebur128.
int ldc_meter_open(ldc_meter *m, int rate, int channels, int peak);

// ldc_meter_put measures n sample instants and writes to out, at most most, what it
// says at the end of each 100 ms. It returns how many those are, or an AVERROR.
int ldc_meter_put(ldc_meter *m, const int16_t *pcm, int n, ldc_loudness *out, int most);

void ldc_meter_close(ldc_meter *m);
