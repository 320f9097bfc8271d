package sqsqueue

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/batch"
	"github.com/coretasks/core/tasks"
)

const (
	// acksInFlight is how many acknowledgement requests may be under way for one queue and kind.
	acksInFlight = 64
	// ackLinger is how long a lone acknowledgement waits for others: nobody waits for it, and each request costs.
	ackLinger = 20 * time.Millisecond
)

type visibilityChange struct {
	lease   *lease
	timeout time.Duration // 0 makes the message visible now
}

// acknowledge gives a source its batchers for deletions and visibility changes.
func (w *Worker) acknowledge(s *source) {
	s.deletes = batch.New(batch.Config[*lease]{
		MaxCount: maxBatch, InFlight: acksInFlight, Eager: acksInFlight, Linger: ackLinger,
		Handle: func(ctx context.Context, items []*lease) []error {
			entries := make([]types.DeleteMessageBatchRequestEntry, len(items))
			for i, l := range items {
				entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: l.handle()}
			}
			ctx, cancel := ackTimeout(ctx, s)
			defer cancel()
			out, err := w.client.api.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(s.url), Entries: entries})
			if err != nil {
				return repeat(wrap("delete", w.client.FullName(s.name), err), len(items))
			}
			succeeded := make([]*string, len(out.Successful))
			for i, e := range out.Successful {
				succeeded[i] = e.Id
			}
			return entryErrors(len(items), succeeded, out.Failed)
		},
	})
	s.changes = batch.New(batch.Config[visibilityChange]{
		MaxCount: maxBatch, InFlight: acksInFlight, Eager: acksInFlight, Linger: ackLinger,
		Handle: func(ctx context.Context, items []visibilityChange) []error {
			hidings := make([]hiding, len(items))
			for i, c := range items {
				hidings[i] = hiding{handle: c.lease.handle(), timeout: c.timeout}
			}
			ctx, cancel := ackTimeout(ctx, s)
			defer cancel()
			return w.client.changeVisibility(ctx, s.url, s.name, hidings)
		},
	})
}

// ackTimeout bounds one acknowledgement request. On a connection that died without a word it would otherwise last, with
// the SDK's retries, for minutes, and a heartbeat among it would cost the lease. An eighth of the visibility timeout, as
// often as the heartbeat looks, leaves time for several tries.
func ackTimeout(ctx context.Context, s *source) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, min(max(s.visibility/8, time.Second), requestTimeout))
}

// carryOut does with a message what was decided. It returns at once; the caller has claimed the lease with decide.
func (w *Worker) carryOut(l *lease, out tasks.Outcome) {
	w.acks.add()
	switch out.Verdict {
	case tasks.Done:
		w.delete(l, 1)
	case tasks.Retry:
		w.tellEarlyRetry(l, out)
		go w.release(l, out.Delay, 1)
	case tasks.GiveBack:
		go w.release(l, 0, 1)
	case tasks.Dead:
		letter := deadLetter(l.message, out)
		go w.sendOn(l, DeadLetterQueue(l.source.name), func() outgoing { return letter })
	case tasks.Postpone:
		due := time.Now().Add(out.Delay)
		go w.sendOn(l, l.source.name, func() outgoing {
			delay := min(max(time.Until(due), 0), maxDelay)
			return again(l.message, delay)
		})
	}
}

// tellEarlyRetry says when a retry's delay does not fit into the 12 hours from the receive, of which the run took a part.
func (w *Worker) tellEarlyRetry(l *lease, out tasks.Outcome) {
	if longest := l.longestDelay(time.Now()); out.Delay > longest+time.Minute {
		w.logger.Warn("the retry comes early: SQS hides a message for 12 hours from its receive at the most",
			"job", out.Attempt.ID, "queue", l.source.name, "retry_delay", out.Delay, "retry_in", longest)
	}
}

// giveBack makes messages that have not started visible again.
func (w *Worker) giveBack(waiting []*lease) {
	for _, l := range waiting {
		if l.decide(leaseWaiting) {
			w.acks.add()
			go w.release(l, 0, 1)
		}
	}
}

