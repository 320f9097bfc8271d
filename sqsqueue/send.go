package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/batch"
)

// sendsInFlight is how many requests may be under way for one queue: full ones pay for themselves.
const sendsInFlight = 64

// DefaultPartialSends is the default of [Config.PartialSends]. At 10 ms a request and with 16 callers that wait for their
// answers it makes a seventh of a request a job, at nine tenths of the pace of one request each (make bench).
const DefaultPartialSends = 2

// entryAttempts is how often an entry is tried that SQS itself failed inside a batch that it accepted.
const entryAttempts = 4

// outgoing is one message on its way.
type outgoing struct {
	body       string
	delay      time.Duration
	attributes map[string]types.MessageAttributeValue
	group      string // of a FIFO queue
	unique     string // the deduplication ID of a FIFO queue
}

// again is a message that was received, to be sent once more.
func again(m types.Message, delay time.Duration) outgoing {
	return outgoing{body: aws.ToString(m.Body), attributes: m.MessageAttributes, delay: delay}
}

func (o outgoing) size() int { return len(o.body) + attributesSize(o.attributes) }

// sender batches the messages of one queue.
type sender struct {
	client  *Client
	queue   string // without the prefix
	batcher *batch.Batcher[outgoing]
}

func newSender(c *Client, queue string) *sender {
	s := &sender{client: c, queue: queue}
	s.batcher = batch.New(batch.Config[outgoing]{
		Handle: s.handle, Size: outgoing.size,
		MaxCount: maxBatch, MaxBytes: maxBytes,
		InFlight: sendsInFlight, Eager: c.eager,
	})
	return s
}

func (s *sender) send(ctx context.Context, out outgoing) error {
	if errs := s.sendAll(ctx, []outgoing{out}); errs != nil {
		return errs[0]
	}
	return nil
}

// sendAll sends messages, and those again that SQS failed on its own account inside a batch that it accepted. Each caller
// repeats its own: the others of the batch have their answers, and need not wait.
func (s *sender) sendAll(ctx context.Context, outs []outgoing) []error {
	errs := retryEntries(ctx, outs, s.batcher.DoAll)
	for i, err := range errs {
		errs[i] = s.explain(err)
	}
	return errs
}

func (s *sender) explain(err error) error {
	switch {
	case errors.Is(err, batch.ErrUnderWay) && errors.Is(err, batch.ErrClosed):
		err = unknown(ErrClosed)
	case errors.Is(err, batch.ErrUnderWay):
		err = unknown(err)
	case errors.Is(err, batch.ErrClosed):
		err = ErrClosed
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	return wrap("send", s.client.FullName(s.queue), err)
}

// handle sends one batch.
func (s *sender) handle(ctx context.Context, items []outgoing) []error {
	url, err := s.client.URL(ctx, s.queue)
	if err != nil {
		return repeat(err, len(items))
	}
	var tries attempts
	out, err := s.client.api.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: aws.String(url), Entries: sendEntries(items)}, tries.follow)
	if err != nil {
		if missing := (*types.QueueDoesNotExist)(nil); errors.As(err, &missing) {
			s.client.forget(s.queue)
		}
		return repeat(wrap("send", s.client.FullName(s.queue), tries.outcome(err)), len(items))
	}
	succeeded := make([]*string, len(out.Successful))
	for i, e := range out.Successful {
		succeeded[i] = e.Id
	}
	errs := entryErrors(len(items), succeeded, out.Failed)
	for i, err := range errs {
		if errors.Is(err, ErrNotSQS) { // the answer says nothing of it
			errs[i] = unknown(err)
		}
	}
	return errs
}

func sendEntries(items []outgoing) []types.SendMessageBatchRequestEntry {
	entries := make([]types.SendMessageBatchRequestEntry, len(items))
	for i, item := range items {
		entries[i] = types.SendMessageBatchRequestEntry{
			Id:                aws.String(strconv.Itoa(i)),
			MessageBody:       aws.String(item.body),
			DelaySeconds:      seconds(item.delay),
			MessageAttributes: item.attributes,
		}
		if item.group != "" {
			entries[i].MessageGroupId, entries[i].MessageDeduplicationId = aws.String(item.group), aws.String(item.unique)
		}
	}
	return entries
}

// retryEntries calls do with the items, and again with those that failed through no fault of their own, with jittered
// backoff. A request that failed as a whole is not repeated here: the SDK's client has done that.
func retryEntries[T any](ctx context.Context, items []T, do func(context.Context, []T) []error) []error {
	errs := do(ctx, items)
	for attempt := 1; attempt < entryAttempts; attempt++ {
		again := retryable(errs)
		if len(again) == 0 {
			return errs
		}
		if !pause(ctx, attempt) {
			for _, i := range again {
				errs[i] = fmt.Errorf("%w; the last answer was: %w", context.Cause(ctx), errs[i])
			}
			return errs
		}
		rest := make([]T, len(again))
		for k, i := range again {
			rest[k] = items[i]
		}
		answers := do(ctx, rest)
		for k, i := range again {
			errs[i] = nil
			if answers != nil {
				errs[i] = answers[k]
			}
		}
	}
	return errs
}

func retryable(errs []error) []int {
	var at []int
	for i, err := range errs {
		if e, ok := errors.AsType[*entryError](err); ok && !e.senderFault {
			at = append(at, i)
		}
	}
	return at
}

// pause waits before the next attempt, and reports false when ctx ends first.
func pause(ctx context.Context, attempt int) bool {
	t := time.NewTimer(backoff(attempt))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// backoff is exponential from 100 ms to 5 s, with full jitter above half of it.
func backoff(attempt int) time.Duration {
	d := min(100*time.Millisecond<<min(attempt-1, 10), maxBackoff)
	return d/2 + rand.N(d/2)
}

// entryErrors puts each failed entry's error in its place; nil means that all succeeded. An entry that the answer does
// not name has failed: some proxies answer anything with an empty success.
func entryErrors(n int, succeeded []*string, failed []types.BatchResultErrorEntry) []error {
	errs := repeat(ErrNotSQS, n)
	left := n
	set := func(id *string, result error) {
		if i, err := strconv.Atoi(aws.ToString(id)); err == nil && i >= 0 && i < n {
			errs[i] = result
			left--
		}
	}
	for _, id := range succeeded {
		set(id, nil)
	}
	if left == 0 && len(failed) == 0 {
		return nil
	}
	for _, f := range failed {
		set(f.Id, newEntryError(f))
	}
	return errs
}

func repeat(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
