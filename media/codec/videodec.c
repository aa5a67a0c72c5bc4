#include "videodec.h"

int ldc_vdec_open(ldc_vdec **out, const char *codec, const char *by, const uint8_t *extra, int extra_size, int w, int h,
                  int64_t max_pixels) {
	ldc_vdec *d = av_mallocz(sizeof *d);
	if (!d)
		return AVERROR(ENOMEM);
	const AVCodec *impl = by ? avcodec_find_decoder_by_name(by) : ldc_find_decoder(codec, AVMEDIA_TYPE_VIDEO);
	int err = ldc_decoder_init(&d->dec, impl, extra, extra_size);
	if (err >= 0) {
		AVCodecContext *c = d->dec.c;
		c->width = w;
		c->height = h;
		c->max_pixels = max_pixels;
		err = avcodec_open2(c, NULL, NULL);
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

static int convert(ldc_vdec *d, const AVFrame *f, AVFrame **out) {
	AVFrame *o = ldc_pool_get(&d->pool, f->width, f->height);
	if (!o)
		return AVERROR(ENOMEM);
	int full = f->color_range == AVCOL_RANGE_JPEG || f->format == AV_PIX_FMT_YUVJ422P ||
	           f->format == AV_PIX_FMT_YUVJ444P || f->format == AV_PIX_FMT_YUVJ440P || f->format == AV_PIX_FMT_YUVJ411P;
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
	*out = o;
	return 0;
}

int ldc_vdec_receive(ldc_vdec *d, int max_side, AVFrame **out) {
	*out = NULL;
	int err = avcodec_receive_frame(d->dec.c, d->dec.frame);
	if (err < 0)
		return err;
	AVFrame *f = d->dec.frame;
	if (f->width <= 0 || f->height <= 0 || f->width > max_side || f->height > max_side) {
		err = LDC_TOO_BIG;
	} else if (plain(f)) {
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

void ldc_vdec_close(ldc_vdec *d) {
	if (!d)
		return;
	ldc_decoder_close(&d->dec);
	ldc_pool_close(&d->pool);
	ldc_scaler_close(&d->scaler);
	av_free(d);
}
