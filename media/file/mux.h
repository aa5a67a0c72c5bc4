// The C side of Sink: libavformat's MP4 muxer into a file descriptor of ours.
#ifndef LIVEDUB_MUX_H
#define LIVEDUB_MUX_H

#include <stdint.h>

typedef struct ld_writer ld_writer;

// One track to write. Pointers are copied from.
typedef struct ld_target {
    const char *codec;
    int video;
    const uint8_t *extradata;
    int extradata_size;
    int width, height, rotation; // rotation in clockwise degrees
    double pixel_aspect;
    double frame_rate;
    int fields;                      // as in demux.h
    int primaries, transfer, matrix; // 0: not told; the range is limited
    int sample_rate, channels;
} ld_target;

#define LD_UNFIT (-0x4C440002) // the codec does not exist or has no place in MP4

int ld_writer_new(ld_writer **out, int fd); // fd is borrowed
int ld_writer_track(ld_writer *w, const ld_target *t); // its index, or an error
int ld_writer_tag(ld_writer *w, const char *key, const char *value); // before the header
int ld_writer_index_first(ld_writer *w); // before the header: the trailer puts the index first
int ld_writer_header(ld_writer *w);
int ld_writer_ticks(ld_writer *w, int track); // per second, known after the header
int ld_writer_packet(ld_writer *w, int track, int64_t pts, int64_t dts, int64_t duration, int key,
    const uint8_t *data, int size);
int64_t ld_writer_size(ld_writer *w); // bytes so far, those not yet in the file too
int ld_writer_trailer(ld_writer *w);
int ld_writer_errno(ld_writer *w);    // errno of a failed write(2), 0 if none
void ld_writer_free(ld_writer *w);

#endif
