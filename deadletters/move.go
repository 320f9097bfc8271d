package deadletters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/sqsqueue"
)

// MaxMoveRate is how many messages a second a move task moves at the most, where a rate is set
// (StartMessageMoveTask, MaxNumberOfMessagesPerSecond).
const MaxMoveRate = 500

// moveLook is how often a move task is looked at.
const moveLook = time.Second

// The states of a move task (ListMessageMoveTasks).
const (
	moveRunning    = "RUNNING"
	moveCancelling = "CANCELLING"
	moveFailed     = "FAILED"
)

// ErrRecords says that a move task can't serve: it moves messages inside SQS and leaves records as they are.
var ErrRecords = errors.New("a move task would leave the jobs' records dead; redrive letter by letter instead")

// Moved is what became of a move.
type Moved struct {
	// Letters are how many the task had moved when it was last looked at.
	Letters int
	// Joined says that the task was under way before, at the rate of whoever started it. SQS runs one for each queue.
	Joined bool
}

// Move sends all letters back by a task of SQS's own (StartMessageMoveTask), which goes on when this program is killed; run
// again, it follows the task that is under way. When ctx ends it cancels the task, unless it has joined it: what was moved is
// moved, the rest stays.
//
// A move keeps a message's attributes, and so the reasons of the former death: workers don't look at them, and the next death
// overwrites them. It takes malformed messages along, which workers then dead-letter again at once. It knows nothing of
// records, and so is refused for a queue that was opened with some.
//
// The rate is in letters a second, 1 to [MaxMoveRate]; 0 leaves it to SQS.
func (q *Queue) Move(ctx context.Context, rate int, progress func(Progress)) (Moved, error) {
	if q.records != nil {
		return Moved{}, ErrRecords
	}
	if rate < 0 || rate > MaxMoveRate {
		return Moved{}, fmt.Errorf("rate %d is invalid: a move task takes 1 to %d messages a second", rate, MaxMoveRate)
	}
	task, err := q.moveTask(ctx)
	if err != nil {
		return Moved{}, err
	}
	handle := "" // of the task that was started here, and is cancelled when ctx ends
	if !underWay(task) {
		// DestinationArn is named, since SQS does not know where the letters come from that workers have sent.
		in := &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(q.deadARN), DestinationArn: aws.String(q.sourceARN)}
		if rate > 0 {
			in.MaxNumberOfMessagesPerSecond = aws.Int32(int32(rate))
		}
		out, err := q.api.StartMessageMoveTask(ctx, in)
		if err != nil {
			return Moved{}, sqsqueue.NewError("start a move task", q.dead, err)
		}
		handle = aws.ToString(out.TaskHandle)
	}
	letters, err := q.follow(ctx, handle, progress)
	return Moved{Letters: letters, Joined: handle == ""}, err
}

func underWay(task types.ListMessageMoveTasksResultEntry) bool {
	status := aws.ToString(task.Status)
	return status == moveRunning || status == moveCancelling
}

// moveTask is the latest one, or none.
func (q *Queue) moveTask(ctx context.Context) (types.ListMessageMoveTasksResultEntry, error) {
	out, err := q.api.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: aws.String(q.deadARN), MaxResults: aws.Int32(1)})
	if err != nil {
		return types.ListMessageMoveTasksResultEntry{}, sqsqueue.NewError("look at move tasks", q.dead, err)
	}
	if len(out.Results) == 0 {
		return types.ListMessageMoveTasksResultEntry{}, nil
	}
	return out.Results[0], nil
}

// follow looks at a task until it ends, or ctx does, which cancels the task of the handle if there is one.
func (q *Queue) follow(ctx context.Context, handle string, progress func(Progress)) (int, error) {
	look := time.NewTicker(moveLook)
	defer look.Stop()
	for {
		task, err := q.moveTask(context.WithoutCancel(ctx))
		if err != nil {
			return 0, err
		}
		moved := int(task.ApproximateNumberOfMessagesMoved)
		if progress != nil {
			progress(Progress{Total: int(aws.ToInt64(task.ApproximateNumberOfMessagesToMove)), Done: moved})
		}
		switch {
		case aws.ToString(task.Status) == moveFailed:
			return moved, sqsqueue.NewError("move", q.dead, fmt.Errorf("SQS gave the move up: %s", aws.ToString(task.FailureReason)))
		case !underWay(task):
			return moved, nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			if handle == "" {
				return moved, context.Cause(ctx)
			}
			return q.cancelMove(ctx, handle, moved)
		}
	}
}

func (q *Queue) cancelMove(ctx context.Context, handle string, moved int) (int, error) {
	cause := context.Cause(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), returnTimeout)
	defer cancel()
	out, err := q.api.CancelMessageMoveTask(ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: aws.String(handle)})
	if err != nil {
		return moved, errors.Join(cause, sqsqueue.NewError("cancel the move task", q.dead, err))
	}
	return max(moved, int(out.ApproximateNumberOfMessagesMoved)), cause
}
