// The C side of Source: libavformat's demuxer over a file descriptor of ours.
#ifndef LIVEDUB_DEMUX_H
#define LIVEDUB_DEMUX_H

#include <stdint.h>

typedef struct ld_reader ld_reader;

// One elementary stream. Pointers belong to the reader.
typedef struct ld_stream {
    int index; // -1: the file has none
    const char *codec;
    const uint8_t *extradata;
    int extradata_size;
    int width, height, rotation, mirrored; // rotation in clockwise degrees, after left and right were exchanged
    int sar_num, sar_den;
    int rate_num, rate_den;
    int fields;                   // 0: unknown, 1: progressive, 2: top first, 3: bottom first
    int primaries, transfer, matrix; // of ITU-T H.273, 2: unspecified
    int dolby_vision;             // its profile, 0: none
    int sample_rate, channels, priming; // priming: samples that only start the decoder
    int block_align, bits;        // bytes of a block of sound, bits of a coded sample
    int64_t bit_rate;
    unsigned tag;
    const char *format;           // of raw frames, NULL if unknown
    int tb_num, tb_den;
    int64_t duration; // in its time base; LD_NONE if unknown
} ld_stream;

// What the container says of itself.
typedef struct ld_info {
    ld_stream audio, video;
    int64_t zero;             // the container's first instant ...
    int zero_num, zero_den;   // ... and the time base it is exact in
    int64_t duration;         // microseconds, 0 if unknown
    int stated;               // the duration is written in the file, not estimated
    int discontinuous;        // the format allows times to jump
    int streams;              // of every kind
} ld_info;

// One access unit. data stays valid until the next ld_read.
typedef struct ld_packet {
    int stream;
    int64_t pts, dts, duration; // LD_NONE if unknown; in the stream's time base
    int key, corrupt, discard, encrypted;
    uint32_t skip_start, skip_end;
    const uint8_t *data;
    int size;
} ld_packet;

#define LD_NONE INT64_MIN
#define LD_FOREIGN (-0x4C440001) // a format outside the list that was allowed
#define LD_EOF (-0x20464F45)     // AVERROR_EOF

// fd and wake are borrowed. wait_ms bounds how long opening and the first ld_read may wait for bytes, 0 for ever.
// On failure *out is still set, for ld_format and ld_free.
int ld_open(ld_reader **out, int fd, int wake, const char *name, int seekable, int wait_ms, const char *formats);
// ld_language returns the language of stream i as the file tags it, NULL if that is no
// sound for everybody: a commentary, a description for the blind. "": it is not told.
const char *ld_language(ld_reader *r, int i);
int ld_streams(ld_reader *r);
void ld_choose_audio(ld_reader *r, int i); // instead of what ld_open chose, before the first ld_read
void ld_info_get(ld_reader *r, ld_info *info);
int ld_read(ld_reader *r, ld_packet *p);
int ld_cut(ld_reader *r);            // the index names bytes beyond the end of the file
int ld_at_end(ld_reader *r);         // the last read met the end of the file
int ld_errno(ld_reader *r);          // errno of a failed read(2), 0 if none
const char *ld_format(ld_reader *r); // libavformat's name for what it found, "" if nothing
void ld_stop(ld_reader *r);          // from any thread; pair it with a byte in wake
void ld_free(ld_reader *r);

void ld_setup(int64_t max_alloc);
void ld_strerror(int err, char *buf, int size);

#endif
