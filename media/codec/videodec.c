#include "videodec.h"

#include <libavutil/pixdesc.h>

static const enum AVFieldOrder orders[] = {AV_FIELD_UNKNOWN, AV_FIELD_PROGRESSIVE, AV_FIELD_TT, AV_FIELD_BB};

int ldc_vdec_open(ldc_vdec **out, const char *codec, const char *by, const ldc_params *p, int64_t max_pixels) {
	ldc_vdec *d = av_mallocz(sizeof *d);
	if (!d)
		return AVERROR(ENOMEM);
	const AVCodec *impl = by ? avcodec_find_decoder_by_name(by) : ldc_find_decoder(codec, AVMEDIA_TYPE_VIDEO);
	int err = ldc_decoder_init(&d->dec, impl, p);
	if (err >= 0) {
		AVCodecContext *c = d->dec.c;
		c->width = p->w;
		c->height = p->h;
		c->max_pixels = max_pixels;
		if (p->format)
			c->pix_fmt = av_get_pix_fmt(p->format);
		if (p->fields > 0 && p->fields < 4)
			c->field_order = orders[p->fields];
		d->color[0] = p->primaries;
		d->color[1] = p->transfer;
		d->color[2] = p->matrix;
		d->held = av_frame_alloc();
		err = d->held ? avcodec_open2(c, NULL, NULL) : AVERROR(ENOMEM);
	}
	if (err < 0) {
		ldc_vdec_close(d);
		return err;
	}
	*out = d;
	return 0;
}

// plain tells whether f can be shown as it is.
static int plain(const AVFrame *f) {
	return (f->format == AV_PIX_FMT_YUV420P || f->format == AV_PIX_FMT_YUVA420P) &&
	       f->color_range != AVCOL_RANGE_JPEG &&
	       f->linesize[0] > 0 && f->linesize[1] > 0 && f->linesize[1] == f->linesize[2];
}

static int is_rgb(const AVFrame *f) {
	const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
	return d && (d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL));
}

// is_grey tells of grey frames of codecs that were made for files: full range unless they say otherwise.
static int is_grey(const AVCodecContext *c, const AVFrame *f) {
	const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
	return d && d->nb_components <= 2 && f->color_range == AVCOL_RANGE_UNSPECIFIED &&
	       c->codec_id != AV_CODEC_ID_H264 && c->codec_id != AV_CODEC_ID_HEVC && c->codec_id != AV_CODEC_ID_AV1;
}

static int convert(ldc_vdec *d, const AVFrame *f, AVFrame **out) {
	AVFrame *o = ldc_pool_get(&d->pool, f->width, f->height);
	if (!o)
		return AVERROR(ENOMEM);
	int full = f->color_range == AVCOL_RANGE_JPEG || f->format == AV_PIX_FMT_YUVJ422P ||
	           f->format == AV_PIX_FMT_YUVJ444P || f->format == AV_PIX_FMT_YUVJ440P || f->format == AV_PIX_FMT_YUVJ411P ||
	           is_grey(d->dec.c, f);
	if (f->format == AV_PIX_FMT_YUVJ420P || (f->format == AV_PIX_FMT_YUV420P && full)) {
		ldc_shrink_range(o, f);
	} else {
		int err = ldc_scale(&d->scaler, (const uint8_t *const *)f->data, f->linesize, f->width, f->height, f->format,
		                    full, o, 0, 0, f->width, f->height);
		if (err < 0) {
			av_frame_free(&o);
			return err;
		}
	}
	o->pts = f->pts;
	ldc_frame_set_duration(o, ldc_frame_duration(f));
	o->sample_aspect_ratio = f->sample_aspect_ratio;
	o->color_primaries = f->color_primaries;
	o->color_trc = f->color_trc;
	o->colorspace = f->colorspace;
	if (is_rgb(f)) // the matrix is then the scaler's
		o->colorspace = f->height >= 720 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
	*out = o;
	return 0;
}

// finish gives f, whose contents it takes, in the one form.
static int finish(ldc_vdec *d, AVFrame *f, AVFrame **out) {
	int err = 0;
	if (plain(f)) {
		*out = av_frame_alloc();
		if (*out)
			av_frame_move_ref(*out, f);
		else
			err = AVERROR(ENOMEM);
	} else {
		err = convert(d, f, out);
	}
	av_frame_unref(f);
	return err;
}

