#include "demux.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/display.h>
#include <libavutil/dovi_meta.h>
#include <libavutil/pixdesc.h>
#include <libavutil/time.h>

#define IO_BUFFER (64 * 1024)

_Static_assert(LD_EOF == AVERROR_EOF, "LD_EOF is AVERROR_EOF");

struct ld_reader {
    AVFormatContext *fmt;
    AVIOContext *io;
    AVPacket *pkt;
    const char *format;
    int fd, wake, seekable;
    int err;          // errno of a failed read
    int64_t deadline; // of opening, 0 for none
    int audio, video; // stream indices
    atomic_int stop;
};

static int interrupted(void *opaque)
{
    ld_reader *r = opaque;
    return atomic_load(&r->stop) || (r->deadline && av_gettime_relative() > r->deadline);
}

// A pipe may have nothing to say for long: wait for bytes or for ld_stop.
static int io_read(void *opaque, uint8_t *buf, int size)
{
    ld_reader *r = opaque;
    for (;;) {
        if (atomic_load(&r->stop))
            return AVERROR_EXIT;
        if (!r->seekable) {
            struct pollfd p[2] = {{r->fd, POLLIN, 0}, {r->wake, POLLIN, 0}};
            int ms = -1;
            if (r->deadline) {
                int64_t left = (r->deadline - av_gettime_relative()) / 1000;
                if (left <= 0)
                    return AVERROR(ETIMEDOUT);
                ms = (int)left + 1;
            }
            if (poll(p, 2, ms) <= 0 || p[0].revents == 0)
                continue;
        }
        ssize_t n = read(r->fd, buf, size);
        if (n > 0)
            return (int)n;
        if (n == 0)
            return AVERROR_EOF;
        if (errno == EINTR || errno == EAGAIN)
            continue;
        r->err = errno;
        return AVERROR(errno);
    }
}

static int64_t io_seek(void *opaque, int64_t offset, int whence)
{
    ld_reader *r = opaque;
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE) {
        off_t here = lseek(r->fd, 0, SEEK_CUR), end = lseek(r->fd, 0, SEEK_END);
        if (here < 0 || end < 0 || lseek(r->fd, here, SEEK_SET) < 0)
            return AVERROR(errno);
        return end;
    }
    off_t at = lseek(r->fd, offset, whence);
    return at < 0 ? AVERROR(errno) : at;
}

// A media file may name other files and addresses; none is ever opened.
static int refuse_open(AVFormatContext *s, AVIOContext **pb, const char *url, int flags, AVDictionary **o)
{
    return AVERROR(EPERM);
}

static int is_moving(const AVStream *st)
{
    return !(st->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS));
}

static int known(const AVStream *st) { return st->codecpar->codec_id != AV_CODEC_ID_NONE; }

