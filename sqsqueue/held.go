package sqsqueue

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/batch"
	"github.com/coretasks/core/tasks"
)

// These carry out an outcome for a runtime that somebody else hands messages to, and that need not delete them, such as a
// Lambda function. Concurrent calls share requests, as those of Send do.

// fifoSuffix ends the name of every FIFO queue.
const fifoSuffix = ".fifo"

// Bury puts a message of a queue into its dead-letter queue, with the outcome's reason. After nil, and not before, the
// message may be deleted.
func (c *Client) Bury(ctx context.Context, queue string, m types.Message, out tasks.Outcome) error {
	letter := deadLetter(m, out)
	if IsFIFO(queue) {
		letter.group, letter.unique = m.Attributes[string(types.MessageSystemAttributeNameMessageGroupId)], aws.ToString(m.MessageId)
	}
	return c.sendTo(ctx, DeadLetterQueue(queue), letter)
}

// SendAgain sends a message of a queue anew, with as much of the delay as SQS allows. After nil, and not before, the
// message may be deleted.
func (c *Client) SendAgain(ctx context.Context, queue string, m types.Message, delay time.Duration) error {
	return c.sendTo(ctx, queue, again(m, min(max(delay, 0), maxDelay)))
}

func (c *Client) sendTo(ctx context.Context, queue string, out outgoing) error {
	s, err := c.sender(queue)
	if err != nil {
		return wrap("send", c.FullName(queue), err)
	}
	return s.send(ctx, out)
}

// hiding is one message's change of visibility; a timeout of 0 makes it visible now.
type hiding struct {
	handle  *string
	timeout time.Duration
}

// Hide keeps a received message hidden for d from now, and then makes it visible; with 0 at once.
func (c *Client) Hide(ctx context.Context, queue, receiptHandle string, d time.Duration) error {
	b, err := c.hider(queue)
	if err != nil {
		return wrap("change visibility", c.FullName(queue), err)
	}
	item := []hiding{{handle: aws.String(receiptHandle), timeout: d}}
	errs := retryEntries(ctx, item, b.DoAll)
	if errs == nil {
		return nil
	}
	err = errs[0]
	if errors.Is(err, batch.ErrClosed) {
		err = ErrClosed
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	return wrap("change visibility", c.FullName(queue), err)
}

func (c *Client) hider(queue string) (*batch.Batcher[hiding], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	b, ok := c.hiders[queue]
	if !ok {
		b = batch.New(batch.Config[hiding]{
			MaxCount: maxBatch, InFlight: acksInFlight, Eager: acksInFlight, Linger: ackLinger,
			Handle: func(ctx context.Context, items []hiding) []error {
				url, err := c.URL(ctx, queue)
				if err != nil {
					return repeat(err, len(items))
				}
				return c.changeVisibility(ctx, url, queue, items)
			},
		})
		c.hiders[queue] = b
	}
	return b, nil
}

// changeVisibility makes one request of up to ten changes.
func (c *Client) changeVisibility(ctx context.Context, url, queue string, items []hiding) []error {
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(items))
	for i, item := range items {
		entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: item.handle, VisibilityTimeout: seconds(item.timeout),
		}
	}
	out, err := c.api.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: aws.String(url), Entries: entries})
	if err != nil {
		return repeat(wrap("change visibility", c.FullName(queue), err), len(items))
	}
	succeeded := make([]*string, len(out.Successful))
	for i, e := range out.Successful {
		succeeded[i] = e.Id
	}
	return entryErrors(len(items), succeeded, out.Failed)
}
