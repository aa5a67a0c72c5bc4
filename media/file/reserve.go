package file

import (
	"errors"
	"os"
	"syscall"
)

// An MP4's index is written last and grows with every packet; on a full disk a
// file without it is lost. So room for it is always held ahead of the data, in
// the file itself, allocated past its end: when no more can be had the disk
// counts as full, and what was held takes the index.

const (
	reserveStep  = 1 << 20  // bytes taken at once while there is plenty
	indexFixed   = 32 << 10 // bytes of an index without packets, and of what the muxer writes around it
	indexEntry   = 48       // bytes a packet adds to an index at most: size, times, key, chunk
	keepSizeFlag = 0x1      // FALLOC_FL_KEEP_SIZE
)

// reserve holds room in a file that is being written.
type reserve struct {
	file    *os.File
	end     int64 // bytes from the file's start that are allocated
	entries int64
	fixed   int64 // bytes of index that packets do not count for: codec configurations
	without bool  // this file system cannot allocate ahead
}

// admit makes sure that n more bytes of a packet fit behind size bytes of file, and the index behind them.
func (r *reserve) admit(size, n int64) error {
	need := size + n + indexFixed + r.fixed + (r.entries+1)*indexEntry
	if r.without || need <= r.end {
		r.entries++
		return nil
	}
	err := r.grow(max(need, r.end+reserveStep))
	if full(err) {
		err = r.grow(need)
	}
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		r.without, err = true, nil
	}
	if err == nil {
		r.entries++
	}
	return err
}

func (r *reserve) grow(end int64) error {
	for {
		err := syscall.Fallocate(int(r.file.Fd()), keepSizeFlag, r.end, end-r.end)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err == nil {
			r.end = end
		}
		return err
	}
}

// release gives back what the finished file did not need.
func (r *reserve) release() error {
	st, err := r.file.Stat()
	if err != nil || r.without || r.end <= st.Size() {
		return err
	}
	return r.file.Truncate(st.Size())
}

// full tells whether err means that there is no room, on the disk or for this user.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
