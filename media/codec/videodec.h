#ifndef LDC_VIDEODEC_H
#define LDC_VIDEODEC_H

#include "decoder.h"
#include "filter.h"
#include "frame.h"

typedef struct ldc_vdec {
	ldc_decoder dec;
	ldc_pool pool;
	ldc_scaler scaler;
	ldc_filter filter;
	AVFrame *held;      // waits while the graph before it empties
	int empties, ended; // the graph was told of the end; so was the decoder
	int woven;          // an interlaced frame was seen
	AVRational aspect;  // of the first frame's pixels
	int color[3];       // primaries, transfer, matrix as the container tells
	int degraded;       // why frames were not filtered that should have been, an error code
} ldc_vdec;

enum { LDC_TOO_BIG = 1 };

// by names a decoder of libavcodec; NULL takes the software decoder for codec.
int ldc_vdec_open(ldc_vdec **out, const char *codec, const char *by, const ldc_params *p, int64_t max_pixels);
// ldc_vdec_receive gives the next frame as limited-range yuv420p, whole and of
// standard dynamic range, owned by the caller; its color_* tell how it is coded.
// AVERROR(EAGAIN): more input is needed. LDC_TOO_BIG: a frame was thrown away.
int ldc_vdec_receive(ldc_vdec *d, int max_side, AVFrame **out);
// ldc_vdec_flush makes d ready for another stream.
void ldc_vdec_flush(ldc_vdec *d);
void ldc_vdec_close(ldc_vdec *d);

#endif
