#include "shape.h"

#include <libavutil/mem.h>
#include <string.h>

ldc_shaper *ldc_shaper_open(void) { return av_mallocz(sizeof(ldc_shaper)); }

// turn_plane writes src (w by h) turned clockwise to dst, in tiles that stay in the cache.
static void turn_plane(uint8_t *dst, int ds, const uint8_t *src, int ss, int w, int h, int turn) {
	enum { TILE = 16 };
	if (turn == 0) {
		for (int y = 0; y < h; y++)
			memcpy(dst + (ptrdiff_t)y * ds, src + (ptrdiff_t)y * ss, w);
		return;
	}
	if (turn == 180) {
		for (int y = 0; y < h; y++) {
			uint8_t *d = dst + (ptrdiff_t)(h - 1 - y) * ds;
			const uint8_t *s = src + (ptrdiff_t)y * ss;
			for (int x = 0; x < w; x++)
				d[w - 1 - x] = s[x];
		}
		return;
	}
	// src (x, y) goes to (h-1-y, x) for 90 and to (y, w-1-x) for 270.
	ptrdiff_t dx = turn == 90 ? ds : -(ptrdiff_t)ds, dy = turn == 90 ? -1 : 1;
	uint8_t *origin = turn == 90 ? dst + h - 1 : dst + (ptrdiff_t)(w - 1) * ds;
	for (int ty = 0; ty < h; ty += TILE)
		for (int tx = 0; tx < w; tx += TILE) {
			int ey = ty + TILE < h ? ty + TILE : h, ex = tx + TILE < w ? tx + TILE : w;
			for (int y = ty; y < ey; y++)
				for (int x = tx; x < ex; x++)
					origin[x * dx + y * dy] = src[(ptrdiff_t)y * ss + x];
		}
}

// mirror_plane exchanges left and right, or top and bottom, in place.
static void mirror_plane(uint8_t *p, int stride, int w, int h, int upside) {
	if (!upside) {
		for (int y = 0; y < h; y++, p += stride)
			for (int a = 0, b = w - 1; a < b; a++, b--) {
				uint8_t v = p[a];
				p[a] = p[b];
				p[b] = v;
			}
		return;
	}
	for (int a = 0, b = h - 1; a < b; a++, b--)
		for (int x = 0; x < w; x++) {
			uint8_t v = p[(ptrdiff_t)a * stride + x];
			p[(ptrdiff_t)a * stride + x] = p[(ptrdiff_t)b * stride + x];
			p[(ptrdiff_t)b * stride + x] = v;
		}
}

// bars paints black what lies outside r.
static void bars(AVFrame *f, ldc_rect r) {
	for (int i = 0; i < 3; i++) {
		int sh = i > 0, black = i ? 128 : 16;
		int w = f->width >> sh, h = f->height >> sh;
		int x0 = r.x >> sh, y0 = r.y >> sh, x1 = (r.x + r.w) >> sh, y1 = (r.y + r.h) >> sh;
		for (int y = 0; y < h; y++) {
			uint8_t *row = f->data[i] + (ptrdiff_t)y * f->linesize[i];
			if (y < y0 || y >= y1) {
				memset(row, black, w);
			} else {
				memset(row, black, x0);
				memset(row + x1, black, w - x1);
			}
		}
	}
}

int ldc_shape(ldc_shaper *s, const uint8_t *y, const uint8_t *u, const uint8_t *v, int ys, int cs, int sw, int sh,
              int turn, int mirror, int w, int h, ldc_rect r, AVFrame **out) {
	const uint8_t *data[4] = {y, u, v, NULL};
	int stride[4] = {ys, cs, cs, 0};
	// The size before turning.
	int pw = turn % 180 ? r.h : r.w, ph = turn % 180 ? r.w : r.h;
	AVFrame *o = ldc_pool_get(&s->out, w, h), *t = NULL;
	int err = AVERROR(ENOMEM);
	if (!o)
		return err;
	if (turn == 0 && !mirror && (pw != sw || ph != sh)) {
		err = ldc_scale(&s->scaler, data, stride, sw, sh, AV_PIX_FMT_YUV420P, 0, o, r.x, r.y, pw, ph);
	} else {
		err = 0;
		if (pw != sw || ph != sh) {
			t = ldc_pool_get(&s->turn, pw, ph);
			err = t ? ldc_scale(&s->scaler, data, stride, sw, sh, AV_PIX_FMT_YUV420P, 0, t, 0, 0, pw, ph) : AVERROR(ENOMEM);
		}
		for (int i = 0; i < 3 && err >= 0; i++) {
			int sub = i > 0;
			turn_plane(o->data[i] + (ptrdiff_t)(r.y >> sub) * o->linesize[i] + (r.x >> sub), o->linesize[i],
			           t ? t->data[i] : data[i], t ? t->linesize[i] : stride[i], pw >> sub, ph >> sub, turn);
			if (mirror) // exchanging left and right before a turn of 90 degrees is top and bottom after it
				mirror_plane(o->data[i] + (ptrdiff_t)(r.y >> sub) * o->linesize[i] + (r.x >> sub), o->linesize[i],
				             r.w >> sub, r.h >> sub, turn % 180 != 0);
		}
	}
	av_frame_free(&t);
	if (err < 0) {
		av_frame_free(&o);
		return err;
	}
	if (r.w != w || r.h != h)
		bars(o, r);
	*out = o;
	return 0;
}

void ldc_shaper_close(ldc_shaper *s) {
	if (!s)
		return;
	ldc_scaler_close(&s->scaler);
	ldc_pool_close(&s->out);
	ldc_pool_close(&s->turn);
	av_free(s);
}
