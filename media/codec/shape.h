#ifndef LDC_SHAPE_H
#define LDC_SHAPE_H

#include "frame.h"

typedef struct ldc_shaper {
	ldc_scaler scaler;
	ldc_pool out, turn;
} ldc_shaper;

// ldc_rect is a place in a frame, in even pixels.
typedef struct ldc_rect {
	int x, y, w, h;
} ldc_rect;

// ldc_shape scales a limited-range yuv420p frame of sw by sh, turned clockwise by
// 0, 90, 180 or 270 degrees after it was mirrored where mirror is set, into r of a new frame of w by h that is black elsewhere.
int ldc_shape(ldc_shaper *s, const uint8_t *y, const uint8_t *u, const uint8_t *v, int ys, int cs, int sw, int sh,
              int turn, int mirror, int w, int h, ldc_rect r, AVFrame **out);
ldc_shaper *ldc_shaper_open(void);
void ldc_shaper_close(ldc_shaper *s);

#endif
