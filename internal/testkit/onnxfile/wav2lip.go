package onnxfile

import "fmt"

// Wav2Lip writes a generator of the published Wav2Lip architecture with random
// weights: mel[N,1,80,16] and face[N,6,S,S] in, [N,3,S,S] in 0..1 out, all fp32
// or all fp16. Batch normalisation is folded into the convolutions, as exports
// for inference have it.
//
// Size 96 is layer for layer the published net. Size 256 is the community's
// variant, which nobody has written a paper on: the same widths with one more
// stage of 512 channels down and up.
func Wav2Lip(path string, size int, fp16 bool, seed uint64) error {
	n, err := wav2lip(size, fp16, seed)
	if err != nil {
		return err
	}
	return n.Write(path)
}

// Wav2LipCost counts what Wav2Lip takes. The published figures are 36 M
// parameters and 7.9 GFLOP for 96, 55.6 GFLOP for 256.
func Wav2LipCost(size int) (Cost, error) {
	n, err := wav2lip(size, false, 0)
	if err != nil {
		return Cost{}, err
	}
	return n.cost, nil
}

// stage is one resolution of the face encoder, and how the decoder comes back to it.
type stage struct {
	down, residuals int // channels, and residual blocks behind the convolution
	up              int // the decoder's channels
}

func wav2lip(size int, fp16 bool, seed uint64) (*net, error) {
	stages := []stage{{16, 0, 64}, {32, 2, 128}, {64, 3, 256}, {128, 2, 384}, {256, 2, 512}, {512, 1, 512}}
	smallest := 3
	switch size {
	case 96:
	case 256:
		stages = append(stages, stage{512, 1, 512})
		smallest = 4
	default:
		return nil, fmt.Errorf("onnxfile: no Wav2Lip of size %d: 96 or 256", size)
	}
	n := newNet(fmt.Sprintf("wav2lip%d", size), fp16, seed)
	sound := n.wav2lipSound(n.in("mel", 1, 80, 16))
	x := n.in("face", 6, size, size)
	var skips []string
	for i, s := range stages {
		if i == 0 {
			x = n.relu(n.conv(x, s.down, window{7, 1, 1, 3, 0}, 1))
		} else {
			x = n.relu(n.conv(x, s.down, window{3, 2, 2, 1, 0}, 1))
		}
		x = n.residual(x, s.residuals)
		skips = append(skips, x)
	}
	x = n.relu(n.conv(x, 512, window{smallest, 1, 1, 0, 0}, 1))
	x = n.relu(n.conv(x, 512, window{1, 1, 1, 0, 0}, 1))

	y := n.cat(n.relu(n.conv(sound, 512, window{1, 1, 1, 0, 0}, 1)), x)
	for i := len(stages) - 1; i >= 0; i-- {
		residuals := 2
		if i == len(stages)-1 {
			y = n.relu(n.transposed(y, stages[i].up, window{smallest, 1, 1, 0, 0}))
			residuals = 1
		} else {
			y = n.relu(n.transposed(y, stages[i].up, window{3, 2, 2, 1, 1}))
		}
		y = n.cat(n.residual(y, residuals), skips[i])
	}
	y = n.relu(n.conv(y, 32, window{3, 1, 1, 1, 0}, 1))
	n.out("out", n.sigmoid(n.conv(y, 3, window{1, 1, 1, 0, 0}, .3)))
	return n, nil
}

// wav2lipSound makes 512 numbers of 16 frames of 80 mel bands.
func (n *net) wav2lipSound(x string) string {
	for _, l := range []struct {
		to, residuals int
		w             window
	}{
		{32, 2, window{3, 1, 1, 1, 0}},
		{64, 2, window{3, 3, 1, 1, 0}},
		{128, 2, window{3, 3, 3, 1, 0}},
		{256, 1, window{3, 3, 2, 1, 0}},
		{512, 0, window{3, 1, 1, 0, 0}},
		{512, 0, window{1, 1, 1, 0, 0}},
	} {
		x = n.residual(n.relu(n.conv(x, l.to, l.w, 1)), l.residuals)
	}
	return x
}

// residual adds blocks of one convolution around which the value goes unchanged.
func (n *net) residual(x string, blocks int) string {
	for range blocks {
		y := n.conv(x, n.shape[x][0], window{3, 1, 1, 1, 0}, .3)
		x = n.relu(n.add(y, x))
	}
	return x
}
