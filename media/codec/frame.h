// Frames in C's memory: a pool of them, and conversion into them.
#ifndef LDC_PICTURE_H
#define LDC_PICTURE_H

#include <libavutil/buffer.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>

// ldc_pool makes yuv420p frames of one size at a time. Frames outlive it.
typedef struct ldc_pool {
	AVBufferPool *buffers;
	int w, h;
} ldc_pool;

AVFrame *ldc_pool_get(ldc_pool *p, int w, int h);
void ldc_pool_close(ldc_pool *p);

// ldc_scaler converts frames to limited-range yuv420p, of any size.
typedef struct ldc_scaler {
	struct SwsContext *sws;
	int sw, sh, format, full, dw, dh;
} ldc_scaler;

// ldc_scale scales src (format and range as given) into the rectangle at x, y (even) of dst.
int ldc_scale(ldc_scaler *s, const uint8_t *const data[4], const int stride[4], int sw, int sh, int format, int full,
              AVFrame *dst, int x, int y, int w, int h);
void ldc_scaler_close(ldc_scaler *s);

// ldc_shrink_range copies full-range yuv420p to limited range of the same size.
void ldc_shrink_range(AVFrame *dst, const AVFrame *src);

#endif
