#ifndef LDC_VIDEODEC_H
#define LDC_VIDEODEC_H

#include "decoder.h"
#include "picture.h"

typedef struct ldc_vdec {
	ldc_decoder dec;
	ldc_pool pool;
	ldc_scaler scaler;
} ldc_vdec;

enum { LDC_TOO_BIG = 1 };

// by names a decoder of libavcodec; NULL takes the software decoder for codec.
int ldc_vdec_open(ldc_vdec **out, const char *codec, const char *by, const uint8_t *extra, int extra_size, int w, int h,
                  int64_t max_pixels);
// ldc_vdec_receive gives the next picture as limited-range yuv420p, owned by the caller.
// AVERROR(EAGAIN): more input is needed. LDC_TOO_BIG: a picture was thrown away.
int ldc_vdec_receive(ldc_vdec *d, int max_side, AVFrame **out);
void ldc_vdec_close(ldc_vdec *d);

#endif
