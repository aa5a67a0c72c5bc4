// VP8 by libvpx itself: libavcodec's wrapper does not pass on bitrate changes.
#ifndef LDC_VPXENC_H
#define LDC_VPXENC_H

#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

typedef struct ldc_vpx {
	vpx_codec_ctx_t c;
	vpx_codec_enc_cfg_t cfg;
	vpx_image_t img;
} ldc_vpx;

int ldc_vpx_open(ldc_vpx **out, int w, int h, double fps, int kbps, int file);
// ldc_vpx_encode encodes one picture at pts (1/90000 s, rising). *data lives until the next call.
int ldc_vpx_encode(ldc_vpx *e, uint8_t *y, uint8_t *u, uint8_t *v, int ys, int cs, int64_t pts, int64_t duration,
                   int force_key, const void **data, size_t *size, int *key);
int ldc_vpx_set_bitrate(ldc_vpx *e, int kbps);
void ldc_vpx_close(ldc_vpx *e);

#endif
