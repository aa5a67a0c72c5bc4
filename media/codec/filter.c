#include "filter.h"

#include <stdio.h>

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/mem.h>

#include "compat.h"

// Fields are woven to whole frames, one for each two; whole ones pass as they are.
#define DEINTERLACE "bwdif=mode=send_frame:deint=interlaced"
// 203 cd/m2, the white of paper in HDR (ITU-R BT.2408), becomes 1; what is below 0.3 stays
// as it is, so that faces keep their look, and what is above is bent to fit.
#define TONEMAP \
	"zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:param=0.3:desat=0," \
	"zscale=t=bt709:m=bt709:r=tv,format=yuv420p"

int ldc_interlaced(const AVFrame *f) {
#ifdef AV_FRAME_FLAG_INTERLACED
	return !!(f->flags & AV_FRAME_FLAG_INTERLACED);
#else
	return f->interlaced_frame;
#endif
}

int ldc_filter_fits(const ldc_filter *t, const AVFrame *f, int deinterlace, int tonemap) {
	return t->graph && t->w == f->width && t->h == f->height && t->format == f->format &&
	       t->range == (int)f->color_range && t->matrix == (int)f->colorspace &&
	       t->deinterlace == deinterlace && t->tonemap == tonemap;
}

// source makes the graph's entry for frames as f.
static int source(ldc_filter *t, const AVFrame *f) {
	t->src = avfilter_graph_alloc_filter(t->graph, avfilter_get_by_name("buffer"), "in");
	AVBufferSrcParameters *p = av_buffersrc_parameters_alloc();
	int err = AVERROR(ENOMEM);
	if (t->src && p) {
		p->width = f->width;
		p->height = f->height;
		p->format = f->format;
		p->time_base = (AVRational){1, 1000000000};
		p->sample_aspect_ratio = (AVRational){1, 1};
#if LIBAVFILTER_VERSION_MAJOR >= 10
		p->color_space = f->colorspace;
		p->color_range = f->color_range;
#endif
		err = av_buffersrc_parameters_set(t->src, p);
		if (err >= 0)
			err = avfilter_init_str(t->src, NULL);
	}
	av_free(p);
	return err;
}

int ldc_filter_open(ldc_filter *t, const AVFrame *f, int deinterlace, int tonemap) {
	ldc_filter_close(t);
	if (!avfilter_get_by_name("bwdif") ||
	    (tonemap && (!avfilter_get_by_name("zscale") || !avfilter_get_by_name("tonemap"))))
		return AVERROR_FILTER_NOT_FOUND;
	AVFilterInOut *in = avfilter_inout_alloc(), *out = avfilter_inout_alloc();
	int err = AVERROR(ENOMEM);
	t->graph = avfilter_graph_alloc();
	if (!in || !out || !t->graph)
		goto done;
	t->graph->nb_threads = 1;
	if ((err = source(t, f)) < 0)
		goto done;
	if ((err = avfilter_graph_create_filter(&t->sink, avfilter_get_by_name("buffersink"), "out", NULL, NULL, t->graph)) < 0)
		goto done;
	// The ends of the text between them: what it reads comes out of the source.
	out->name = av_strdup("in");
	out->filter_ctx = t->src;
	in->name = av_strdup("out");
	in->filter_ctx = t->sink;
	char text[512];
	snprintf(text, sizeof text, "%s%s%s", deinterlace ? DEINTERLACE : "", deinterlace && tonemap ? "," : "", tonemap ? TONEMAP : "");
	if ((err = avfilter_graph_parse_ptr(t->graph, text, &in, &out, NULL)) < 0)
		goto done;
	if ((err = avfilter_graph_config(t->graph, NULL)) < 0)
		goto done;
	t->w = f->width;
	t->h = f->height;
	t->format = f->format;
	t->range = f->color_range;
	t->matrix = f->colorspace;
	t->deinterlace = deinterlace;
	t->tonemap = tonemap;
done:
	avfilter_inout_free(&in);
	avfilter_inout_free(&out);
	if (err < 0)
		ldc_filter_close(t);
	return err < 0 ? err : 0;
}

int ldc_filter_push(ldc_filter *t, AVFrame *f) { return av_buffersrc_add_frame(t->src, f); }

int ldc_filter_pull(ldc_filter *t, AVFrame *f) {
	int err = av_buffersink_get_frame(t->sink, f);
	// bwdif counts time in halves of what it is given.
	if (err >= 0)
		ldc_frame_set_duration(f, 0); // versions differ in what they make of it
	if (err >= 0 && f->pts != AV_NOPTS_VALUE)
		f->pts = av_rescale_q(f->pts, av_buffersink_get_time_base(t->sink), (AVRational){1, 1000000000});
	return err;
}

void ldc_filter_close(ldc_filter *t) {
	avfilter_graph_free(&t->graph);
	t->src = t->sink = NULL;
}
