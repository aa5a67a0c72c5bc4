#include "vpxenc.h"

#include <stdlib.h>
#include <string.h>

int ldc_vpx_open(ldc_vpx **out, int w, int h, double fps, int kbps, int file) {
	ldc_vpx *e = calloc(1, sizeof *e);
	if (!e)
		return VPX_CODEC_MEM_ERROR;
	int err = vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &e->cfg, 0);
	if (err) {
		free(e);
		return err;
	}
	vpx_codec_enc_cfg_t *g = &e->cfg;
	g->g_w = w;
	g->g_h = h;
	g->g_threads = 1; // two cost many times more here
	g->g_timebase.num = 1;
	g->g_timebase.den = 90000;
	g->g_lag_in_frames = 0;
	g->g_error_resilient = 0;
	g->g_pass = VPX_RC_ONE_PASS;
	g->rc_end_usage = VPX_CBR;
	g->rc_target_bitrate = kbps;
	g->rc_dropframe_thresh = 0; // one in, one out
	g->rc_resize_allowed = 0;
	g->rc_min_quantizer = 2;
	g->rc_max_quantizer = 56;
	g->rc_undershoot_pct = 100;
	g->rc_overshoot_pct = 15;
	g->rc_buf_sz = file ? 4000 : 1000; // milliseconds of bitrate
	g->rc_buf_initial_sz = g->rc_buf_sz / 2;
	g->rc_buf_optimal_sz = g->rc_buf_sz * 6 / 10;
	g->kf_mode = VPX_KF_DISABLED; // keyframes come when asked for
	if ((err = vpx_codec_enc_init(&e->c, vpx_codec_vp8_cx(), g, 0))) {
		free(e);
		return err;
	}
	// A keyframe may take as much as the buffer's optimum gives back in half its time.
	int intra = (int)(g->rc_buf_optimal_sz * 0.5 * fps / 10);
	vpx_codec_control(&e->c, VP8E_SET_CPUUSED, 8);
	vpx_codec_control(&e->c, VP8E_SET_STATIC_THRESHOLD, 1);
	vpx_codec_control(&e->c, VP8E_SET_MAX_INTRA_BITRATE_PCT, intra < 300 ? 300 : intra);
	// The frame's planes are filled in for each call.
	vpx_img_wrap(&e->img, VPX_IMG_FMT_I420, w, h, 1, (unsigned char *)1);
	*out = e;
	return 0;
}

static inline uint8_t clip(int v) { return v < 0 ? 0 : v > 255 ? 255 : v; }

// convert writes the frame by other colours into the encoder's own planes and points its image there.
static int convert(ldc_vpx *e, const ldc_recolor *m, const uint8_t *y, const uint8_t *u, const uint8_t *v, int ys, int cs) {
	int w = e->cfg.g_w, h = e->cfg.g_h, cw = w / 2;
	if (!e->recolored && !(e->recolored = malloc((size_t)w * h * 3 / 2)))
		return VPX_CODEC_MEM_ERROR;
	uint8_t *oy = e->recolored, *ou = oy + (size_t)w * h, *ov = ou + (size_t)w * h / 4;
	e->img.planes[0] = oy;
	e->img.planes[1] = ou;
	e->img.planes[2] = ov;
	e->img.stride[0] = w;
	e->img.stride[1] = e->img.stride[2] = cw;
	for (int row = 0; row < h / 2; row++, y += 2 * ys, u += cs, v += cs, oy += 2 * w, ou += cw, ov += cw)
		for (int x = 0; x < cw; x++) {
			int a = u[x] - 128, b = v[x] - 128, half = 1 << 15;
			int more = (m->y[0] * a + m->y[1] * b + half) >> 16;
			oy[2 * x] = clip(y[2 * x] + more);
			oy[2 * x + 1] = clip(y[2 * x + 1] + more);
			oy[w + 2 * x] = clip(y[ys + 2 * x] + more);
			oy[w + 2 * x + 1] = clip(y[ys + 2 * x + 1] + more);
			ou[x] = clip(128 + ((m->u[0] * a + m->u[1] * b + half) >> 16));
			ov[x] = clip(128 + ((m->v[0] * a + m->v[1] * b + half) >> 16));
		}
	return 0;
}

int ldc_vpx_encode(ldc_vpx *e, uint8_t *y, uint8_t *u, uint8_t *v, int ys, int cs, int64_t pts, int64_t duration,
                   const ldc_recolor *recolor, int force_key, const void **data, size_t *size, int *key) {
	e->img.planes[0] = y;
	e->img.planes[1] = u;
	e->img.planes[2] = v;
	e->img.stride[0] = ys;
	e->img.stride[1] = e->img.stride[2] = cs;
	int err = recolor ? convert(e, recolor, y, u, v, ys, cs) : 0;
	if (!err)
		err = vpx_codec_encode(&e->c, &e->img, pts, duration, force_key ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME);
	e->img.planes[0] = e->img.planes[1] = e->img.planes[2] = NULL;
	if (err)
		return err;
	*size = 0;
	vpx_codec_iter_t it = NULL;
	const vpx_codec_cx_pkt_t *p;
	while ((p = vpx_codec_get_cx_data(&e->c, &it))) {
		if (p->kind != VPX_CODEC_CX_FRAME_PKT)
			continue;
		*data = p->data.frame.buf;
		*size = p->data.frame.sz;
		*key = (p->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
	}
	return 0;
}

int ldc_vpx_set_bitrate(ldc_vpx *e, int kbps) {
	e->cfg.rc_target_bitrate = kbps;
	return vpx_codec_enc_config_set(&e->c, &e->cfg);
}

void ldc_vpx_close(ldc_vpx *e) {
	if (!e)
		return;
	vpx_codec_destroy(&e->c);
	free(e->recolored);
	free(e);
}
