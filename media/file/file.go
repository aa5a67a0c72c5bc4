// Package file reads media files as a media.Source and writes MP4 as a
// media.Sink, both over libavformat. It moves compressed packets only; frames
// and sound are coded elsewhere.
package file

/*
#cgo pkg-config: libavformat libavcodec libavutil
#cgo CFLAGS: -O2 -Wall -Wno-deprecated-declarations
#include "demux.h"
*/
import "C"

import (
	"fmt"
	"strings"
)

// maxAlloc bounds any single allocation inside libav*, in bytes: a hostile header
// may promise an index of billions of entries. 512 MiB hold the index of a recording of 40 hours.
const maxAlloc = 512 << 20

// formats are the containers that may be opened, by libavformat's names. Playlists,
// session descriptions and text art are left out: they open other files, or are none of ours.
const formats = "mov,matroska,mpegts,mpeg,avi,wav,w64,mp3,aac,ogg,flac,flv,asf,ivf,nut,mxf,gxf,dv,rm,wtv," +
	"caf,aiff,au,amr,ac3,eac3,dts,wv,tta,ape,h264,hevc,m4v,mpegvideo,vc1,obu,av1,gsm,voc,yuv4mpegpipe,mjpeg"

func init() { C.ld_setup(maxAlloc) }

// reason puts a libavformat error code into its words, in lower case as Go's errors are.
func reason(code C.int) string {
	var buf [128]C.char
	C.ld_strerror(code, &buf[0], C.int(len(buf)))
	s := C.GoString(&buf[0])
	if s == "" {
		return fmt.Sprintf("error %d", int(code))
	}
	return strings.ToLower(s[:1]) + s[1:]
}
