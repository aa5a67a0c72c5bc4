package onnxfile

import (
	"fmt"
	"math"

	"livedub/inference/onnx/onnxfile"
)

// MuseTalkUNet writes a UNet of the shape that MuseTalk runs per frame, with
// random weights: latents[N,8,32,32] and audio[N,50,384] in, [N,4,32,32] out,
// all fp32 (3.4 GB) or all fp16 (1.7 GB), the weights in a file beside it.
//
// It is the UNet of Stable Diffusion 1.5 (widths 320, 640, 1280, 1280, two
// residual blocks a level, eight heads) with eight channels in and attention
// to 384-wide audio. MuseTalk asks for one step at time 0, so the embedding of
// the time is a constant. The VAE around it, three times as costly, is left out.
func MuseTalkUNet(path string, fp16 bool, seed uint64) error {
	return museTalk(newNet(museTalkName, fp16, seed)).Write(path)
}

// MuseTalkUNetCost counts what MuseTalkUNet takes. The published figures are
// 850 M parameters and 178 GFLOP.
func MuseTalkUNetCost() Cost { return museTalk(newNet(museTalkName, false, 0)).cost }

const (
	museTalkName = "musetalk_unet"

	unetHeads  = 8
	unetGroups = 32
	unetTime   = 1280 // numbers that say the time
)

func museTalk(n *net) *net {
	x := n.in("latents", 8, 32, 32)
	audio := n.in("audio", 50, 384)
	u := &unet{net: n, audio: audio}
	time := n.is(n.weights("time", 1, n.seed, []int{1, 320}), 320)
	u.time = u.silu(n.linear(u.silu(n.linear(time, unetTime, true, 1)), unetTime, true, 1))

	widths := []int{320, 640, 1280, 1280}
	three := window{3, 1, 1, 1, 0}
	x = n.conv(x, widths[0], three, .7)
	skips := []string{x}
	for i, w := range widths {
		last := i == len(widths)-1 // without attention, nothing smaller below
		for range 2 {
			x = u.block(x, w, !last)
			skips = append(skips, x)
		}
		if !last {
			x = n.conv(x, w, window{3, 2, 2, 1, 0}, .7)
			skips = append(skips, x)
		}
	}
	x = u.resnet(u.attend(u.resnet(x, 1280)), 1280)
	for i := len(widths) - 1; i >= 0; i-- {
		for range 3 {
			x = n.cat(x, skips[len(skips)-1])
			skips = skips[:len(skips)-1]
			x = u.block(x, widths[i], i != len(widths)-1)
		}
		if i > 0 {
			x = n.conv(n.upsampled(x), widths[i], three, .7)
		}
	}
	n.out("out", n.conv(u.silu(u.groupNorm(x)), 4, three, .7))
	return n
}

type unet struct {
	*net
	audio, time string
}

// block is a residual block, with attention behind it or not.
func (u *unet) block(x string, to int, attend bool) string {
	x = u.resnet(x, to)
	if attend {
		x = u.attend(x)
	}
	return x
}

func (u *unet) resnet(x string, to int) string {
	three := window{3, 1, 1, 1, 0}
	y := u.conv(u.silu(u.groupNorm(x)), to, three, 1)
	y = u.add(y, u.to1(u.linear(u.time, to, true, .5)))
	y = u.conv(u.silu(u.groupNorm(y)), to, three, .5)
	if u.shape[x][0] != to {
		x = u.conv(x, to, window{1, 1, 1, 0, 0}, .7)
	}
	return u.add(y, x)
}

// to1 makes channels of numbers, to be added to every point.
func (u *unet) to1(x string) string { return u.to(x, u.shape[x][0], 1, 1) }

func (u *unet) silu(x string) string { return u.mul(x, u.sigmoid(x)) }

