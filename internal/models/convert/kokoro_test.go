package convert

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestKokoroDurations: the bytes before stay, and those behind are one output of
// the graph, as another protobuf reader sees them.
func TestKokoroDurations(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	net := "a net with /encoder/Round_output_0 in it"
	if err := os.WriteFile(filepath.Join(src, "model.onnx"), []byte(net), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := KokoroDurations(t.Context(), src, dst); err != nil {
		t.Fatal(err)
	}
	made, err := os.ReadFile(filepath.Join(dst, "kokoro.onnx"))
	if err != nil || len(made) < len(net) || string(made[:len(net)]) != net {
		t.Fatalf("%q, %v", made, err)
	}
	info := only(t, only(t, made[len(net):], 7), 12) // ModelProto.graph, GraphProto.output
	fields := all(t, info)
	if len(fields) != 2 || string(fields[1]) != durations {
		t.Errorf("ValueInfoProto: %q", fields)
	}
	tensor := only(t, fields[2], 1) // TypeProto.tensor_type
	// elem_type 1 is FLOAT; shape is one dimension with a dim_param.
	if got := hex.EncodeToString(tensor); got != "0801"+"1205"+"0a03"+"1201"+"6e" {
		t.Errorf("tensor type: %s", got)
	}
}

// all returns the length-delimited fields of a message by their numbers.
func all(t *testing.T, b []byte) map[protowire.Number][]byte {
	t.Helper()
	fields := map[protowire.Number][]byte{}
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 || kind != protowire.BytesType {
			t.Fatalf("no field: %x", b)
		}
		v, m := protowire.ConsumeBytes(b[n:])
		if m < 0 {
			t.Fatalf("field %d is cut: %x", num, b)
		}
		fields[num], b = v, b[n+m:]
	}
	return fields
}

// only returns the one field of a message.
func only(t *testing.T, b []byte, num protowire.Number) []byte {
	t.Helper()
	fields := all(t, b)
	if len(fields) != 1 || fields[num] == nil {
		t.Fatalf("fields %v, want %d alone", fields, num)
	}
	return fields[num]
}

func TestKokoroDurationsRefuses(t *testing.T) {
	src := t.TempDir()
	if err := KokoroDurations(t.Context(), src, t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	if err := os.WriteFile(filepath.Join(src, "model.onnx"), []byte("another net"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := KokoroDurations(t.Context(), src, t.TempDir()); !errors.Is(err, ErrNoDurations) {
		t.Errorf("another net: %v", err)
	}
	if err := os.WriteFile(filepath.Join(src, "model.onnx"), []byte(durations), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := KokoroDurations(ctx, src, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
