#ifndef LDC_PARAMS_H
#define LDC_PARAMS_H

#include "compat.h"

// ldc_params is what a container tells of a stream besides its codec; 0 is unknown.
typedef struct ldc_params {
	const uint8_t *extra;
	int extra_size;
	unsigned tag;
	int64_t bit_rate;
	int bits;                       // of a coded sample
	int rate, channels, block_align; // sound
	int w, h;                       // frames
	const char *format;
	int fields; // 1: progressive, 2: top first, 3: bottom first
	int primaries, transfer, matrix;
} ldc_params;

#endif
