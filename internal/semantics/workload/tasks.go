package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/coretasks/core/tasks"
)

// ErrBroken is a failure with characters that SQS refuses.
var ErrBroken = errors.New("the API is down: \x00 broken \uFFFF")

// The tasks, by what they do.
var (
	// OK only notes its run.
	OK = tasks.Define("ok", func(ctx context.Context, p Params) (int, error) {
		p.Text = shorten(p.Text)
		_, err := Note(ctx, p, Entry{})
		return p.N, err
	})
	Flaky = tasks.Define("flaky", func(ctx context.Context, p Params) (int, error) {
		a, err := Note(ctx, p, Entry{})
		if err == nil && a.Number <= 2 {
			err = tasks.Errorf("attempt %d: %w", a.Number, ErrBroken)
		}
		return 1, err
	}, tasks.MaxRetries(2), tasks.RetryDelay(2*time.Second))
	Broken = tasks.Define("broken", func(ctx context.Context, p Params) (int, error) {
		_, err := Note(ctx, p, Entry{})
		return 0, errors.Join(err, ErrBroken)
	}, tasks.MaxRetries(1))
	Invalid = tasks.Define("invalid", func(ctx context.Context, p Params) (int, error) {
		if _, err := Note(ctx, p, Entry{}); err != nil {
			return 0, err
		}
		return 0, fmt.Errorf("look up: %w", tasks.Permanent(errors.New("no such user")))
	}, tasks.MaxRetries(5))
	Limited = tasks.Define("limited", func(ctx context.Context, p Params) (int, error) {
		a, err := Note(ctx, p, Entry{})
		if err == nil && a.Number == 1 {
			err = tasks.RetryAfter(2*time.Second, ErrBroken)
		}
		return 1, err
	}, tasks.MaxRetries(1), tasks.RetryDelay(time.Hour))
	// Slow waits until it is cancelled, and notes why.
	Slow = tasks.Define("slow", waitForEnd, tasks.Timeout(time.Second))
	// Endless is Slow without a timeout.
	Endless = tasks.Define("endless", waitForEnd)
	Panics  = tasks.Define("panics", func(_ context.Context, p Params) (int, error) {
		var nothing []string
		return len(nothing[p.N]), nil // out of range
	})
	// Dies takes its process with it on its first delivery.
	Dies = tasks.Define("dies", func(ctx context.Context, p Params) (int, error) {
		a, err := Note(ctx, p, Entry{})
		if err == nil && a.Deliveries == 1 {
			os.Exit(3)
		}
		return 0, err
	}, tasks.MaxRetries(1))
	// Wrapped needs a session, which the registry's middleware opens; on the first attempt that panics.
	Wrapped = tasks.Define("wrapped", func(ctx context.Context, p Params) (int, error) {
		if ctx.Value(sessionKey{}) != "open" {
			return 0, errors.New("no session")
		}
		_, err := Note(ctx, p, Entry{})
		return 1, err
	}, tasks.MaxRetries(1))
	// Pause takes N milliseconds and notes begin and end.
	Pause = tasks.Define("pause", func(ctx context.Context, p Params) (int, error) {
		if _, err := Note(ctx, p, Entry{}); err != nil {
			return 0, err
		}
		select {
		case <-time.After(time.Duration(p.N) * time.Millisecond):
			_, err := Note(ctx, p, Entry{End: true})
			return 0, err
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	})
	// Stuck ignores its context until it is freed.
	Stuck = tasks.Define("stuck", stuck, tasks.Timeout(time.Second))
	// Hanging is Stuck without a timeout.
	Hanging = tasks.Define("hanging", stuck)
)

func waitForEnd(ctx context.Context, p Params) (int, error) {
	if _, err := Note(ctx, p, Entry{}); err != nil {
		return 0, err
	}
	<-ctx.Done()
	_, err := Note(ctx, p, Entry{End: true, Cause: context.Cause(ctx).Error()})
	return 0, errors.Join(err, ctx.Err())
}

func stuck(ctx context.Context, p Params) (int, error) {
	if _, err := Note(ctx, p, Entry{}); err != nil {
		return 0, err
	}
	for !freed(p.Diary) {
		time.Sleep(200 * time.Millisecond)
	}
	return 0, nil
}

// shorten keeps the diary readable.
func shorten(text string) string {
	const limit = 1000
	if len(text) > limit {
		return text[:limit]
	}
	return text
}

// Registry has all of the tasks, and the given definitions besides.
func Registry(more ...tasks.Definition) *tasks.Registry {
	return tasks.NewRegistry(append(more, OK, Flaky, Broken, Invalid, Limited, Slow, Endless, Panics, Dies, Wrapped, Pause, Stuck, Hanging,
		TypedNil, Hostile, Joined, Dated, Unwritable, Unrecorded)...).
		Use(session)
}

type sessionKey struct{}

// session opens what Wrapped needs, and fails to on the first attempt.
func session(next tasks.Handler) tasks.Handler {
	return func(ctx context.Context) error {
		a, _ := tasks.Current(ctx)
		if a.Task != Wrapped.Name() {
			return next(ctx)
		}
		if a.Number == 1 {
			panic("no connection")
		}
		return next(context.WithValue(ctx, sessionKey{}, "open"))
	}
}

// Known lists the names of the tasks, as errors do.
func Known() string {
	var names []string
	for _, t := range Registry().Tasks() {
		names = append(names, t.Info().Name)
	}
	return strings.Join(names, ", ")
}
