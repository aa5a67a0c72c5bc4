package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"livedub/media/pace"
	"livedub/media/rtc"
	"livedub/signaling"
)

// fill inserts lines into every media section of an offer, as many as CheckOffer
// lets pass; line has a verb for the line's number, from 1, which no other has.
func fill(offer string, lines ...string) string {
	for _, line := range lines {
		passing := offer
		for n := 1; ; n++ {
			sections := strings.Split(offer, "\r\nm=")
			for i := 1; i < len(sections); i++ {
				for k := range n {
					sections[i] += "\r\n" + fmt.Sprintf(line, 1000*i+k)
				}
			}
			next := strings.Join(sections, "\r\nm=")
			if signaling.CheckOffer(next+"\r\n") != nil {
				break
			}
			passing = next
		}
		offer = passing
	}
	return offer
}

// repeat gives an offer as many video sections, each with a mid of its own, as CheckOffer lets pass.
func repeat(offer string) string {
	video := offer[strings.LastIndex(offer, "\r\nm=video"):]
	for n := 2; ; n++ {
		next := strings.Replace(offer, "BUNDLE 0", fmt.Sprintf("BUNDLE 0 %d", n), 1) +
			strings.Replace(video, "a=mid:1", fmt.Sprintf("a=mid:%d", n), 1)
		if signaling.CheckOffer(next+"\r\n") != nil {
			return offer
		}
		offer = next
	}
}

// codecs offers H.264 with every payload type that a section may use, in formats
// as long as CheckOffer lets pass, and a repair stream with every second one.
func codecs(offer string) string {
	i, passing := strings.LastIndex(offer, "\r\nm=video"), offer
	for parameters := 1; ; parameters++ {
		formats, lines := "", ""
		for pt := 35; pt < 128; pt++ {
			if pt == 64 {
				pt = 96
			}
			formats += fmt.Sprint(" ", pt)
			if pt%2 == 1 {
				lines += fmt.Sprintf("\r\na=rtpmap:%d rtx/90000\r\na=fmtp:%[1]d apt=%d", pt, pt-1)
				continue
			}
			lines += fmt.Sprintf("\r\na=rtpmap:%d H264/90000\r\na=fmtp:%[1]d packetization-mode=1;profile-level-id=42e01f", pt)
			for k := range parameters {
				lines += fmt.Sprintf(";%d=%d", k, pt)
			}
			for _, f := range []string{"nack", "nack pli", "ccm fir", "transport-cc"} {
				lines += fmt.Sprintf("\r\na=rtcp-fb:%d %s", pt, f)
			}
		}
		next := offer[:i] + "\r\nm=video 9 UDP/TLS/RTP/SAVPF" + formats + "\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:90w/\r\na=ice-pwd:C5qbCNbJ5cfO2qXH0qDXdBSn" +
			offer[strings.Index(offer, "\r\na=fingerprint"):strings.Index(offer, "\r\na=mid:0")] + "\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux" + lines
		if signaling.CheckOffer(next+"\r\n") != nil {
			return passing
		}
		passing = next
	}
}

// costly are a browser's offer, first, and the fullest of each kind that pass the check.
func costly(b *testing.B) (offers []struct{ name, offer string }) {
	b.Helper()
	plain, err := os.ReadFile("../../signaling/signalingtest/chromium_156_offer.sdp")
	if err != nil {
		b.Fatal(err)
	}
	chromium := strings.TrimSpace(string(plain))
	const (
		cname     = "a=ssrc:%d cname:x"
		track     = "a=ssrc:%[1]d msid:- t%[1]d"
		candidate = "a=candidate:%[1]d 1 udp 1 127.9.9.9 %[1]d typ host"
		group     = "a=ssrc-group:FID %[1]d 7%[1]d"
		unknown   = "a=x%d"
	)
	add := func(name, offer string) {
		offers = append(offers, struct{ name, offer string }{name, offer + "\r\n"})
	}
	add("chromium", chromium)
	add("ssrc", fill(chromium, cname))
	add("ssrc with msid", fill(chromium, track))
	add("ssrc-group", fill(chromium, group))
	add("candidate", fill(chromium, candidate))
	add("rtpmap", fill(chromium, "a=rtpmap:%d H264/90000"))
	add("fmtp", fill(chromium, "a=fmtp:%d apt=96;profile-level-id=42e01f"))
	add("rtcp-fb", fill(chromium, "a=rtcp-fb:%d nack pli"))
	add("extmap", fill(chromium, "a=extmap:%d urn:x"))
	add("extmap of one id", fill(chromium, "a=extmap:14 urn:x%d"))
	add("unknown", fill(chromium, unknown))
	add("long", fill(chromium, "a=x%d:"+strings.Repeat("y", 2000)))
	add("sections", repeat(chromium))
	add("codecs", codecs(chromium))
	add("codecs and candidates", fill(codecs(chromium), candidate))
	add("all", fill(chromium, candidate, cname, group, unknown))
	add("all in sections", fill(repeat(chromium), candidate, cname, group, unknown))
	return offers
}

