#include "stretch.h"

#include <stdio.h>
#include <string.h>

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/frame.h>

#include "compat.h"

// drain copies what the graph has ready to out, from sample *at on.
static int drain(AVFilterContext *sink, AVFrame *f, int16_t *out, int most, int *at) {
	int err;
	while ((err = av_buffersink_get_frame(sink, f)) >= 0) {
		int n = f->nb_samples < most - *at ? f->nb_samples : most - *at;
		memcpy(out + *at, f->data[0], n * sizeof *out);
		*at += n;
		av_frame_unref(f);
	}
	return err == AVERROR(EAGAIN) || err == AVERROR_EOF ? 0 : err;
}

int ldc_stretch(const int16_t *in, int n, int rate, double tempo, int16_t *out, int most) {
	AVFilterGraph *graph = avfilter_graph_alloc();
	AVFrame *f = av_frame_alloc();
	AVFilterContext *src, *mid, *end, *sink;
	char args[128];
	int err = AVERROR(ENOMEM), at = 0;
	if (!graph || !f)
		goto done;
	graph->nb_threads = 1;
	snprintf(args, sizeof args, "time_base=1/%d:sample_rate=%d:sample_fmt=s16:channel_layout=mono", rate, rate);
	if ((err = avfilter_graph_create_filter(&src, avfilter_get_by_name("abuffer"), "in", args, NULL, graph)) < 0)
		goto done;
	snprintf(args, sizeof args, "tempo=%f", tempo);
	if ((err = avfilter_graph_create_filter(&mid, avfilter_get_by_name("atempo"), "tempo", args, NULL, graph)) < 0)
		goto done;
	if ((err = avfilter_graph_create_filter(&end, avfilter_get_by_name("aformat"), "form", "sample_fmts=s16:channel_layouts=mono", NULL, graph)) < 0)
		goto done;
	if ((err = avfilter_graph_create_filter(&sink, avfilter_get_by_name("abuffersink"), "out", NULL, NULL, graph)) < 0)
		goto done;
	if ((err = avfilter_link(src, 0, mid, 0)) < 0 || (err = avfilter_link(mid, 0, end, 0)) < 0 || (err = avfilter_link(end, 0, sink, 0)) < 0 ||
	    (err = avfilter_graph_config(graph, NULL)) < 0)
		goto done;
	f->format = AV_SAMPLE_FMT_S16;
	f->sample_rate = rate;
	f->nb_samples = n;
	ldc_frame_set_channels(f, 1);
	if ((err = av_frame_get_buffer(f, 0)) < 0)
		goto done;
	memcpy(f->data[0], in, n * sizeof *in);
	f->pts = 0;
	if ((err = av_buffersrc_add_frame(src, f)) < 0 || (err = drain(sink, f, out, most, &at)) < 0 ||
	    (err = av_buffersrc_add_frame(src, NULL)) < 0)
		goto done;
	err = drain(sink, f, out, most, &at);
done:
	av_frame_free(&f);
	avfilter_graph_free(&graph);
	return err < 0 ? err : at;
}
