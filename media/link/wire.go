package link

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"livedub/media"
)

// kind is the kind of a message: one byte, then four bytes of its length, then its body.
type kind byte

const (
	hello    kind = 1 + iota // the sender's first: a Hello
	ping                     // the receiver's: a number, which comes back
	pong                     // with the sender's session clock
	accept                   // the receiver has opened the session
	refuse                   // or has not, and why
	track                    // a track that begins, before its first packet
	packet                   // of the speaker
	beat                     // either's: still here
	keyframe                 // the receiver wants one
	ready                    // the receiver's session goes on from here
	bye                      // either's last, and why
	kinds
)

// Reasons of a bye.
const (
	byeEnded    = "ended"    // the session, or the speaker
	byeReplaced = "replaced" // by the speaker, who has come
)

const (
	head      = 5       // bytes before a message's body
	maxPacket = 4 << 20 // bytes of a packet's message
	maxText   = 256     // bytes of a reason
)

// longest is how many bytes the body of each kind has at most.
var longest = [kinds]int{
	hello: 2*MaxCheckpoint + 8*maxExtradata, ping: 8, pong: 16, accept: 0, refuse: maxText, track: 4 * maxExtradata, packet: maxPacket, bye: maxText,
}

// readMessage reads one message. The reader bounds how long that takes.
func readMessage(r io.Reader) (kind, []byte, error) {
	var h [head]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	k, n := kind(h[0]), binary.BigEndian.Uint32(h[1:])
	if k == 0 || k >= kinds || n > uint32(longest[k]) {
		return 0, nil, fmt.Errorf("%w: kind %d of %d bytes", ErrProtocol, k, n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, fmt.Errorf("link: a message broke off: %w", err)
	}
	return k, body, nil
}

// appendMessage writes a message behind b.
func appendMessage(b []byte, k kind, body []byte) []byte {
	b = append(b, byte(k))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// A packet's message is: kind, flags, PTS, DTS, duration in nanoseconds, the
// samples to skip at both ends, data.
const (
	packetHead  = 2 + 3*8 + 2*4
	maxData     = maxPacket - packetHead
	flagKey     = 1
	flagGap     = 2
	maxSkip     = 1 << 20
	maxTime     = 1000 * time.Hour // of a session
	maxDuration = time.Minute
)

// appendPacket writes the message of a packet that was checked behind b.
func appendPacket(b []byte, p media.Packet) []byte {
	flags := byte(0)
	if p.Key {
		flags |= flagKey
	}
	if p.Gap {
		flags |= flagGap
	}
	b = append(b, byte(packet))
	b = binary.BigEndian.AppendUint32(b, uint32(packetHead+len(p.Data)))
	b = append(b, byte(p.Kind), flags)
	for _, t := range []time.Duration{p.PTS, p.DTS, p.Duration} {
		b = binary.BigEndian.AppendUint64(b, uint64(t))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(p.SkipStart))
	b = binary.BigEndian.AppendUint32(b, uint32(p.SkipEnd))
	return append(b, p.Data...)
}

func parsePacket(body []byte) (media.Packet, error) {
	if len(body) < packetHead {
		return media.Packet{}, fmt.Errorf("%w: a packet of %d bytes", ErrProtocol, len(body))
	}
	at := func(i int) time.Duration { return time.Duration(binary.BigEndian.Uint64(body[2+8*i:])) }
	skip := func(i int) int { return int(binary.BigEndian.Uint32(body[2+3*8+4*i:])) }
	p := media.Packet{
		Kind: media.Kind(body[0]), Key: body[1]&flagKey != 0, Gap: body[1]&flagGap != 0,
		PTS: at(0), DTS: at(1), Duration: at(2), SkipStart: skip(0), SkipEnd: skip(1), Data: body[packetHead:],
	}
	if body[1]&^(flagKey|flagGap) != 0 {
		return media.Packet{}, fmt.Errorf("%w: a packet with flags %#x", ErrProtocol, body[1])
	}
	return p, checkPacket(p)
}

// checkPacket refuses what cannot be sent.
func checkPacket(p media.Packet) error {
	within := func(n int) bool { return n >= 0 && n <= maxSkip }
	if p.Kind != media.Audio && p.Kind != media.Video || len(p.Data) > maxData || p.PTS.Abs() > maxTime || p.DTS.Abs() > maxTime ||
		p.Duration < 0 || p.Duration > maxDuration || !within(p.SkipStart) || !within(p.SkipEnd) {
		return fmt.Errorf("%w: a packet of kind %d and %d bytes, at %v, decoded at %v, for %v", ErrProtocol, p.Kind, len(p.Data), p.PTS, p.DTS, p.Duration)
	}
	return nil
}
