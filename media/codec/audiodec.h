#ifndef LDC_AUDIODEC_H
#define LDC_AUDIODEC_H

#include "decoder.h"

typedef struct ldc_adec {
	ldc_decoder dec;
	SwrContext *swr;
	int channels, format, rate; // what swr was made for
	uint64_t mask;
} ldc_adec;

int ldc_adec_open(ldc_adec **out, const char *codec, const ldc_params *p);
// ldc_adec_receive decodes the next frame into d->dec.frame; AVERROR(EAGAIN): more input is needed.
int ldc_adec_receive(ldc_adec *d);
// ldc_adec_pcm writes d->dec.frame as interleaved 16-bit, mono if it is and stereo otherwise.
int ldc_adec_pcm(ldc_adec *d, int16_t *out);
void ldc_adec_close(ldc_adec *d);

#endif