// describe fills in what the frame leaves to its container. Its aspect is kept
// only where that is not the first frame's any more: the container may know better.
static void describe(ldc_vdec *d, AVFrame *f) {
	if (!d->aspect.den)
		d->aspect = f->sample_aspect_ratio.den ? f->sample_aspect_ratio : (AVRational){0, 1};
	if (f->sample_aspect_ratio.num <= 0 || d->aspect.num <= 0 || !av_cmp_q(f->sample_aspect_ratio, d->aspect))
		f->sample_aspect_ratio = (AVRational){0, 1};
	if (f->color_primaries == AVCOL_PRI_UNSPECIFIED && d->color[0])
		f->color_primaries = d->color[0];
	if (f->color_trc == AVCOL_TRC_UNSPECIFIED && d->color[1])
		f->color_trc = d->color[1];
	if (f->colorspace == AVCOL_SPC_UNSPECIFIED && d->color[2] && !is_rgb(f))
		f->colorspace = d->color[2];
}

// filtered takes the next frame of the graph. AVERROR(EAGAIN): there is none now.
static int filtered(ldc_vdec *d, AVFrame **out) {
	if (!d->filter.graph)
		return AVERROR(EAGAIN);
	AVFrame *f = d->dec.frame;
	int err = ldc_filter_pull(&d->filter, f);
	if (err >= 0)
		return finish(d, f, out);
	if (err != AVERROR(EAGAIN)) {
		if (err != AVERROR_EOF)
			d->degraded = err;
		ldc_filter_close(&d->filter);
		d->empties = 0;
	}
	return AVERROR(EAGAIN);
}

// through sends f, whose contents it takes, through what it needs, or gives it as it is.
// AVERROR(EAGAIN): the graph has it.
static int through(ldc_vdec *d, AVFrame *f, AVFrame **out) {
	d->woven |= ldc_interlaced(f);
	int tonemap = f->color_trc == AVCOL_TRC_SMPTE2084 || f->color_trc == AVCOL_TRC_ARIB_STD_B67;
	if (d->degraded || (!d->woven && !tonemap))
		return finish(d, f, out);
	if (!ldc_filter_fits(&d->filter, f, d->woven, tonemap)) {
		int err = ldc_filter_open(&d->filter, f, d->woven, tonemap);
		if (err < 0) {
			d->degraded = err;
			return finish(d, f, out);
		}
	}
	int err = ldc_filter_push(&d->filter, f);
	av_frame_unref(f);
	return err < 0 ? err : AVERROR(EAGAIN);
}

// outgrown tells whether the open graph must be emptied before f can go its way.
static int outgrown(const ldc_vdec *d, const AVFrame *f) {
	int tonemap = f->color_trc == AVCOL_TRC_SMPTE2084 || f->color_trc == AVCOL_TRC_ARIB_STD_B67;
	return d->filter.graph && !ldc_filter_fits(&d->filter, f, d->woven || ldc_interlaced(f), tonemap);
}

static void empty(ldc_vdec *d) {
	ldc_filter_push(&d->filter, NULL);
	d->empties = 1;
}

int ldc_vdec_receive(ldc_vdec *d, int max_side, AVFrame **out) {
	*out = NULL;
	for (;;) {
		int err = filtered(d, out);
		if (err != AVERROR(EAGAIN))
			return err;
		AVFrame *f = d->held;
		if (!f->buf[0]) {
			err = d->ended ? AVERROR_EOF : avcodec_receive_frame(d->dec.c, f);
			if (err == AVERROR_EOF && d->filter.graph && !d->empties) {
				d->ended = 1;
				empty(d);
				continue;
			}
			if (err < 0)
				return err;
			if (f->width <= 0 || f->height <= 0 || f->width > max_side || f->height > max_side) {
				av_frame_unref(f);
				return LDC_TOO_BIG;
			}
			describe(d, f);
			if (outgrown(d, f)) {
				empty(d);
				continue;
			}
		}
		err = through(d, f, out);
		if (err != AVERROR(EAGAIN))
			return err;
	}
}

void ldc_vdec_flush(ldc_vdec *d) {
	avcodec_flush_buffers(d->dec.c);
	av_frame_unref(d->held);
	ldc_filter_close(&d->filter);
	d->empties = d->ended = 0;
	d->aspect = (AVRational){0, 0};
}

void ldc_vdec_close(ldc_vdec *d) {
	if (!d)
		return;
	ldc_decoder_close(&d->dec);
	ldc_filter_close(&d->filter);
	av_frame_free(&d->held);
	ldc_pool_close(&d->pool);
	ldc_scaler_close(&d->scaler);
	av_free(d);
}
