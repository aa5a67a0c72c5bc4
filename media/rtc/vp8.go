package rtc

// vp8Payload returns the VP8 data of one RTP payload (RFC 7741, 4.2), and
// whether it begins a frame.
func vp8Payload(p []byte) (data []byte, start bool, err error) {
	if len(p) == 0 {
		return nil, false, errTruncated
	}
	start = p[0]&0x17 == 0x10 // S bit, partition 0
	n := 1
	if p[0]&0x80 != 0 { // X: extensions
		if len(p) < 2 {
			return nil, false, errTruncated
		}
		x := p[1]
		n = 2
		if x&0x80 != 0 { // I: frame id of 7 or 15 bits
			if len(p) <= n {
				return nil, false, errTruncated
			}
			n += 1 + int(p[n]>>7)
		}
		if x&0x40 != 0 { // L: TL0PICIDX
			n++
		}
		if x&0x30 != 0 { // T, K: temporal layer, key index
			n++
		}
	}
	if len(p) < n {
		return nil, false, errTruncated
	}
	return p[n:], start, nil
}

// vp8Frame assembles one frame.
func vp8Frame(payloads [][]byte) (data []byte, key bool, err error) {
	size := 0
	for _, p := range payloads {
		size += len(p)
	}
	data = make([]byte, 0, size)
	for i, p := range payloads {
		d, start, err := vp8Payload(p)
		if err != nil {
			return nil, false, err
		}
		if i == 0 && !start {
			return nil, false, errNotStarted
		}
		data = append(data, d...)
	}
	if len(data) == 0 {
		return nil, false, nil
	}
	key = data[0]&1 == 0 // frame header: P bit, 0 in a keyframe (RFC 6386, 9.1)
	if key && len(data) < 10 {
		return nil, false, errTruncated
	}
	return data, key, nil
}

// packVP8 cuts a frame into RTP payloads of at most mtu bytes, each with a 15-bit frame id.
func packVP8(data []byte, mtu int, frame uint16) (out [][]byte) {
	const head = 4
	count := (len(data) + mtu - head - 1) / (mtu - head)
	for i := range count {
		part := data[len(data)*i/count : len(data)*(i+1)/count]
		p := append(make([]byte, 0, head+len(part)), 0x80, 0x80, 0x80|byte(frame>>8), byte(frame))
		if i == 0 {
			p[0] |= 0x10
		}
		out = append(out, append(p, part...))
	}
	return out
}
