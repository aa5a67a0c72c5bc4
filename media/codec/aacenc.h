#ifndef LDC_AACENC_H
#define LDC_AACENC_H

#include "compat.h"

typedef struct ldc_aac {
	AVCodecContext *c;
	AVFrame *frame;
	AVPacket *pkt;
	int64_t fed; // sample instants
} ldc_aac;

int ldc_aac_open(ldc_aac **out, int rate, int channels, int64_t bitrate);
// ldc_aac_encode takes one frame of c->frame_size sample instants, interleaved.
// 1: a packet is in e->pkt until the next call; 0: none yet.
int ldc_aac_encode(ldc_aac *e, const int16_t *pcm);
void ldc_aac_close(ldc_aac *e);

#endif
