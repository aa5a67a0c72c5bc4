#include "audiodec.h"

int ldc_adec_open(ldc_adec **out, const char *codec, const uint8_t *extra, int extra_size, int rate, int channels) {
	const AVCodec *impl = ldc_find_decoder(codec, AVMEDIA_TYPE_AUDIO);
	if (!impl)
		return AVERROR_DECODER_NOT_FOUND;
	ldc_adec *d = av_mallocz(sizeof *d);
	if (!d)
		return AVERROR(ENOMEM);
	d->c = avcodec_alloc_context3(impl);
	d->pkt = av_packet_alloc();
	d->frame = av_frame_alloc();
	int err = AVERROR(ENOMEM);
	if (!d->c || !d->pkt || !d->frame)
		goto fail;
	if ((err = ldc_copy_extradata(d->c, extra, extra_size)) < 0)
		goto fail;
	if (rate > 0)
		d->c->sample_rate = rate;
	if (channels > 0)
		ldc_ctx_set_channels(d->c, channels);
	d->c->thread_count = 1;
	d->c->pkt_timebase = (AVRational){1, 1000000000};
	// Skipping is the packet's word (SkipStart, SkipEnd), never the decoder's own.
	d->c->flags2 |= AV_CODEC_FLAG2_SKIP_MANUAL;
	if ((err = avcodec_open2(d->c, impl, NULL)) < 0)
		goto fail;
	*out = d;
	return 0;
fail:
	ldc_adec_close(d);
	return err;
}

static uint64_t mask_of(const AVFrame *f) {
#if LDC_CH_LAYOUT
	return f->ch_layout.order == AV_CHANNEL_ORDER_NATIVE ? f->ch_layout.u.mask : 0;
#else
	return f->channel_layout;
#endif
}

int ldc_adec_receive(ldc_adec *d) {
	int err = avcodec_receive_frame(d->c, d->frame);
	if (err < 0)
		return err;
	AVFrame *f = d->frame;
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
	return swr_convert(d->swr, planes, d->frame->nb_samples, (const uint8_t **)d->frame->extended_data, d->frame->nb_samples);
}

void ldc_adec_close(ldc_adec *d) {
	if (!d)
		return;
	avcodec_free_context(&d->c);
	av_packet_free(&d->pkt);
	av_frame_free(&d->frame);
	swr_free(&d->swr);
	av_free(d);
}
