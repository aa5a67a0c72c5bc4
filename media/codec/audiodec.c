#include "audiodec.h"

int ldc_adec_open(ldc_adec **out, const char *codec, const ldc_params *p) {
	ldc_adec *d = av_mallocz(sizeof *d);
	if (!d)
		return AVERROR(ENOMEM);
	int err = ldc_decoder_init(&d->dec, ldc_find_decoder(codec, AVMEDIA_TYPE_AUDIO), p);
	if (err >= 0) {
		AVCodecContext *c = d->dec.c;
		if (p->rate > 0)
			c->sample_rate = p->rate;
		if (p->channels > 0)
			ldc_ctx_set_channels(c, p->channels);
		c->block_align = p->block_align;
		// Skipping is the packet's word (SkipStart, SkipEnd), never the decoder's own.
		c->flags2 |= AV_CODEC_FLAG2_SKIP_MANUAL;
		err = avcodec_open2(c, NULL, NULL);
	}
	if (err < 0) {
		ldc_adec_close(d);
		return err;
	}
	*out = d;
	return 0;
}

static uint64_t mask_of(const AVFrame *f) {
#if LDC_CH_LAYOUT
	return f->ch_layout.order == AV_CHANNEL_ORDER_NATIVE ? f->ch_layout.u.mask : 0;
#else
	return f->channel_layout;
#endif
}

int ldc_adec_receive(ldc_adec *d) {
	int err = avcodec_receive_frame(d->dec.c, d->dec.frame);
	if (err < 0)
		return err;
	AVFrame *f = d->dec.frame;
	int ch = ldc_frame_channels(f);
	if (f->sample_rate <= 0 || ch <= 0 || f->nb_samples < 0)
		return AVERROR_INVALIDDATA;
	uint64_t mask = mask_of(f);
	if (!d->swr || d->channels != ch || d->format != f->format || d->rate != f->sample_rate || d->mask != mask) {
		swr_free(&d->swr);
		d->swr = ldc_swr(f, ch, f->format, f->sample_rate, ch == 1 ? 1 : 2, f->sample_rate);
		if (!d->swr)
			return AVERROR_PATCHWELCOME;
		d->channels = ch;
		d->format = f->format;
		d->rate = f->sample_rate;
		d->mask = mask;
	}
	return 0;
}

int ldc_adec_pcm(ldc_adec *d, int16_t *out) {
	uint8_t *planes[1] = {(uint8_t *)out};
	return swr_convert(d->swr, planes, d->dec.frame->nb_samples, (const uint8_t **)d->dec.frame->extended_data, d->dec.frame->nb_samples);
}

void ldc_adec_close(ldc_adec *d) {
	if (!d)
		return;
	ldc_decoder_close(&d->dec);
	swr_free(&d->swr);
	av_free(d);
}
