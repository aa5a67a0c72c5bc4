package lips

import (
	"context"

	"livedub/inference"
	"livedub/media"
)

type mouths struct{ cfg Config }

func (m *mouths) Learn(ctx context.Context, f *media.Frame, faces []inference.Face) (inference.Known, error) {
	return nil, ctx.Err()
}
func (m *mouths) Dub(ctx context.Context) (inference.LipsStream, error) { return &stream{}, ctx.Err() }
func (m *mouths) Close() error                                          { return nil }

type stream struct{}

func (s *stream) Render(ctx context.Context, r inference.LipsRequest) (inference.LipsMethod, error) {
	return inference.Untouched, ctx.Err()
}
func (s *stream) Close() error { return nil }
