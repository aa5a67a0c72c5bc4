#include "avenc.h"

int ldc_avenc_open(ldc_avenc **out, const ldc_avenc_config *cfg) {
	const AVCodec *codec = avcodec_find_encoder_by_name(cfg->name);
	if (!codec)
		return AVERROR_ENCODER_NOT_FOUND;
	ldc_avenc *e = av_mallocz(sizeof *e);
	if (!e)
		return AVERROR(ENOMEM);
	AVDictionary *opts = NULL;
	int err = AVERROR(ENOMEM);
	e->c = avcodec_alloc_context3(codec);
	e->frame = av_frame_alloc();
	e->pkt = av_packet_alloc();
	if (!e->c || !e->frame || !e->pkt)
		goto fail;
	AVCodecContext *c = e->c;
	c->width = cfg->w;
	c->height = cfg->h;
	c->pix_fmt = AV_PIX_FMT_YUV420P;
	c->color_range = AVCOL_RANGE_MPEG;
	if (cfg->primaries)
		c->color_primaries = cfg->primaries;
	if (cfg->transfer)
		c->color_trc = cfg->transfer;
	if (cfg->matrix)
		c->colorspace = cfg->matrix;
	c->time_base = (AVRational){1, 90000};
	c->framerate = cfg->rate;
	c->gop_size = 1 << 30; // keyframes come when asked for
	c->max_b_frames = 0;
	c->thread_count = 1;
	if (cfg->global_header)
		c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	ldc_avenc_set_bitrate(e, cfg->bitrate, cfg->buffer);
	av_dict_set(&opts, "forced-idr", "1", 0);
	av_dict_set(&opts, "profile", "baseline", 0);
	if (!strcmp(cfg->name, "h264_nvenc")) {
		av_dict_set(&opts, "preset", "p2", 0);
		av_dict_set(&opts, "tune", "ull", 0);
		av_dict_set(&opts, "zerolatency", "1", 0);
		av_dict_set(&opts, "delay", "0", 0);
		av_dict_set(&opts, "rc", "cbr", 0);
	} else {
		av_dict_set(&opts, "preset", cfg->preset, 0);
		av_dict_set(&opts, "tune", "zerolatency", 0);
		av_dict_set(&opts, "x264-params", "scenecut=0", 0);
	}
	if ((err = avcodec_open2(c, codec, &opts)) < 0)
		goto fail;
	av_dict_free(&opts);
	*out = e;
	return 0;
fail:
	av_dict_free(&opts);
	ldc_avenc_close(e);
	return err;
}

static void keep(void *opaque, uint8_t *data) {
	(void)opaque;
	(void)data;
}

int ldc_avenc_encode(ldc_avenc *e, uint8_t *y, uint8_t *u, uint8_t *v, int ys, int cs, int64_t pts, int key) {
	AVFrame *f = e->frame;
	// A frame without a buffer would be copied on sending. The encoder has
	// copied what it needs when the call returns, so the buffer owns nothing.
	f->buf[0] = av_buffer_create(y, (size_t)ys * (e->c->height - 1) + e->c->width, keep, NULL, AV_BUFFER_FLAG_READONLY);
	if (!f->buf[0])
		return AVERROR(ENOMEM);
	f->data[0] = y;
	f->data[1] = u;
	f->data[2] = v;
	f->linesize[0] = ys;
	f->linesize[1] = f->linesize[2] = cs;
	f->width = e->c->width;
	f->height = e->c->height;
	f->format = AV_PIX_FMT_YUV420P;
	f->color_range = AVCOL_RANGE_MPEG;
	f->color_primaries = e->c->color_primaries;
	f->color_trc = e->c->color_trc;
	f->colorspace = e->c->colorspace;
	f->pts = pts;
	f->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
	av_packet_unref(e->pkt);
	int err = avcodec_send_frame(e->c, f);
	if (err >= 0)
		err = avcodec_receive_packet(e->c, e->pkt);
	av_frame_unref(f);
	return err;
}

void ldc_avenc_set_bitrate(ldc_avenc *e, int64_t bitrate, double buffer) {
	e->c->bit_rate = bitrate;
	e->c->rc_max_rate = bitrate;
	e->c->rc_buffer_size = (int)(bitrate * buffer);
}

void ldc_avenc_close(ldc_avenc *e) {
	if (!e)
		return;
	avcodec_free_context(&e->c);
	av_frame_free(&e->frame);
	av_packet_free(&e->pkt);
	av_free(e);
}
