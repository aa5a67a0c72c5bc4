// VP8 by libvpx itself: libavcodec's wrapper does not pass on bitrate changes.
#ifndef LDC_VPXENC_H
#define LDC_VPXENC_H

#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

typedef struct ldc_vpx {
	vpx_codec_ctx_t c;
	vpx_codec_enc_cfg_t cfg;
	vpx_image_t img;
	uint8_t *recolored; // a frame's planes, allocated with the first that is converted
} ldc_vpx;

// What brings one matrix of colours to another, in 1/65536: luma gets y[0]*(u-128) + y[1]*(v-128)
// more, and chroma becomes u and v of both.
typedef struct ldc_recolor {
	int y[2], u[2], v[2];
} ldc_recolor;

int ldc_vpx_open(ldc_vpx **out, int w, int h, double fps, int kbps, int file);
// ldc_vpx_encode encodes one frame at pts (1/90000 s, rising), by other colours unless recolor is
// NULL. *data lives until the next call.
int ldc_vpx_encode(ldc_vpx *e, uint8_t *y, uint8_t *u, uint8_t *v, int ys, int cs, int64_t pts, int64_t duration,
                   const ldc_recolor *recolor, int force_key, const void **data, size_t *size, int *key);
int ldc_vpx_set_bitrate(ldc_vpx *e, int kbps);
void ldc_vpx_close(ldc_vpx *e);

#endif
