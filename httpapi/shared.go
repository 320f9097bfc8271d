package httpapi

import (
	"context"
	"errors"
	"sync"
	"time"
)

// shared is an answer that many get who ask at about the same time: it is asked for once, and kept for a while.
// Failures are kept too.
type shared[T any] struct {
	keep time.Duration

	mu     sync.Mutex
	latest *asked[T]
}

// asked is one time of asking.
type asked[T any] struct {
	done  chan struct{} // closed when the others are set
	at    time.Time
	value T
	err   error
}

var (
	errNoAnswer = errors.New("no answer within 5 seconds")
	errPanicked = errors.New("the server failed while it asked")
)

// get returns the latest answer, or asks. Whoever asks goes on for the others when its own caller has gone; each of the
// others waits no longer than its own.
func (s *shared[T]) get(ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	s.mu.Lock()
	a := s.latest
	if a == nil || a.ended() && time.Since(a.at) >= s.keep {
		a = &asked[T]{done: make(chan struct{}), err: errPanicked}
		s.latest = a
		s.mu.Unlock()
		return a.ask(ctx, ask)
	}
	s.mu.Unlock()
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		return *new(T), context.Cause(ctx)
	}
}

func (a *asked[T]) ask(ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	defer close(a.done) // after a panic too, which is the caller's to handle: a.at is zero then, and the next asks again
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), checkTimeout, errNoAnswer)
	defer cancel()
	a.value, a.err = ask(ctx)
	a.at = time.Now()
	return a.value, a.err
}

func (a *asked[T]) ended() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}
