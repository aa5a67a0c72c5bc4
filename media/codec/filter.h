// What libavfilter does to frames before they are converted: deinterlacing, and HDR to SDR.
#ifndef LDC_FILTER_H
#define LDC_FILTER_H

#include <libavfilter/avfilter.h>
#include <libavutil/frame.h>

// ldc_filter is one graph, made for frames of one kind at a time.
typedef struct ldc_filter {
	AVFilterGraph *graph; // NULL: none is needed, or it was closed
	AVFilterContext *src, *sink;
	int w, h, format, range; // of what comes in
	int matrix, deinterlace, tonemap;
} ldc_filter;

// ldc_interlaced tells whether f consists of two fields.
int ldc_interlaced(const AVFrame *f);

// ldc_filter_fits tells whether the open graph does the two things to frames as f.
int ldc_filter_fits(const ldc_filter *t, const AVFrame *f, int deinterlace, int tonemap);
// ldc_filter_open makes the graph for frames as f. AVERROR_FILTER_NOT_FOUND: this libavfilter lacks what it needs.
int ldc_filter_open(ldc_filter *t, const AVFrame *f, int deinterlace, int tonemap);
// ldc_filter_push gives it f, whose contents it takes, or NULL at the end.
int ldc_filter_push(ldc_filter *t, AVFrame *f);
// ldc_filter_pull takes the next frame. AVERROR(EAGAIN): it needs more input; AVERROR_EOF: it has ended.
int ldc_filter_pull(ldc_filter *t, AVFrame *f);
void ldc_filter_close(ldc_filter *t);

#endif
