package sqsqueue

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/tasks"
)

// expiryMargin is taken off each visibility deadline, for the way of the answer and for clocks that differ in speed.
const expiryMargin = time.Second

// leaseState is how far the work on a received message is.
type leaseState int

const (
	leaseWaiting  leaseState = iota // fetched, no slot yet
	leaseRunning                    // its function runs
	leaseLost                       // its function still runs, but others may have received the message
	leaseDeciding                   // its fate is known and being carried out; it is still kept hidden meanwhile
	leaseSettled                    // nothing more is done with it
)

// A lease is one received message and the right to work on it until its visibility timeout passes. Every actor
// (dispatcher, executor, heartbeat, acknowledger, shutdown) changes it through its methods, of which exactly one wins:
// a late result, a beat under way and a give-back can't undo each other.
type lease struct {
	source   *source
	message  types.Message
	received time.Time

	mu      sync.Mutex
	state   leaseState
	expires time.Time               // when others may receive the message
	beat    chan struct{}           // closed when the beat under way is answered; nil when none is
	cancel  context.CancelCauseFunc // ends the function, while running
}

func newLease(s *source, m types.Message, now time.Time) *lease {
	return &lease{source: s, message: m, received: now, expires: now.Add(s.visibility - expiryMargin)}
}

func (l *lease) handle() *string { return l.message.ReceiptHandle }

// receives is how often the message was delivered, this time included.
func (l *lease) receives() int {
	n, err := strconv.Atoi(l.message.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	if err != nil {
		return 1
	}
	return n
}

// exhaust ends the function a minute before SQS will hide the message no longer, whatever is asked. The heartbeat calls
// it, since a timer for each job would cost every job what few ever need.
func (l *lease) exhaust(now time.Time) {
	l.mu.Lock()
	cancel := l.cancel
	if l.state != leaseRunning || now.Before(l.received.Add(maxVisibility-time.Minute)) {
		cancel = nil
	}
	l.mu.Unlock()
	if cancel != nil {
		cancel(&tasks.TimeoutError{})
	}
}

func (l *lease) delivery() tasks.Delivery {
	return tasks.Delivery{
		Body:    aws.ToString(l.message.Body),
		Queue:   l.source.name,
		Attempt: l.receives(),
	}
}

// start gives the message to a slot; false means that it was given back or has expired.
func (l *lease) start(now time.Time, cancel context.CancelCauseFunc) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != leaseWaiting {
		return false
	}
	if !now.Before(l.expires) {
		l.state = leaseSettled // the heartbeat has not looked since
		return false
	}
	l.state = leaseRunning
	l.cancel = cancel
	return true
}

// decide claims the right to carry out the message's fate, from one of the given states.
func (l *lease) decide(from ...leaseState) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range from {
		if l.state == s {
			l.state = leaseDeciding
			l.cancel = nil
			return true
		}
	}
	return false
}

// settle ends the lease; no beat begins after it. It waits for a beat under way, which would otherwise arrive after the
// change that the caller is about to make and undo it.
func (l *lease) settle(ctx context.Context) {
	l.mu.Lock()
	l.state = leaseSettled
	beat := l.beat
	l.mu.Unlock()
	if beat == nil {
		return
	}
	select {
	case <-beat:
	case <-ctx.Done():
	}
}

// lose gives the message up, since others may have received it, and cancels its function. It reports whether the message
// waited or ran until now; one whose fate is being carried out is left to that.
func (l *lease) lose() bool {
	l.mu.Lock()
	state, cancel := l.state, l.cancel
	switch state {
	case leaseWaiting:
		l.state = leaseSettled
	case leaseRunning:
		l.state = leaseLost
	case leaseLost, leaseDeciding, leaseSettled:
	}
	l.mu.Unlock()
	if state == leaseRunning && cancel != nil {
		cancel(tasks.ErrLeaseLost)
	}
	return state == leaseWaiting || state == leaseRunning
}

// longestDelay bounds a visibility change by SQS's 12 hours from the receive. It is less by expiryMargin and up to a
// second more: SQS's clock began before ours, and it refuses what goes beyond.
func (l *lease) longestDelay(now time.Time) time.Duration {
	return max(l.received.Add(maxVisibility).Sub(now)-expiryMargin, 0).Truncate(time.Second)
}

// beginBeat reports whether the lease is due for a heartbeat and for how long it can be extended. After true, endBeat
// must follow.
func (l *lease) beginBeat(now time.Time) (extend time.Duration, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	visibility := l.source.visibility
	if l.state == leaseSettled || l.beat != nil || l.expires.Sub(now) > visibility*2/3 {
		return 0, false
	}
	extend = min(visibility, l.longestDelay(now))
	if extend <= 0 || !now.Add(extend).After(l.expires) {
		return 0, false
	}
	l.beat = make(chan struct{})
	return extend, true
}

// endBeat records a beat's answer; expires is zero when it failed.
func (l *lease) endBeat(expires time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !expires.IsZero() {
		l.expires = expires
	}
	close(l.beat)
	l.beat = nil
}

// expired reports whether others may receive the message by now.
func (l *lease) expired(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !now.Before(l.expires)
}

// left is how long the receipt handle can be relied on.
func (l *lease) left(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.expires.Sub(now)
}
