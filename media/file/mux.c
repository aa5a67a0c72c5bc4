#include "mux.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/display.h>

#define IO_BUFFER (256 * 1024)
#define VIDEO_TICKS 90000

struct ld_writer {
    AVFormatContext *fmt;
    AVIOContext *io;
    AVPacket *pkt;
    int fd, err, index_first;
};

#if LIBAVFORMAT_VERSION_MAJOR >= 61
static int io_write(void *opaque, const uint8_t *buf, int size)
#else
static int io_write(void *opaque, uint8_t *buf, int size)
#endif
{
    ld_writer *w = opaque;
    for (int done = 0; done < size;) {
        ssize_t n = write(w->fd, buf + done, size - done);
        if (n >= 0) {
            done += (int)n;
        } else if (errno != EINTR) {
            w->err = errno;
            return AVERROR(errno);
        }
    }
    return size;
}

static int64_t io_seek(void *opaque, int64_t offset, int whence)
{
    ld_writer *w = opaque;
    if (whence & AVSEEK_SIZE)
        return AVERROR(ENOSYS);
    off_t at = lseek(w->fd, offset, whence & ~AVSEEK_FORCE);
    return at < 0 ? AVERROR(errno) : at;
}

int ld_writer_new(ld_writer **out, int fd)
{
    ld_writer *w = av_mallocz(sizeof *w);
    *out = w;
    if (!w)
        return AVERROR(ENOMEM);
    w->fd = fd;
    uint8_t *buf = av_malloc(IO_BUFFER);
    if (buf && !(w->io = avio_alloc_context(buf, IO_BUFFER, 1, w, NULL, io_write, io_seek)))
        av_free(buf);
    w->pkt = av_packet_alloc();
    if (!w->io || !w->pkt)
        return AVERROR(ENOMEM);
    int err = avformat_alloc_output_context2(&w->fmt, NULL, "mp4", NULL);
    if (err < 0)
        return err;
    w->fmt->pb = w->io;
    return 0;
}

static int set_rotation(AVStream *st, int clockwise)
{
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
    AVPacketSideData *sd = av_packet_side_data_new(&st->codecpar->coded_side_data,
        &st->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX, 36, 0);
    int32_t *m = sd ? (int32_t *)sd->data : NULL;
#else
    int32_t *m = (int32_t *)av_stream_new_side_data(st, AV_PKT_DATA_DISPLAYMATRIX, 36);
#endif
    if (!m)
        return AVERROR(ENOMEM);
    av_display_rotation_set(m, clockwise);
    return 0;
}

int ld_writer_track(ld_writer *w, const ld_target *t)
{
    const AVCodecDescriptor *d = avcodec_descriptor_get_by_name(t->codec);
    if (!d || d->type != (t->video ? AVMEDIA_TYPE_VIDEO : AVMEDIA_TYPE_AUDIO) ||
        avformat_query_codec(w->fmt->oformat, d->id, FF_COMPLIANCE_NORMAL) != 1)
        return LD_UNFIT;
    AVStream *st = avformat_new_stream(w->fmt, NULL);
    if (!st)
        return AVERROR(ENOMEM);
    AVCodecParameters *par = st->codecpar;
    par->codec_type = d->type;
    par->codec_id = d->id;
    if (t->extradata_size > 0) {
        if (!(par->extradata = av_mallocz(t->extradata_size + AV_INPUT_BUFFER_PADDING_SIZE)))
            return AVERROR(ENOMEM);
        memcpy(par->extradata, t->extradata, t->extradata_size);
        par->extradata_size = t->extradata_size;
    }
    if (!t->video) {
        par->sample_rate = t->sample_rate;
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(59, 24, 100)
        av_channel_layout_default(&par->ch_layout, t->channels);
#else
        par->channels = t->channels;
#endif
        st->time_base = (AVRational){1, t->sample_rate};
        return st->index;
    }
    par->width = t->width;
    par->height = t->height;
    if (t->pixel_aspect > 0)
        st->sample_aspect_ratio = par->sample_aspect_ratio = av_d2q(t->pixel_aspect, 1 << 15);
    par->color_range = AVCOL_RANGE_MPEG;
    if (t->primaries)
        par->color_primaries = t->primaries;
    if (t->transfer)
        par->color_trc = t->transfer;
    if (t->matrix)
        par->color_space = t->matrix;
    if (t->fields == 1)
        par->field_order = AV_FIELD_PROGRESSIVE;
    if (t->frame_rate > 0)
        st->avg_frame_rate = av_d2q(t->frame_rate, 100000);
    st->time_base = (AVRational){1, VIDEO_TICKS};
    int err = t->rotation ? set_rotation(st, t->rotation) : 0;
    return err < 0 ? err : st->index;
}

int ld_writer_tag(ld_writer *w, const char *key, const char *value)
{
    int err = av_dict_set(&w->fmt->metadata, key, value, 0);
    return err < 0 ? err : 0;
}

int ld_writer_index_first(ld_writer *w)
{
    // libavformat reads back by name what it moves behind the index.
    char *url = av_asprintf("file:/proc/self/fd/%d", w->fd);
    if (!url)
        return AVERROR(ENOMEM);
    av_freep(&w->fmt->url);
    w->fmt->url = url;
    w->index_first = 1;
    return 0;
}

int ld_writer_header(ld_writer *w)
{
    AVDictionary *opts = NULL;
    if (w->index_first)
        av_dict_set(&opts, "movflags", "+faststart", 0);
    // Times are written as they are; what lies before zero is cut off by an edit list.
    av_dict_set(&opts, "avoid_negative_ts", "disabled", 0);
    av_dict_set(&opts, "use_editlist", "1", 0);
    // Edit lists count in the movie's time scale, whose default of a millisecond is too coarse for sound.
    av_dict_set(&opts, "movie_timescale", "48000", 0);
    av_dict_set_int(&opts, "video_track_timescale", VIDEO_TICKS, 0);
    int err = avformat_write_header(w->fmt, &opts);
    av_dict_free(&opts);
    return err < 0 ? err : 0;
}

int ld_writer_ticks(ld_writer *w, int track)
{
    AVRational tb = w->fmt->streams[track]->time_base;
    return tb.num == 1 ? tb.den : 0;
}

int ld_writer_packet(ld_writer *w, int track, int64_t pts, int64_t dts, int64_t duration, int key,
    const uint8_t *data, int size)
{
    AVPacket *pkt = w->pkt;
    int err = av_new_packet(pkt, size); // a copy, because parsers read past the end
    if (err < 0)
        return err;
    memcpy(pkt->data, data, size);
    pkt->stream_index = track;
    pkt->pts = pts;
    pkt->dts = dts;
    pkt->duration = duration;
    pkt->flags = key ? AV_PKT_FLAG_KEY : 0;
    err = av_write_frame(w->fmt, pkt);
    av_packet_unref(pkt);
    if (err >= 0 && w->io->error < 0)
        err = w->io->error;
    return err < 0 ? err : 0;
}

int64_t ld_writer_size(ld_writer *w) { return avio_tell(w->io); }

int ld_writer_trailer(ld_writer *w)
{
    int err = av_write_trailer(w->fmt);
    avio_flush(w->io);
    return err < 0 ? err : w->io->error;
}

int ld_writer_errno(ld_writer *w) { return w->err; }

void ld_writer_free(ld_writer *w)
{
    if (!w)
        return;
    av_packet_free(&w->pkt);
    avformat_free_context(w->fmt);
    if (w->io)
        av_freep(&w->io->buffer);
    avio_context_free(&w->io);
    av_free(w);
}
