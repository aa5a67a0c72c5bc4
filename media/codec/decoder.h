// What decoders of sound and of frames have in common.
#ifndef LDC_DECODER_H
#define LDC_DECODER_H

#include "params.h"

// What a decoder that is not in trouble answers when it has nothing.
enum { LDC_AGAIN = AVERROR(EAGAIN), LDC_END = AVERROR_EOF };

typedef struct ldc_decoder {
	AVCodecContext *c;
	AVPacket *pkt;
	AVFrame *frame;
} ldc_decoder;

// ldc_find_decoder returns a software decoder for the codec named id of the
// given kind (AVMEDIA_TYPE_UNKNOWN: any), or NULL.
const AVCodec *ldc_find_decoder(const char *id, int type);

// ldc_decoder_init makes d, all zero, with the decoder impl, ready for the caller's settings and
// avcodec_open2(d->c, NULL, NULL): one thread, times in ns. The caller closes
// it, after an error too.
int ldc_decoder_init(ldc_decoder *d, const AVCodec *impl, const ldc_params *p);

// ldc_send copies one packet (padded as decoders want it) into d. data NULL ends the stream.
int ldc_send(ldc_decoder *d, const uint8_t *data, int size, int64_t pts, int64_t dts, int64_t duration, int key);

void ldc_decoder_close(ldc_decoder *d);

#endif
