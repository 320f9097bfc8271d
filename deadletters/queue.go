// Package deadletters looks at the dead letters of a queue, sends them back to it and deletes them.
//
// SQS has no way to look at a message without receiving it, which hides it from all others for a while. Whatever this
// package receives is hidden for [Hold] and given back as soon as it is done with it; what a process that was killed held
// is there again after Hold. Receiving does no harm: a dead-letter queue has no redrive policy of its own, so a receive count
// that grows moves nothing.
package deadletters

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/sqsqueue"
)

// Hold is how long a letter that was received is hidden from others at the most.
const Hold = 30 * time.Second

// API is what this package needs of SQS. *sqs.Client has it, and so has the emulator.
type API interface {
	sqsqueue.API
	StartMessageMoveTask(context.Context, *sqs.StartMessageMoveTaskInput, ...func(*sqs.Options)) (*sqs.StartMessageMoveTaskOutput, error)
	ListMessageMoveTasks(context.Context, *sqs.ListMessageMoveTasksInput, ...func(*sqs.Options)) (*sqs.ListMessageMoveTasksOutput, error)
	CancelMessageMoveTask(context.Context, *sqs.CancelMessageMoveTaskInput, ...func(*sqs.Options)) (*sqs.CancelMessageMoveTaskOutput, error)
}

// Requeuer puts the record of a job back into state queued. Every store of package results is one.
type Requeuer interface {
	Requeue(ctx context.Context, q results.Requeue) (results.Record, error)
}

// Config sets up a [Queue]; the zero value is ready to use.
type Config struct {
	// Prefix is that of the queues' names; see [sqsqueue.Config].
	Prefix string
	// Records are put back together with the jobs. Without them, workers that keep records take a redriven job for dead and
	// dead-letter it again without running it. Leave it nil where no records are kept.
	Records Requeuer
}

// A Queue is the dead-letter queue of a queue. It is safe for concurrent use, also by several processes: what one has
// received is hidden from the others.
type Queue struct {
	api     API
	records Requeuer

	source, sourceURL, sourceARN string // the queue that the letters come from and go back to; its name in SQS
	dead, deadURL, deadARN       string
	maxReceives                  int // of the source's redrive policy; 0 where it has none
}

// Open finds a queue and its dead-letter queue. The name is without the prefix.
func Open(ctx context.Context, api API, queue string, cfg Config) (*Queue, error) {
	client, err := sqsqueue.New(api, sqsqueue.Config{Prefix: cfg.Prefix})
	if err != nil {
		return nil, err
	}
	dead := sqsqueue.DeadLetterQueue(queue)
	q := &Queue{api: api, records: cfg.Records, source: client.FullName(queue), dead: client.FullName(dead)}
	if q.sourceURL, err = client.URL(ctx, queue); err != nil {
		return nil, err
	}
	if q.deadURL, err = client.URL(ctx, dead); err != nil {
		return nil, err
	}
	attrs, err := q.attributes(ctx, q.source, q.sourceURL)
	if err != nil {
		return nil, err
	}
	q.sourceARN, q.maxReceives = attrs["QueueArn"], sqsqueue.MaxReceives(attrs)
	if attrs, err = q.attributes(ctx, q.dead, q.deadURL); err != nil {
		return nil, err
	}
	q.deadARN = attrs["QueueArn"]
	return q, nil
}

// Name is the dead-letter queue's name in SQS.
func (q *Queue) Name() string { return q.dead }

// Source is the name in SQS of the queue that letters go back to.
func (q *Queue) Source() string { return q.source }

func (q *Queue) attributes(ctx context.Context, name, url string) (map[string]string, error) {
	out, err := q.api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return nil, sqsqueue.NewError("read the settings", name, err)
	}
	return out.Attributes, nil
}

// A Depth is how many letters a queue has, as SQS counts: approximately.
type Depth struct {
	// Visible can be received now. Hidden are held by somebody, another operator perhaps, for [Hold] at the most.
	Visible, Hidden int
}

// Depth counts the letters.
func (q *Queue) Depth(ctx context.Context) (Depth, error) {
	attrs, err := q.attributes(ctx, q.dead, q.deadURL)
	if err != nil {
		return Depth{}, err
	}
	number := func(name types.QueueAttributeName) int {
		n, err := strconv.Atoi(attrs[string(name)])
		if err != nil {
			return 0
		}
		return n
	}
	return Depth{
		Visible: number(types.QueueAttributeNameApproximateNumberOfMessages),
		Hidden:  number(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible),
	}, nil
}

// A NotFoundError says that no dead letter of a job could be received.
type NotFoundError struct {
	Queue string // the dead-letter queue's name in SQS
	ID    string
	// Hidden is how many letters somebody else holds, so that the one may be among them.
	Hidden int
}

func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("queue %q has no dead letter of job %q", e.Queue, e.ID)
	if e.Hidden > 0 {
		text += fmt.Sprintf(" that could be looked at; another process holds %d letters for up to %v, so try again then", e.Hidden, Hold)
	}
	return text
}
