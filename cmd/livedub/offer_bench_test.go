package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"livedub/media/pace"
	"livedub/media/rtc"
	"livedub/signaling"
)

// fill inserts lines into every media section of a Chromium offer, as many as CheckOffer lets pass.
func fill(b *testing.B, offer string, line string) string {
	b.Helper()
	sections := strings.Split(offer, "\r\nm=")
	passing := offer
	for n := 1; ; n++ {
		filled := make([]string, len(sections))
		for i, s := range sections {
			filled[i] = s
			if i > 0 {
				for k := range n {
					filled[i] += "\r\n" + fmt.Sprintf(line, 1000*i+k)
				}
			}
		}
		next := strings.Join(filled, "\r\nm=") + "\r\n"
		if signaling.CheckOffer(next) != nil {
			return passing
		}
		passing = next
	}
}

// used is the CPU time of this process so far.
func used(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOfferCost compares what offers cost the whole process, checked and
// answered by pion: a browser's own, and the fullest that pass the check. The
// metric ratio is against the browser's, in the same run.
func BenchmarkOfferCost(b *testing.B) {
	plain, err := os.ReadFile("../../signaling/signalingtest/chromium_156_offer.sdp")
	if err != nil {
		b.Fatal(err)
	}
	chromium := strings.TrimSpace(string(plain))
	host, err := rtc.NewHost(rtc.Config{Loopback: true})
	if err != nil {
		b.Fatal(err)
	}
	defer host.Close()
	base := 0.0
	for _, c := range []struct{ name, offer string }{
		{"chromium", chromium + "\r\n"},
		{"ssrc", fill(b, chromium, "a=ssrc:%d cname:x")},
		{"candidates", fill(b, chromium, "a=candidate:%d 1 udp 1 192.0.2.1 9 typ host")},
		{"rtpmap", fill(b, chromium, "a=rtpmap:%d H264/90000")},
		{"fmtp", fill(b, chromium, "a=fmtp:%d apt=96;profile-level-id=42e01f")},
		{"rtcp-fb", fill(b, chromium, "a=rtcp-fb:%d nack pli")},
		{"extmap", fill(b, chromium, "a=extmap:%d urn:x")},
		{"unknown", fill(b, chromium, "a=x%d")},
	} {
		b.Run(c.name, func(b *testing.B) {
			before := used(b)
			n := 0
			for b.Loop() {
				n++
				if signaling.CheckOffer(c.offer) != nil {
					b.Fatal("refused")
				}
				p, _, err := host.Publish(b.Context(), c.offer, rtc.PublishOptions{Clock: pace.NewWall()})
				if err == nil {
					p.Close()
				} else if c.name == "chromium" {
					b.Fatal(err)
				}
			}
			cpu := float64((used(b) - before).Microseconds()) / float64(n)
			if c.name == "chromium" {
				base = cpu
			}
			b.ReportMetric(cpu/base, "ratio")
			b.ReportMetric(cpu, "cpu-us/op")
		})
	}
}
