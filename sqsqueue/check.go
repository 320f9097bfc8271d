package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/tasks"
)

// A Problem is a way in which a queue is not what the tasks need.
type Problem struct {
	// Queue is the name in SQS, with the prefix.
	Queue string `json:"queue"`
	// Fatal means that a worker of the queue can't start.
	Fatal bool `json:"fatal"`
	// Text says what is wrong.
	Text string `json:"problem"`
	// Mend is the command that mends it.
	Mend string `json:"mend"`
}

// MendApply is the command that mends what Check finds.
const MendApply = "core queues apply"

// Check compares the queues with what the tasks need of them. With names, it looks at those queues only. It fails only
// where SQS can't be asked.
func Check(ctx context.Context, c *Client, r *tasks.Registry, names ...string) ([]Problem, error) {
	if err := CheckNames(c.prefix, r); err != nil {
		return nil, err
	}
	var problems []Problem
	for _, spec := range r.Queues() {
		if len(names) > 0 && !slices.Contains(names, spec.Name) {
			continue
		}
		found, err := c.check(ctx, spec)
		if err != nil {
			return problems, err
		}
		problems = append(problems, found...)
	}
	return problems, nil
}

func (c *Client) check(ctx context.Context, spec tasks.QueueSpec) ([]Problem, error) {
	var problems []Problem
	report := func(queue string, fatal bool, format string, args ...any) {
		problems = append(problems, Problem{Queue: c.FullName(queue), Fatal: fatal, Text: fmt.Sprintf(format, args...), Mend: MendApply})
	}
	dead := DeadLetterQueue(spec.Name)
	deadAttrs, err := c.attributes(ctx, dead)
	switch {
	case errors.Is(err, ErrQueueMissing):
		report(dead, true, "the dead-letter queue does not exist")
	case err != nil:
		return nil, err
	case deadAttrs[attrRetention] != inSeconds(spec.DeadLetterRetention):
		report(dead, false, "it keeps messages for %s s; the tasks want %s s", deadAttrs[attrRetention], inSeconds(spec.DeadLetterRetention))
	}
	attrs, err := c.attributes(ctx, spec.Name)
	if errors.Is(err, ErrQueueMissing) {
		report(spec.Name, true, "the queue does not exist")
		return problems, nil
	}
	if err != nil {
		return nil, err
	}
	policy, ok := parseRedrivePolicy(attrs[attrRedrive])
	switch {
	case !ok:
		report(spec.Name, false, "it has no redrive policy: a job that kills its worker would be tried for ever")
	case deadAttrs != nil && policy.DeadLetterTargetARN != deadAttrs[attrARN]:
		report(spec.Name, false, "its redrive policy names %s, not its own dead-letter queue", policy.DeadLetterTargetARN)
	case int(policy.MaxReceiveCount) != spec.MaxReceiveCount:
		report(spec.Name, false, "its maxReceiveCount is %d; the tasks' retries need %d", int(policy.MaxReceiveCount), spec.MaxReceiveCount)
	}
	want := queueAttributes(spec, "")
	for _, what := range []string{attrVisibility, attrRetention} {
		if attrs[what] != want[what] {
			report(spec.Name, false, "its %s is %s s; the tasks want %s s", what, attrs[what], want[what])
		}
	}
	return problems, nil
}

// A Depth is how many messages a queue holds. SQS counts approximately.
type Depth struct {
	// Queue is the name in SQS, with the prefix.
	Queue string `json:"queue"`
	// Missing means that the queue does not exist.
	Missing  bool `json:"missing,omitempty"`
	Waiting  int  `json:"waiting"`
	Delayed  int  `json:"delayed"`
	InFlight int  `json:"in_flight"`
	// Dead is how many messages wait in the dead-letter queue.
	Dead int `json:"dead"`
}

// countedAtOnce bounds the queues that Depths asks for at a time.
const countedAtOnce = 16

// Depths counts the messages of each of the registry's queues, several at a time. It costs two requests a queue.
func Depths(ctx context.Context, c *Client, r *tasks.Registry) ([]Depth, error) {
	if err := r.Err(); err != nil {
		return nil, err
	}
	specs := r.Queues()
	var (
		depths = make([]Depth, len(specs))
		errs   = make([]error, 2*len(specs))
		slots  = make(chan struct{}, countedAtOnce)
		all    sync.WaitGroup
	)
	for i, spec := range specs {
		depths[i].Queue = c.FullName(spec.Name)
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			var pair sync.WaitGroup
			pair.Go(func() { errs[2*i] = c.countLive(ctx, spec.Name, &depths[i]) })
			pair.Go(func() { depths[i].Dead, errs[2*i+1] = c.countDead(ctx, spec.Name) })
			pair.Wait()
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err // the first, in the order of the queues
		}
	}
	return depths, nil
}

// countLive fills in all but the dead letters.
func (c *Client) countLive(ctx context.Context, queue string, d *Depth) error {
	attrs, err := c.attributes(ctx, queue)
	if errors.Is(err, ErrQueueMissing) {
		d.Missing = true
		return nil
	}
	if err != nil {
		return err
	}
	d.Waiting = count(attrs, types.QueueAttributeNameApproximateNumberOfMessages)
	d.Delayed = count(attrs, types.QueueAttributeNameApproximateNumberOfMessagesDelayed)
	d.InFlight = count(attrs, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible)
	return nil
}

func (c *Client) countDead(ctx context.Context, queue string) (int, error) {
	attrs, err := c.attributes(ctx, DeadLetterQueue(queue))
	if err != nil && !errors.Is(err, ErrQueueMissing) {
		return 0, err
	}
	return count(attrs, types.QueueAttributeNameApproximateNumberOfMessages), nil
}

func count(attrs map[string]string, name types.QueueAttributeName) int {
	n, err := strconv.Atoi(strings.TrimSpace(attrs[string(name)]))
	if err != nil {
		return 0
	}
	return n
}

// VisibilityTimeout returns what a queue is set to.
func (c *Client) VisibilityTimeout(ctx context.Context, queue string) (time.Duration, error) {
	attrs, err := c.attributes(ctx, queue)
	if err != nil {
		return 0, err
	}
	return time.Duration(count(attrs, types.QueueAttributeName(attrVisibility))) * time.Second, nil
}
