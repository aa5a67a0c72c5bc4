#include "aacenc.h"

int ldc_aac_open(ldc_aac **out, int rate, int channels, int64_t bitrate) {
	const AVCodec *codec = avcodec_find_encoder_by_name("aac");
	if (!codec)
		return AVERROR_ENCODER_NOT_FOUND;
	ldc_aac *e = av_mallocz(sizeof *e);
	if (!e)
		return AVERROR(ENOMEM);
	e->c = avcodec_alloc_context3(codec);
	e->frame = av_frame_alloc();
	e->pkt = av_packet_alloc();
	int err = AVERROR(ENOMEM);
	if (!e->c || !e->frame || !e->pkt)
		goto fail;
	e->c->sample_rate = rate;
	e->c->sample_fmt = AV_SAMPLE_FMT_FLTP;
	e->c->bit_rate = bitrate;
	e->c->time_base = (AVRational){1, rate};
	e->c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	ldc_ctx_set_channels(e->c, channels);
	if ((err = avcodec_open2(e->c, codec, NULL)) < 0)
		goto fail;
	*out = e;
	return 0;
fail:
	ldc_aac_close(e);
	return err;
}

int ldc_aac_encode(ldc_aac *e, const int16_t *pcm) {
	AVFrame *f = e->frame;
	int n = e->c->frame_size, ch = ldc_ctx_channels(e->c);
	// The encoder may keep the frame before: each gets its own memory.
	f->nb_samples = n;
	f->format = AV_SAMPLE_FMT_FLTP;
	f->sample_rate = e->c->sample_rate;
	ldc_frame_set_channels(f, ch);
	int err = av_frame_get_buffer(f, 0);
	if (err < 0)
		return err;
	for (int c = 0; c < ch; c++) {
		float *dst = (float *)f->extended_data[c];
		for (int i = 0; i < n; i++)
			dst[i] = pcm[i * ch + c] / 32768.0f;
	}
	f->pts = e->fed;
	e->fed += n;
	av_packet_unref(e->pkt);
	err = avcodec_send_frame(e->c, f);
	av_frame_unref(f);
	if (err < 0)
		return err;
	err = avcodec_receive_packet(e->c, e->pkt);
	if (err == AVERROR(EAGAIN))
		return 0;
	return err < 0 ? err : 1;
}

void ldc_aac_close(ldc_aac *e) {
	if (!e)
		return;
	avcodec_free_context(&e->c);
	av_frame_free(&e->frame);
	av_packet_free(&e->pkt);
	av_free(e);
}