// used is the CPU time of this process so far.
func used(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOfferCost compares what offers cost the whole process, checked,
// answered by pion and ended at once: a browser's own, and the fullest that pass
// the check. The metric ratio is against the browser's just before; taken is the
// part of the offers that got an answer.
func BenchmarkOfferCost(b *testing.B) {
	host, err := rtc.NewHost(rtc.Config{Loopback: true})
	if err != nil {
		b.Fatal(err)
	}
	defer host.Close()
	offers := costly(b)
	for _, c := range offers {
		b.Run(c.name, func(b *testing.B) {
			cost(b, offers[0].offer, c.offer, func(sdp string) (io.Closer, error) {
				p, _, err := host.Publish(b.Context(), sdp, rtc.PublishOptions{Clock: pace.NewWall()})
				return p, err
			})
		})
	}
}

// BenchmarkViewerOfferCost is the same for viewers, whose plain offer costs less.
func BenchmarkViewerOfferCost(b *testing.B) {
	host, err := rtc.NewHost(rtc.Config{Loopback: true})
	if err != nil {
		b.Fatal(err)
	}
	defer host.Close()
	viewer := func(offer string) string { return strings.ReplaceAll(offer, "a=sendonly", "a=recvonly") }
	offers := costly(b)
	for _, c := range offers {
		b.Run(c.name, func(b *testing.B) {
			cost(b, viewer(offers[0].offer), viewer(c.offer), func(sdp string) (io.Closer, error) {
				v, _, err := host.View(b.Context(), sdp, rtc.ViewOptions{Clock: pace.NewWall(), StreamID: "x"})
				return v, err
			})
		})
	}
}

// cost compares an offer, checked, answered and ended, with a plain one.
func cost(b *testing.B, plain, full string, answer func(sdp string) (io.Closer, error)) {
	offer := func(sdp string) (taken int) {
		if err := signaling.CheckOffer(sdp); err != nil {
			b.Fatal(err)
		}
		p, err := answer(sdp)
		if err != nil {
			return 0
		}
		_ = p.Close()
		return 1
	}
	const times = 300
	before := used(b)
	for range times {
		if offer(plain) == 0 {
			b.Fatal("a browser's offer was not taken")
		}
	}
	base := float64((used(b) - before).Microseconds()) / times
	before = used(b)
	n, taken := 0, 0
	for b.Loop() {
		n++
		taken += offer(full)
	}
	compare(b, base, float64((used(b) - before).Microseconds()), n, taken)
}

// BenchmarkOfferHeld is the same for peers that never connect, until the host
// gives them up: what their candidates are probed for counts too.
func BenchmarkOfferHeld(b *testing.B) {
	const peers = 32
	hold := func(b *testing.B, sdp string) (cpu float64, taken int) {
		host, err := rtc.NewHost(rtc.Config{Loopback: true})
		if err != nil {
			b.Fatal(err)
		}
		defer host.Close()
		before := used(b)
		var held []*rtc.Publisher
		for range peers {
			if p, _, err := host.Publish(b.Context(), sdp, rtc.PublishOptions{Clock: pace.NewWall()}); err == nil {
				held = append(held, p)
			}
		}
		for _, p := range held {
			<-p.Done()
		}
		return float64((used(b) - before).Microseconds()), len(held)
	}
	offers := costly(b)
	for _, c := range offers {
		b.Run(c.name, func(b *testing.B) {
			base, _ := hold(b, offers[0].offer)
			cpu, n, taken := 0.0, 0, 0
			for b.Loop() {
				c, t := hold(b, c.offer)
				cpu, n, taken = cpu+c, n+peers, taken+t
			}
			compare(b, base/peers, cpu, n, taken)
		})
	}
}

// compare reports n offers that cost cpu microseconds, taken of them answered; one of a browser costs base.
func compare(b *testing.B, base, cpu float64, n, taken int) {
	b.ReportMetric(cpu/float64(n)/base, "ratio")
	b.ReportMetric(cpu/float64(n), "cpu-us/offer")
	b.ReportMetric(float64(taken)/float64(n), "taken")
}
