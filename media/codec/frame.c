#include "frame.h"

#include <libavutil/imgutils.h>
#include <libavutil/mem.h>

// Rows start on 64 bytes and run past their end by as much: the scaler's vector
// code writes whole registers.
enum { ALIGN = 64 };

static size_t aligned(size_t n) { return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1); }

AVFrame *ldc_pool_get(ldc_pool *p, int w, int h) {
	size_t ys = aligned(w), cs = aligned((w + 1) / 2);
	size_t yn = ys * h, cn = cs * ((h + 1) / 2);
	if (!p->buffers || p->w != w || p->h != h) {
		av_buffer_pool_uninit(&p->buffers);
		p->buffers = av_buffer_pool_init(yn + 2 * cn + 2 * ALIGN, NULL);
		p->w = w;
		p->h = h;
		if (!p->buffers)
			return NULL;
	}
	AVFrame *f = av_frame_alloc();
	if (!f)
		return NULL;
	f->buf[0] = av_buffer_pool_get(p->buffers);
	if (!f->buf[0]) {
		av_frame_free(&f);
		return NULL;
	}
	uint8_t *b = (uint8_t *)aligned((uintptr_t)f->buf[0]->data);
	f->data[0] = b;
	f->data[1] = b + yn;
	f->data[2] = b + yn + cn;
	f->linesize[0] = ys;
	f->linesize[1] = f->linesize[2] = cs;
	f->width = w;
	f->height = h;
	f->format = AV_PIX_FMT_YUV420P;
	return f;
}

void ldc_pool_close(ldc_pool *p) { av_buffer_pool_uninit(&p->buffers); }

int ldc_scale(ldc_scaler *s, const uint8_t *const data[4], const int stride[4], int sw, int sh, int format, int full,
              AVFrame *dst, int x, int y, int w, int h) {
	if (!s->sws || s->sw != sw || s->sh != sh || s->format != format || s->full != full || s->dw != w || s->dh != h) {
		ldc_scaler_close(s);
		s->sws = sws_getContext(sw, sh, format, w, h, AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
		if (!s->sws)
			return AVERROR(ENOSYS);
		// The matrix stays the source's own; RGB is taken for what its size suggests.
		const int *m = sws_getCoefficients(sh >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601);
		sws_setColorspaceDetails(s->sws, m, full, m, 0, 0, 1 << 16, 1 << 16);
		s->sw = sw;
		s->sh = sh;
		s->format = format;
		s->full = full;
		s->dw = w;
		s->dh = h;
	}
	uint8_t *out[4] = {
	    dst->data[0] + (ptrdiff_t)y * dst->linesize[0] + x,
	    dst->data[1] + (ptrdiff_t)(y / 2) * dst->linesize[1] + x / 2,
	    dst->data[2] + (ptrdiff_t)(y / 2) * dst->linesize[2] + x / 2,
	    NULL,
	};
	int n = sws_scale(s->sws, data, stride, 0, sh, out, dst->linesize);
	return n < 0 ? n : 0;
}

void ldc_scaler_close(ldc_scaler *s) {
	sws_freeContext(s->sws);
	s->sws = NULL;
}

static void squeeze(uint8_t *dst, int ds, const uint8_t *src, int ss, int w, int h, int scale, int offset) {
	for (int y = 0; y < h; y++, dst += ds, src += ss)
		for (int x = 0; x < w; x++)
			dst[x] = (uint8_t)((src[x] * scale + offset) >> 16);
}

void ldc_shrink_range(AVFrame *dst, const AVFrame *src) {
	// 16 + 219/255 y and 128 + 224/255 (c - 128), rounded, in 16.16.
	enum { Y = 56284, C = 57569, HALF = 1 << 15 };
	int cw = (src->width + 1) / 2, ch = (src->height + 1) / 2;
	squeeze(dst->data[0], dst->linesize[0], src->data[0], src->linesize[0], src->width, src->height, Y, (16 << 16) + HALF);
	for (int i = 1; i < 3; i++)
		squeeze(dst->data[i], dst->linesize[i], src->data[i], src->linesize[i], cw, ch, C, (128 << 16) - 128 * C + HALF);
}
