package ticker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coretasks/core/tasks"
)

// countedContext counts what is to be done when it ends. Contexts that are made of it register here.
type countedContext struct {
	context.Context //nolint:containedctx // it is one
	done            <-chan struct{}
	registered      atomic.Int64
}

// Done is a channel of its own, by which package context sees that this is none of its contexts.
func (c *countedContext) Done() <-chan struct{} { return c.done }

func (c *countedContext) AfterFunc(f func()) func() bool {
	c.registered.Add(1)
	stop := context.AfterFunc(c.Context, f)
	return func() bool {
		c.registered.Add(-1)
		return stop()
	}
}

// The context of a scheduler lives as long as its process: a tick that was fired must leave nothing behind in it.
func TestTicksLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan struct{})
		context.AfterFunc(ctx, func() { close(done) })
		counted := &countedContext{Context: ctx, done: done}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			b.ticker(tasks.Periodic("p", nothing, tasks.Every(time.Second))).Run(counted)
		}()
		time.Sleep(100*time.Second + 500*time.Millisecond)
		if n := counted.registered.Load(); n != 0 || len(b.outbox.sent()) != 100 {
			b.Errorf("after %d ticks, %d things wait for the scheduler's end", len(b.outbox.sent()), n)
		}
		cancel()
		<-ended
	})
}
