// What differs between libavcodec 58 and 61.
#ifndef LDC_COMPAT_H
#define LDC_COMPAT_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

// AVChannelLayout came with FFmpeg 5.1; the masks left with 7.0.
#ifndef LDC_CH_LAYOUT
#define LDC_CH_LAYOUT (LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(59, 37, 100))
#endif

static inline int ldc_ctx_channels(const AVCodecContext *c) {
#if LDC_CH_LAYOUT
	return c->ch_layout.nb_channels;
#else
	return c->channels;
#endif
}

static inline void ldc_ctx_set_channels(AVCodecContext *c, int n) {
#if LDC_CH_LAYOUT
	av_channel_layout_uninit(&c->ch_layout);
	av_channel_layout_default(&c->ch_layout, n);
#else
	c->channels = n;
	c->channel_layout = av_get_default_channel_layout(n);
#endif
}

static inline int ldc_frame_channels(const AVFrame *f) {
#if LDC_CH_LAYOUT
	return f->ch_layout.nb_channels;
#else
	return f->channels;
#endif
}

static inline void ldc_frame_set_channels(AVFrame *f, int n) {
#if LDC_CH_LAYOUT
	av_channel_layout_uninit(&f->ch_layout);
	av_channel_layout_default(&f->ch_layout, n);
#else
	f->channels = n;
	f->channel_layout = av_get_default_channel_layout(n);
#endif
}

// A frame's duration in the time base of its packets has a new name since FFmpeg 6.0.
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 0, 0)
static inline int64_t ldc_frame_duration(const AVFrame *f) { return f->duration; }
static inline void ldc_frame_set_duration(AVFrame *f, int64_t d) { f->duration = d; }
#else
static inline int64_t ldc_frame_duration(const AVFrame *f) { return f->pkt_duration; }
static inline void ldc_frame_set_duration(AVFrame *f, int64_t d) { f->pkt_duration = d; }
#endif

// ldc_swr returns an initialised converter to interleaved 16-bit of out_ch
// channels, or NULL. layout is the source's frame, or NULL for in_ch in their
// usual order. Mono and stereo map onto each other at full level: the library's
// own matrix loses 3 dB going up.
static inline SwrContext *ldc_swr(const AVFrame *layout, int in_ch, enum AVSampleFormat in_fmt, int in_rate,
                                  int out_ch, int out_rate) {
	static const double up[2] = {1, 1}, down[2] = {0.5, 0.5};
	SwrContext *s = NULL;
#if LDC_CH_LAYOUT
	AVChannelLayout in = {0}, out = {0};
	av_channel_layout_default(&out, out_ch);
	if (layout && layout->ch_layout.order == AV_CHANNEL_ORDER_NATIVE)
		av_channel_layout_copy(&in, &layout->ch_layout);
	else
		av_channel_layout_default(&in, in_ch);
	int err = swr_alloc_set_opts2(&s, &out, AV_SAMPLE_FMT_S16, out_rate, &in, in_fmt, in_rate, 0, NULL);
	av_channel_layout_uninit(&in);
	av_channel_layout_uninit(&out);
	if (err < 0)
		return NULL;
#else
	int64_t in = layout ? layout->channel_layout : 0;
	if (!in)
		in = av_get_default_channel_layout(in_ch);
	s = swr_alloc_set_opts(NULL, av_get_default_channel_layout(out_ch), AV_SAMPLE_FMT_S16, out_rate,
	                       in, in_fmt, in_rate, 0, NULL);
	if (!s)
		return NULL;
#endif
	if (in_ch == 1 && out_ch == 2)
		swr_set_matrix(s, up, 1);
	else if (in_ch == 2 && out_ch == 1)
		swr_set_matrix(s, down, 2);
	if (swr_init(s) < 0)
		swr_free(&s);
	return s;
}

#endif
