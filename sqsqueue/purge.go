package sqsqueue

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// PurgeTime is how long SQS may take to purge a queue, and how long after one purge it refuses the next (API reference,
// PurgeQueue).
const PurgeTime = time.Minute

// ErrPurging says that the queue was purged less than [PurgeTime] ago.
var ErrPurging = errors.New("the queue was purged less than 60 s ago, and SQS allows one purge a minute; try again then")

// PurgeAPI is what [Purge] needs of SQS. *sqs.Client has it, and so has the emulator.
type PurgeAPI interface {
	PurgeQueue(context.Context, *sqs.PurgeQueueInput, ...func(*sqs.Options)) (*sqs.PurgeQueueOutput, error)
}

// Purge deletes all messages of a queue: those that wait, those that are delayed and those that workers hold, whose runs go
// on. SQS takes up to [PurgeTime], and what is enqueued within it can be deleted as well. The name is without the
// prefix. Records of the jobs stay as they are. A purge less than a minute after another is [ErrPurging].
func Purge(ctx context.Context, c *Client, api PurgeAPI, queue string) error {
	url, err := c.URL(ctx, queue)
	if err != nil {
		return err
	}
	_, err = api.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: aws.String(url)})
	if running := (*types.PurgeQueueInProgress)(nil); errors.As(err, &running) {
		return &Error{Op: "purge", Queue: c.FullName(queue), Err: ErrPurging}
	}
	return wrap("purge", c.FullName(queue), err)
}
