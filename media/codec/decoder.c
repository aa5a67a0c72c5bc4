#include "decoder.h"

const AVCodec *ldc_find_decoder(const char *id, int type) {
	const AVCodecDescriptor *d = avcodec_descriptor_get_by_name(id);
	if (!d || (type != AVMEDIA_TYPE_UNKNOWN && (int)d->type != type))
		return NULL;
	if (d->type != AVMEDIA_TYPE_VIDEO && d->type != AVMEDIA_TYPE_AUDIO)
		return NULL;
	if (d->id == AV_CODEC_ID_AV1) {
		// The native decoder of that name only drives hardware.
		static const char *const names[] = {"libdav1d", "libaom-av1", "libgav1"};
		for (int i = 0; i < 3; i++) {
			const AVCodec *c = avcodec_find_decoder_by_name(names[i]);
			if (c)
				return c;
		}
		return NULL;
	}
	const AVCodec *c = avcodec_find_decoder(d->id);
	return c && !(c->capabilities & AV_CODEC_CAP_HARDWARE) ? c : NULL;
}

// copy_extradata gives c its own padded copy.
static int copy_extradata(AVCodecContext *c, const uint8_t *data, int size) {
	if (size <= 0)
		return 0;
	c->extradata = av_mallocz((size_t)size + AV_INPUT_BUFFER_PADDING_SIZE);
	if (!c->extradata)
		return AVERROR(ENOMEM);
	memcpy(c->extradata, data, size);
	c->extradata_size = size;
	return 0;
}

int ldc_decoder_init(ldc_decoder *d, const AVCodec *impl, const ldc_params *p) {
	if (!impl)
		return AVERROR_DECODER_NOT_FOUND;
	d->c = avcodec_alloc_context3(impl);
	d->pkt = av_packet_alloc();
	d->frame = av_frame_alloc();
	if (!d->c || !d->pkt || !d->frame)
		return AVERROR(ENOMEM);
	// Frame threads would hold one frame back each.
	d->c->thread_count = 1;
	d->c->pkt_timebase = (AVRational){1, 1000000000};
	d->c->codec_tag = p->tag;
	d->c->bit_rate = p->bit_rate;
	d->c->bits_per_coded_sample = p->bits;
	return copy_extradata(d->c, p->extra, p->extra_size);
}

int ldc_send(ldc_decoder *d, const uint8_t *data, int size, int64_t pts, int64_t dts, int64_t duration, int key) {
	if (!data)
		return avcodec_send_packet(d->c, NULL);
	AVPacket *pkt = d->pkt;
	int err = av_new_packet(pkt, size);
	if (err < 0)
		return err;
	memcpy(pkt->data, data, size);
	pkt->pts = pts;
	pkt->dts = dts;
	pkt->duration = duration;
	if (key)
		pkt->flags |= AV_PKT_FLAG_KEY;
	err = avcodec_send_packet(d->c, pkt);
	av_packet_unref(pkt);
	return err;
}

void ldc_decoder_close(ldc_decoder *d) {
	avcodec_free_context(&d->c);
	av_packet_free(&d->pkt);
	av_frame_free(&d->frame);
}
