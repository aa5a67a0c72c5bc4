// H.264 encoders of libavcodec: libx264 and h264_nvenc.
#ifndef LDC_AVENC_H
#define LDC_AVENC_H

#include "compat.h"

typedef struct ldc_avenc {
	AVCodecContext *c;
	AVFrame *frame;
	AVPacket *pkt;
} ldc_avenc;

typedef struct ldc_avenc_config {
	const char *name, *preset;
	int w, h;
	AVRational rate;
	int64_t bitrate;
	double buffer; // seconds of bitrate the decoder's buffer holds
	int global_header;
	int primaries, transfer, matrix; // 0: not told
} ldc_avenc_config;

int ldc_avenc_open(ldc_avenc **out, const ldc_avenc_config *cfg);
// ldc_avenc_encode encodes one frame at pts (1/90000 s); its access unit is in e->pkt until the next call.
int ldc_avenc_encode(ldc_avenc *e, uint8_t *y, uint8_t *u, uint8_t *v, int ys, int cs, int64_t pts, int key);
void ldc_avenc_set_bitrate(ldc_avenc *e, int64_t bitrate, double buffer);
void ldc_avenc_close(ldc_avenc *e);

#endif
