#include "r128.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/dict.h>

#include "compat.h"

int ldc_meter_open(ldc_meter *m, int rate, int channels, int peak) {
	const AVFilter *ebur128 = avfilter_get_by_name("ebur128");
	AVFilterContext *mid;
	char args[128];
	int err = AVERROR(ENOMEM);
	memset(m, 0, sizeof *m);
	if (!ebur128)
		return AVERROR_FILTER_NOT_FOUND;
	m->rate = rate;
	m->channels = channels;
	m->graph = avfilter_graph_alloc();
	m->frame = av_frame_alloc();
	if (!m->graph || !m->frame)
		goto fail;
	m->graph->nb_threads = 1;
	snprintf(args, sizeof args, "time_base=1/%d:sample_rate=%d:sample_fmt=s16:channel_layout=%s", rate, rate, channels == 2 ? "stereo" : "mono");
	if ((err = avfilter_graph_create_filter(&m->src, avfilter_get_by_name("abuffer"), "in", args, NULL, m->graph)) < 0)
		goto fail;
	if ((err = avfilter_graph_create_filter(&mid, ebur128, "meter", peak ? "metadata=1:peak=true" : "metadata=1", NULL, m->graph)) < 0)
		goto fail;
	if ((err = avfilter_graph_create_filter(&m->sink, avfilter_get_by_name("abuffersink"), "out", NULL, NULL, m->graph)) < 0)
		goto fail;
	if ((err = avfilter_link(m->src, 0, mid, 0)) < 0 || (err = avfilter_link(mid, 0, m->sink, 0)) < 0 ||
	    (err = avfilter_graph_config(m->graph, NULL)) < 0)
		goto fail;
	return 0;
fail:
	ldc_meter_close(m);
	return err;
}

static double number(AVDictionary *d, const char *key, double none) {
	AVDictionaryEntry *e = av_dict_get(d, key, NULL, 0);
	return e ? strtod(e->value, NULL) : none;
}

int ldc_meter_put(ldc_meter *m, const int16_t *pcm, int n, ldc_loudness *out, int most) {
	AVFrame *f = m->frame;
	int err, got = 0;
	f->format = AV_SAMPLE_FMT_S16;
	f->sample_rate = m->rate;
	f->nb_samples = n;
	ldc_frame_set_channels(f, m->channels);
	if ((err = av_frame_get_buffer(f, 0)) < 0)
		goto done;
	memcpy(f->data[0], pcm, (size_t)n * m->channels * sizeof *pcm);
	f->pts = m->pts;
	m->pts += n;
	if ((err = av_buffersrc_add_frame(m->src, f)) < 0)
		goto done;
	while ((err = av_buffersink_get_frame(m->sink, f)) >= 0) {
		if (got < most && av_dict_get(f->metadata, "lavfi.r128.M", NULL, 0)) {
			out[got].momentary = number(f->metadata, "lavfi.r128.M", -200);
			out[got].shortterm = number(f->metadata, "lavfi.r128.S", -200);
			out[got].integrated = number(f->metadata, "lavfi.r128.I", -200);
			out[got].peak = 0;
			for (int c = 0; c < m->channels; c++) {
				char key[40];
				snprintf(key, sizeof key, "lavfi.r128.true_peaks_ch%d", c);
				double p = number(f->metadata, key, 0);
				if (p > out[got].peak)
					out[got].peak = p;
			}
			got++;
		}
		av_frame_unref(f);
	}
	if (err == AVERROR(EAGAIN))
		err = 0;
done:
	av_frame_unref(f);
	return err < 0 ? err : got;
}

void ldc_meter_close(ldc_meter *m) {
	av_frame_free(&m->frame);
	avfilter_graph_free(&m->graph);
}