// groupNorm is written as exporters write it: no operator for it until opset 18.
func (u *unet) groupNorm(x string) string {
	s := u.shape[x]
	y := u.to(x, unetGroups, s[0]/unetGroups*s[1]*s[2])
	u.named++
	one := make([]float32, unetGroups)
	for i := range one {
		one[i] = 1
	}
	scale := u.Floats(fmt.Sprintf("g%d", u.named), u.typ, []int{unetGroups}, one...)
	shift := u.Floats(fmt.Sprintf("z%d", u.named), u.typ, []int{unetGroups}, make([]float32, unetGroups)...)
	y = u.like(y, u.Op("InstanceNormalization", []string{y, scale, shift}, onnxfile.Float("epsilon", 1e-5)))
	y = u.to(y, s...)
	return u.add(u.mul(y, u.same(1, s[0], 1, 1)), u.same(0, s[0], 1, 1))
}

// attend looks at all points, then at the audio, then at each point alone.
func (u *unet) attend(x string) string {
	s := u.shape[x]
	y := u.conv(u.groupNorm(x), s[0], window{1, 1, 1, 0, 0}, .7)
	y = u.to(y, s[0], s[1]*s[2])
	y = u.is(u.Op("Transpose", []string{y}, onnxfile.Ints("perm", 0, 2, 1)), s[1]*s[2], s[0])

	z := u.layerNorm(y)
	y = u.add(y, u.attention(z, z))
	y = u.add(y, u.attention(u.layerNorm(y), u.audio))
	y = u.add(y, u.feedForward(u.layerNorm(y)))

	y = u.is(u.Op("Transpose", []string{y}, onnxfile.Ints("perm", 0, 2, 1)), s[0], s[1]*s[2])
	y = u.conv(u.to(y, s...), s[0], window{1, 1, 1, 0, 0}, .5)
	return u.add(y, x)
}

func (u *unet) layerNorm(x string) string {
	s := u.shape[x]
	w := s[len(s)-1]
	return u.like(x, u.Op("LayerNormalization", []string{x, u.same(1, w), u.same(0, w)}, onnxfile.Int("axis", -1), onnxfile.Float("epsilon", 1e-5)))
}

// attention has every row of x ask the rows of of.
func (u *unet) attention(x, of string) string {
	rows, width := u.shape[x][0], u.shape[x][1]
	others, each := u.shape[of][0], width/unetHeads
	heads := func(v string, rows int, perm ...int) string {
		return u.Op("Transpose", []string{u.to(v, rows, unetHeads, each)}, onnxfile.Ints("perm", perm...))
	}
	q := heads(u.linear(x, width, false, .7), rows, 0, 2, 1, 3)
	k := heads(u.linear(of, width, false, .7), others, 0, 2, 3, 1)
	v := heads(u.linear(of, width, false, .7), others, 0, 2, 1, 3)
	u.named++
	scale := u.Floats(fmt.Sprintf("a%d", u.named), u.typ, nil, float32(1/math.Sqrt(float64(each))))
	u.cost.FLOP += 2 * 2 * float64(rows*others*width)
	p := u.Op("Softmax", []string{u.Op("MatMul", []string{u.Op("Mul", []string{q, scale}), k})}, onnxfile.Int("axis", -1))
	y := u.Op("Transpose", []string{u.Op("MatMul", []string{p, v})}, onnxfile.Ints("perm", 0, 2, 1, 3))
	return u.linear(u.to(y, rows, width), width, true, .5)
}

// feedForward is a gated GELU of four times the width.
func (u *unet) feedForward(x string) string {
	width := u.shape[x][1]
	a := u.linear(x, 4*width, true, .7)
	b := u.linear(x, 4*width, true, .7)
	return u.linear(u.mul(a, u.gelu(b)), width, true, .5)
}

func (u *unet) gelu(x string) string {
	u.named++
	constant := func(name string, v float32) string {
		return u.Floats(fmt.Sprintf("%s%d", name, u.named), u.typ, nil, v)
	}
	y := u.Op("Erf", []string{u.Op("Div", []string{x, constant("root", math.Sqrt2)})})
	y = u.Op("Mul", []string{x, u.Op("Add", []string{y, constant("one", 1)})})
	return u.like(x, u.Op("Mul", []string{y, constant("half", .5)}))
}