// Cover art counts as video for libavformat, not for us.
static int best_video(AVFormatContext *f)
{
    int i = av_find_best_stream(f, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (i >= 0 && is_moving(f->streams[i]) && known(f->streams[i]))
        return i;
    for (i = 0; i < (int)f->nb_streams; i++) {
        AVStream *st = f->streams[i];
        if (st->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && is_moving(st) && known(st))
            return i;
    }
    return -1;
}

static int best_audio(AVFormatContext *f, int video)
{
    int i = av_find_best_stream(f, AVMEDIA_TYPE_AUDIO, -1, video, NULL, 0);
    return i >= 0 && known(f->streams[i]) ? i : -1;
}

int ld_open(ld_reader **out, int fd, int wake, const char *name, int seekable, int wait_ms, const char *formats)
{
    ld_reader *r = av_mallocz(sizeof *r);
    *out = r;
    if (!r)
        return AVERROR(ENOMEM);
    r->fd = fd;
    r->wake = wake;
    r->seekable = seekable;
    r->format = "";
    if (wait_ms > 0)
        r->deadline = av_gettime_relative() + (int64_t)wait_ms * 1000;
    atomic_init(&r->stop, 0);

    uint8_t *buf = av_malloc(IO_BUFFER);
    if (buf && !(r->io = avio_alloc_context(buf, IO_BUFFER, 0, r, io_read, NULL, seekable ? io_seek : NULL)))
        av_free(buf);
    r->fmt = avformat_alloc_context();
    r->pkt = av_packet_alloc();
    if (!r->io || !r->fmt || !r->pkt)
        return AVERROR(ENOMEM);
    r->io->seekable = seekable ? AVIO_SEEKABLE_NORMAL : 0;
    r->fmt->pb = r->io;
    r->fmt->flags |= AVFMT_FLAG_CUSTOM_IO; // also avformat_close_input must leave io alone
    r->fmt->io_open = refuse_open;
    r->fmt->interrupt_callback = (AVIOInterruptCB){interrupted, r};

    const AVInputFormat *format = NULL;
#if LIBAVFORMAT_VERSION_MAJOR < 59
    int err = av_probe_input_buffer2(r->io, (AVInputFormat **)&format, name, NULL, 0, 0);
#else
    int err = av_probe_input_buffer2(r->io, &format, name, NULL, 0, 0);
#endif
    if (err < 0)
        return err;
    r->format = format->name;
    if (!av_match_list(format->name, formats, ','))
        return LD_FOREIGN;
    AVDictionary *opts = NULL;
    av_dict_set(&opts, "protocol_whitelist", "none", 0);
    err = avformat_open_input(&r->fmt, name, (AVInputFormat *)format, &opts); // frees fmt on failure
    av_dict_free(&opts);
    if (err < 0)
        return err;
    if ((err = avformat_find_stream_info(r->fmt, NULL)) < 0)
        return err;
    r->video = best_video(r->fmt);
    r->audio = best_audio(r->fmt, r->video);
    for (int i = 0; i < (int)r->fmt->nb_streams; i++)
        if (i != r->video && i != r->audio)
            r->fmt->streams[i]->discard = AVDISCARD_ALL;
    return 0;
}

int ld_streams(ld_reader *r) { return (int)r->fmt->nb_streams; }

const char *ld_language(ld_reader *r, int i)
{
    AVStream *st = r->fmt->streams[i];
    const int others = AV_DISPOSITION_COMMENT | AV_DISPOSITION_VISUAL_IMPAIRED | AV_DISPOSITION_KARAOKE;
    if (st->codecpar->codec_type != AVMEDIA_TYPE_AUDIO || !known(st) || st->disposition & others)
        return NULL;
    AVDictionaryEntry *e = av_dict_get(st->metadata, "language", NULL, 0);
    return e ? e->value : "";
}

void ld_choose_audio(ld_reader *r, int i)
{
    if (r->audio >= 0)
        r->fmt->streams[r->audio]->discard = AVDISCARD_ALL;
    r->fmt->streams[i]->discard = AVDISCARD_DEFAULT;
    r->audio = i;
}

// side_data returns what the container tells of a stream beside its parameters, NULL if it has fewer than least bytes.
static const uint8_t *side_data(const AVStream *st, enum AVPacketSideDataType type, size_t least)
{
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
    const AVPacketSideData *sd = av_packet_side_data_get(st->codecpar->coded_side_data,
        st->codecpar->nb_coded_side_data, type);
    return sd && sd->size >= least ? sd->data : NULL;
#elif LIBAVFORMAT_VERSION_MAJOR >= 59
    size_t size = 0;
    const uint8_t *data = av_stream_get_side_data(st, type, &size);
    return data && size >= least ? data : NULL;
#else
    int size = 0;
    const uint8_t *data = av_stream_get_side_data(st, type, &size);
    return data && size >= (int)least ? data : NULL;
#endif
}

static int dolby_vision(const AVStream *st)
{
    const AVDOVIDecoderConfigurationRecord *c = (const void *)side_data(st, AV_PKT_DATA_DOVI_CONF, sizeof *c);
    return c ? c->dv_profile : 0;
}

static int rotation(const AVStream *st, int *mirrored)
{
    *mirrored = 0;
    const uint8_t *m = side_data(st, AV_PKT_DATA_DISPLAYMATRIX, 36);
    if (!m)
        return 0;
    int32_t turn[9];
    memcpy(turn, m, sizeof turn);
    if ((int64_t)turn[0] * turn[4] < (int64_t)turn[1] * turn[3]) { // what turns does not mirror
        *mirrored = 1;
        turn[0] = -turn[0];
        turn[1] = -turn[1];
    }
    double ccw = av_display_rotation_get(turn);
    if (!(ccw >= -360 && ccw <= 360)) // also not a number
        return 0;
    int quarters = (int)(-ccw / 90 + (ccw < 0 ? 0.5 : -0.5));
    return (quarters % 4 + 4) % 4 * 90;
}

static int fields(enum AVFieldOrder o)
{
    switch (o) {
    case AV_FIELD_PROGRESSIVE:
        return 1;
    case AV_FIELD_TT:
    case AV_FIELD_TB:
        return 2;
    case AV_FIELD_BB:
    case AV_FIELD_BT:
        return 3;
    default:
        return 0;
    }
}

static void describe(AVFormatContext *f, int index, ld_stream *s)
{
    *s = (ld_stream){.index = index, .duration = LD_NONE};
    if (index < 0)
        return;
    AVStream *st = f->streams[index];
    AVCodecParameters *par = st->codecpar;
    AVRational sar = av_guess_sample_aspect_ratio(f, st, NULL);
    AVRational rate = st->avg_frame_rate.num > 0 && st->avg_frame_rate.den > 0 ? st->avg_frame_rate : st->r_frame_rate;
    s->codec = avcodec_get_name(par->codec_id);
    s->extradata = par->extradata;
    s->extradata_size = par->extradata ? par->extradata_size : 0;
    s->width = par->width;
    s->height = par->height;
    s->rotation = rotation(st, &s->mirrored);
    s->sar_num = sar.num;
    s->sar_den = sar.den;
    s->rate_num = rate.num;
    s->rate_den = rate.den;
    s->sample_rate = par->sample_rate;
    s->block_align = par->block_align;
    s->bits = par->bits_per_coded_sample;
    s->bit_rate = par->bit_rate;
    s->tag = par->codec_tag;
    if (par->codec_type == AVMEDIA_TYPE_VIDEO) {
        s->fields = fields(par->field_order);
        s->dolby_vision = dolby_vision(st);
        s->primaries = par->color_primaries;
        s->transfer = par->color_trc;
        s->matrix = par->color_space;
        s->format = av_get_pix_fmt_name(par->format);
    }
    s->priming = par->initial_padding;
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(59, 24, 100)
    s->channels = par->ch_layout.nb_channels;
#else
    s->channels = par->channels;
#endif
    s->tb_num = st->time_base.num;
    s->tb_den = st->time_base.den;
    s->duration = st->duration;
}

void ld_info_get(ld_reader *r, ld_info *info)
{
    AVFormatContext *f = r->fmt;
    *info = (ld_info){.zero_num = 1, .zero_den = AV_TIME_BASE};
    describe(f, r->audio, &info->audio);
    describe(f, r->video, &info->video);
    if (f->start_time != AV_NOPTS_VALUE) {
        info->zero = f->start_time;
        // start_time is one stream's, rounded to microseconds: take it unrounded.
        for (unsigned i = 0; i < f->nb_streams; i++) {
            AVStream *st = f->streams[i];
            if (st->start_time != AV_NOPTS_VALUE &&
                av_rescale_q(st->start_time, st->time_base, AV_TIME_BASE_Q) == f->start_time) {
                info->zero = st->start_time;
                info->zero_num = st->time_base.num;
                info->zero_den = st->time_base.den;
                break;
            }
        }
    }
    if (f->duration != AV_NOPTS_VALUE && f->duration > 0) {
        info->duration = f->duration;
        info->stated = f->duration_estimation_method == AVFMT_DURATION_FROM_STREAM;
    }
    info->discontinuous = !!(f->iformat->flags & AVFMT_TS_DISCONT);
    info->streams = (int)f->nb_streams;
}

int ld_read(ld_reader *r, ld_packet *p)
{
    AVPacket *pkt = r->pkt;
    do {
        av_packet_unref(pkt);
        if (atomic_load(&r->stop))
            return AVERROR_EXIT;
        int err = av_read_frame(r->fmt, pkt);
        if (err < 0)
            return err;
    } while ((pkt->stream_index != r->audio && pkt->stream_index != r->video) || pkt->size <= 0);
    r->deadline = 0;
    *p = (ld_packet){
        .stream = pkt->stream_index,
        .pts = pkt->pts,
        .dts = pkt->dts,
        .duration = pkt->duration > 0 ? pkt->duration : LD_NONE,
        .key = !!(pkt->flags & AV_PKT_FLAG_KEY),
        .corrupt = !!(pkt->flags & AV_PKT_FLAG_CORRUPT),
        .discard = !!(pkt->flags & AV_PKT_FLAG_DISCARD),
        .data = pkt->data,
        .size = pkt->size,
    };
    for (int i = 0; i < pkt->side_data_elems; i++) {
        const AVPacketSideData *sd = &pkt->side_data[i];
        if (sd->type == AV_PKT_DATA_ENCRYPTION_INFO)
            p->encrypted = 1;
        if (sd->type == AV_PKT_DATA_SKIP_SAMPLES && sd->size >= 8) {
            const uint8_t *b = sd->data;
            p->skip_start = b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
            p->skip_end = b[4] | b[5] << 8 | b[6] << 16 | (uint32_t)b[7] << 24;
        }
    }
    return 0;
}

int ld_cut(ld_reader *r)
{
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(58, 76, 100)
    int64_t size = r->seekable ? avio_size(r->io) : -1;
    for (unsigned s = 0; size > 0 && s < r->fmt->nb_streams; s++) {
        AVStream *st = r->fmt->streams[s];
        int n = avformat_index_get_entries_count(st);
        for (int i = 0; i < n; i++) {
            const AVIndexEntry *e = avformat_index_get_entry(st, i);
            if (e && e->pos >= 0 && (e->pos >= size || e->size > size - e->pos))
                return 1;
        }
    }
#endif
    return 0;
}

int ld_at_end(ld_reader *r) { return avio_feof(r->io); }
int ld_errno(ld_reader *r) { return r->err; }
const char *ld_format(ld_reader *r) { return r ? r->format : ""; }
void ld_stop(ld_reader *r) { atomic_store(&r->stop, 1); }

void ld_free(ld_reader *r)
{
    if (!r)
        return;
    av_packet_free(&r->pkt);
    avformat_close_input(&r->fmt);
    if (r->io)
        av_freep(&r->io->buffer);
    avio_context_free(&r->io);
    av_free(r);
}

void ld_setup(int64_t max_alloc)
{
    av_log_set_level(AV_LOG_FATAL);
    av_max_alloc(max_alloc);
}

void ld_strerror(int err, char *buf, int size) { av_strerror(err, buf, size); }