// delete acknowledges a finished job. Heartbeats go on until SQS has confirmed it.
func (w *Worker) delete(l *lease, attempt int) {
	l.source.deletes.Go(l, func(err error) {
		if err != nil && w.tryAgain(l, "delete", attempt, err, func() { w.delete(l, attempt+1) }) {
			return
		}
		w.finish(l)
	})
}

// release makes a message visible again after delay, or as late as SQS can hide it. Heartbeats end before, since one that
// came after would undo it.
func (w *Worker) release(l *lease, delay time.Duration, attempt int) {
	l.settle(w.calls)
	w.held.remove(l)
	timeout := min(delay, l.longestDelay(time.Now()))
	l.source.changes.Go(visibilityChange{lease: l, timeout: timeout}, func(err error) {
		if err != nil && w.tryAgain(l, "give back", attempt, err, func() { w.release(l, delay, attempt+1) }) {
			return
		}
		w.finish(l)
	})
}

// sendOn puts a message into another queue, or anew into its own, and only then deletes it: what happens between the two
// makes a duplicate, never a loss. It tries for as long as the message is held, and asks for the message anew each time.
func (w *Worker) sendOn(l *lease, queue string, out func() outgoing) {
	for attempt := 1; ; attempt++ {
		err := w.sendOnce(l, queue, out())
		if err == nil {
			w.delete(l, 1)
			return
		}
		if worthTelling(attempt) {
			w.logger.Error("a message could not be moved; it stays where it is and is tried again",
				"queue", l.source.name, "to", w.client.FullName(queue), "attempts", attempt, "error", err)
		}
		if l.expired(time.Now()) || !w.waitOrEnd(backoff(attempt)) {
			w.finish(l)
			return
		}
	}
}

func (w *Worker) sendOnce(l *lease, queue string, out outgoing) error {
	s, err := w.client.sender(queue)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(w.calls, max(l.left(time.Now()), time.Second))
	defer cancel()
	return s.send(ctx, out)
}

// tryAgain arranges for another try of an acknowledgement, while the receipt handle is good and the worker is there.
func (w *Worker) tryAgain(l *lease, what string, attempt int, err error, try func()) bool {
	wait := backoff(attempt)
	log := w.logger.With("queue", l.source.name, "error", err)
	switch {
	case gone(err):
		log.Warn("could not " + what + " a message: it is no longer ours, and is received again")
		return false
	case l.left(time.Now()) <= wait:
		log.Error("could not "+what+" a message while it was held; it is received again", "attempts", attempt)
		return false
	}
	if worthTelling(attempt) {
		log.Warn("could not "+what+" a message; it will be tried again", "attempts", attempt, "retry_in", wait)
	}
	go func() {
		if w.waitOrEnd(wait) {
			try()
			return
		}
		w.finish(l)
	}()
	return true
}

// worthTelling thins out the log of what fails over and over, for hours and thousands of messages: attempts 1, 2, 4, 8.
func worthTelling(attempt int) bool { return attempt&(attempt-1) == 0 }

// finish ends the work on a message.
func (w *Worker) finish(l *lease) {
	w.held.remove(l)
	w.acks.done()
}

// waitOrEnd waits, and reports false when the worker has ended meanwhile.
func (w *Worker) waitOrEnd(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.calls.Done():
		return false
	}
}

// gone reports whether SQS says that a receipt handle is good for nothing any more.
func gone(err error) bool {
	var (
		notInflight *types.MessageNotInflight
		invalid     *types.ReceiptHandleIsInvalid
		entry       *entryError
	)
	if errors.As(err, &entry) {
		switch entry.code {
		case "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", "ReceiptHandleIsInvalid":
			return true
		case "InvalidParameterValue":
			// Said of a handle, and also of a timeout that is too long: then the message is still ours.
			return !strings.Contains(entry.message, "VisibilityTimeout")
		}
	}
	return errors.As(err, &notInflight) || errors.As(err, &invalid)
}
