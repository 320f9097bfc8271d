package guard_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/coretasks/core/internal/guard"
)

type hostile struct{ calls *int }

func (h *hostile) Error() string {
	*h.calls++
	panic("again")
}

type endsGoroutine struct{}

func (endsGoroutine) String() string { runtime.Goexit(); return "" }

func TestCall(t *testing.T) {
	t.Parallel()
	if p := guard.Call(func() {}); p != nil {
		t.Errorf("a call that returns gives %v", p)
	}
	circle := map[string]any{}
	circle["self"] = circle
	calls := 0
	var typedNil *hostile
	for _, tc := range []struct {
		value any
		want  string
	}{
		{"boom", "boom"},
		{errors.New("the cause"), "the cause"},
		{7, "7"},
		{true, "true"},
		{float32(1.5), "1.5"},
		{uint8(200), "200"},
		{circle, "a value of type map[string]interface {}"},
		{struct{ Secret string }{"hunter2"}, "a value of type struct { Secret string }"},
		{&hostile{&calls}, "a *guard_test.hostile whose own text panics"},
		{typedNil, "a *guard_test.hostile whose own text panics"},
		{nil, new(runtime.PanicNilError).Error()},
	} {
		value, want := tc.value, tc.want
		p := guard.Call(func() { panic(value) })
		if p == nil || p.Text != want || p.Error() != "panic: "+p.Text {
			t.Errorf("panic(%T) gives %v, want %q", value, p, want)
			continue
		}
		if !strings.Contains(string(p.Stack), "TestCall") {
			t.Errorf("panic(%T): the stack does not show where it was", value)
		}
	}
	if calls != 1 {
		t.Errorf("the value's own text was taken %d times, want once", calls)
	}
}

func TestIsolated(t *testing.T) {
	t.Parallel()
	if p := guard.Isolated(func() {}); p != nil {
		t.Errorf("a call that returns gives %v", p)
	}
	if p := guard.Isolated(func() { panic("boom") }); p == nil || p.Value != "boom" {
		t.Errorf("a panic gives %v", p)
	}
	if p := guard.Isolated(runtime.Goexit); p == nil || p.Text != guard.Goexit {
		t.Errorf("Goexit gives %v", p)
	}
	if p := guard.Isolated(func() { panic(endsGoroutine{}) }); p == nil {
		t.Error("a panic whose text ends the goroutine gives nothing")
	}
}

func TestTry(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	if err := guard.Try(func() error { return cause }); err != cause { //nolint:errorlint // as it is
		t.Errorf("an error comes back as %v", err)
	}
	if err := guard.Try(func() error { return nil }); err != nil {
		t.Errorf("no error comes back as %v", err)
	}
	calls := 0
	for name, f := range map[string]func() error{
		"a panic":                 func() error { panic("boom") },
		"an error that panics":    func() error { return &hostile{&calls} },
		"a typed nil that panics": func() error { return (*hostile)(nil) },
	} {
		if err := guard.Try(f); !errors.As(err, new(*guard.Panic)) {
			t.Errorf("%s comes back as %v", name, err)
		}
	}
}

// endless wraps itself.
type endless struct{}

func (e *endless) Error() string { return "endless" }
func (e *endless) Unwrap() error { return e }

func TestWalk(t *testing.T) {
	t.Parallel()
	cause := &hostile{new(int)}
	err := fmt.Errorf("a: %w", errors.Join(errors.New("b"), fmt.Errorf("c: %w", fs.ErrNotExist), cause))
	if !guard.Is(err, fs.ErrNotExist) || guard.Is(err, fs.ErrExist) || guard.Is(nil, fs.ErrExist) {
		t.Error("Is differs from errors.Is")
	}
	if found, ok := guard.Find[*hostile](err); !ok || found != cause {
		t.Errorf("Find gives %v, %v", found, ok)
	}
	if _, ok := guard.Find[*fs.PathError](err); ok {
		t.Error("Find found what is not there")
	}
	if guard.Is(&endless{}, fs.ErrExist) || guard.Walk(&endless{}, func(error) bool { return true }) {
		t.Error("an error that wraps itself comes to an end")
	}
	if err := guard.Try(func() error { return &endless{} }); err.Error() != "endless" || errors.Is(err, fs.ErrExist) {
		t.Errorf("Try gives %v", err)
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	l := guard.Logger(slog.New(slog.DiscardHandler))
	if guard.Logger(l) != l {
		t.Error("a logger is guarded twice")
	}
	l = guard.Logger(slog.New(broken{})).With("a", 1).WithGroup("g")
	l.Info("here") // ends neither this goroutine nor the test
	if l.Enabled(t.Context(), slog.LevelInfo) {
		t.Error("a handler that panics is enabled")
	}
}

// broken panics whatever it is asked.
type broken struct{}

func (broken) Enabled(context.Context, slog.Level) bool  { panic("broken") }
func (broken) Handle(context.Context, slog.Record) error { panic("broken") }
func (broken) WithAttrs([]slog.Attr) slog.Handler        { panic("broken") }
func (broken) WithGroup(string) slog.Handler             { panic("broken") }

func TestCallCostsNothing(t *testing.T) {
	n := 0
	if allocs := testing.AllocsPerRun(100, func() { _ = guard.Call(func() { n++ }) }); allocs > 0 {
		t.Errorf("%v allocations a call, want none", allocs)
	}
}
