package inference

import (
	"context"
	"time"
)

type budgetKey struct{}

// WithBudget tells whoever works under ctx that the result is wanted by end. It
// ends nothing: who waits may wait longer, or less long.
func WithBudget(ctx context.Context, end time.Time) context.Context {
	return context.WithValue(ctx, budgetKey{}, end)
}

// Budget returns by when a result is wanted: ctx's deadline, or what WithBudget
// told, whichever is earlier; false where neither is known.
func Budget(ctx context.Context) (end time.Time, ok bool) {
	end, ok = ctx.Deadline()
	if told, has := ctx.Value(budgetKey{}).(time.Time); has && (!ok || told.Before(end)) {
		return told, true
	}
	return end, ok
}

// Share does fn with ctx where nobody comes after it, and else within two thirds
// of what is left until the result is wanted: the next one needs time too.
func Share[T any](ctx context.Context, more bool, fn func(context.Context) (T, error)) (T, error) {
	if end, ok := Budget(ctx); ok && more {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 2*time.Until(end)/3)
		defer cancel()
	}
	return fn(ctx)
}
