package sqsqueue

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/coretasks/core/internal/guard"
	"github.com/coretasks/core/tasks"
)

// A Later keeps jobs that are due further away than SQS's longest delay, and puts each on its queue before it is due.
// Package schedules has one that makes a one-time schedule of each. Its methods may be called concurrently.
type Later interface {
	// Keep takes a job over. After nil the job is as safe as on its queue. Keeping a job again replaces it. A job that it
	// can't keep is [ErrNotKept]: it travels in hops then.
	Keep(ctx context.Context, job LaterJob) error
}

// A LaterJob is a job for a [Later].
type LaterJob struct {
	// ID is the job's.
	ID string
	// QueueARN is where its message goes; QueueARN and "-dlq" is the dead-letter queue.
	QueueARN string
	// Body is the message's. It says for itself when the job is due, so a worker that gets it early waits.
	Body string
	Due  time.Time
}

// ErrNotKept is how a [Later] leaves a job to the queue.
var ErrNotKept = errors.New("the job can't be kept for later")

// keepsAtOnce bounds the jobs of one call that are handed to a Later at a time.
const keepsAtOnce = 16

// keep hands those of the messages at the given places that are far away to the Later. It returns the other places.
func (c *Client) keep(ctx context.Context, msgs []tasks.Message, at []int, fail func(int, error)) []int {
	if c.later == nil {
		return at
	}
	var (
		rest  []int
		wg    sync.WaitGroup
		mu    sync.Mutex
		slots = make(chan struct{}, keepsAtOnce)
	)
	for _, i := range at {
		if msgs[i].Delay <= maxDelay {
			mu.Lock()
			rest = append(rest, i)
			mu.Unlock()
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			err := c.keepOne(ctx, msgs[i])
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, ErrNotKept):
				rest = append(rest, i)
			case err != nil:
				fail(i, &Error{Op: "send", Queue: c.FullName(msgs[i].Queue), Err: err})
			}
		})
	}
	wg.Wait()
	return rest
}

func (c *Client) keepOne(ctx context.Context, msg tasks.Message) error {
	due := time.Now().UTC().Add(msg.Delay)
	msg.Envelope.NotBefore, msg.Delay = due, 0
	arn, err := c.ARN(ctx, msg.Queue)
	if err != nil {
		return err
	}
	out, err := c.outgoing(ctx, msg)
	if err != nil {
		return err
	}
	// In a goroutine of this package, so that nobody else would hold a panic.
	return guard.Try(func() error {
		return c.later.Keep(ctx, LaterJob{ID: msg.Envelope.ID, QueueARN: arn, Body: out.body, Due: due})
	})
}
