package guard

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// Logger returns a logger whose handler may panic. The line is lost then; the first panic is told on standard error.
func Logger(l *slog.Logger) *slog.Logger {
	if _, guarded := l.Handler().(handler); guarded {
		return l
	}
	return slog.New(handler{l.Handler(), new(sync.Once)})
}

type handler struct {
	slog.Handler
	told *sync.Once
}

// held says that a call panicked.
func (h handler) held(p *Panic) {
	if p != nil {
		h.told.Do(func() {
			_, _ = fmt.Fprintf(os.Stderr, "core: the log handler %T panics, so that log lines are missing: %s\n", h.Handler, p.Text)
		})
	}
}

func (h handler) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	h.held(Call(func() { enabled = h.Handler.Enabled(ctx, level) }))
	return enabled
}

func (h handler) Handle(ctx context.Context, r slog.Record) (err error) {
	h.held(Call(func() { err = h.Handler.Handle(ctx, r) }))
	return err
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := h.Handler
	h.held(Call(func() { with = h.Handler.WithAttrs(attrs) }))
	return handler{with, h.told}
}

func (h handler) WithGroup(name string) slog.Handler {
	with := h.Handler
	h.held(Call(func() { with = h.Handler.WithGroup(name) }))
	return handler{with, h.told}
}
