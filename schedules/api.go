package schedules

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/smithy-go"

	"github.com/coretasks/core/internal/awsclient"
)

// API is what this package needs of EventBridge Scheduler. *scheduler.Client has it, and so has the emulator.
type API interface {
	CreateSchedule(context.Context, *scheduler.CreateScheduleInput, ...func(*scheduler.Options)) (*scheduler.CreateScheduleOutput, error)
	GetSchedule(context.Context, *scheduler.GetScheduleInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error)
	UpdateSchedule(context.Context, *scheduler.UpdateScheduleInput, ...func(*scheduler.Options)) (*scheduler.UpdateScheduleOutput, error)
	DeleteSchedule(context.Context, *scheduler.DeleteScheduleInput, ...func(*scheduler.Options)) (*scheduler.DeleteScheduleOutput, error)
	ListSchedules(context.Context, *scheduler.ListSchedulesInput, ...func(*scheduler.Options)) (*scheduler.ListSchedulesOutput, error)
	CreateScheduleGroup(context.Context, *scheduler.CreateScheduleGroupInput, ...func(*scheduler.Options)) (*scheduler.CreateScheduleGroupOutput, error)
	GetScheduleGroup(context.Context, *scheduler.GetScheduleGroupInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleGroupOutput, error)
	ListTagsForResource(context.Context, *scheduler.ListTagsForResourceInput, ...func(*scheduler.Options)) (*scheduler.ListTagsForResourceOutput, error)
}

// Queues says where queues are, by their names in the code. *sqsqueue.Client has it.
type Queues interface {
	URL(ctx context.Context, queue string) (string, error)
	ARN(ctx context.Context, queue string) (string, error)
}

// NewAPI returns a client whose retries are left to this package, which knows for how long which of them make sense.
func NewAPI(cfg aws.Config, opts ...func(*scheduler.Options)) *scheduler.Client {
	setUp := func(o *scheduler.Options) {
		o.HTTPClient = awsclient.HTTP(cfg.HTTPClient, requestTimeout)
		o.Retryer = aws.NopRetryer{}
	}
	return scheduler.NewFromConfig(cfg, append([]func(*scheduler.Options){setUp}, opts...)...)
}

const (
	// patience is for how long a request is repeated that EventBridge will take at some time: throttled, in conflict with
	// another one, or naming a role that was made just now, which IAM takes some seconds to tell.
	patience = time.Minute
	// failures is how often a request is tried that the network or the service failed.
	failures   = 3
	maxBackoff = 5 * time.Second
	// requestTimeout bounds one try.
	requestTimeout = 30 * time.Second
	// atOnce bounds the requests under way. EventBridge allows hundreds a second ("Quotas for Amazon EventBridge Scheduler").
	atOnce = 16
)

// call makes a request, and repeats it while that makes sense.
func call[Out any](ctx context.Context, request func(context.Context) (Out, error)) (Out, error) {
	started := time.Now()
	for attempt := 1; ; attempt++ {
		out, err := request(ctx)
		if err == nil || !again(err, attempt, time.Since(started)) {
			return out, err
		}
		if stopped := pause(ctx, backoff(attempt)); stopped != nil {
			return out, &stoppedError{cause: stopped, last: err}
		}
	}
}

// backoff is exponential from 200 ms to 5 s, with full jitter above half of it.
func backoff(attempt int) time.Duration {
	d := min(200*time.Millisecond<<min(attempt-1, 10), maxBackoff)
	return d/2 + rand.N(d/2)
}

// pause waits, or returns why ctx ended first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func again(err error, attempt int, waited time.Duration) bool {
	throttled := retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary
	if throttled || busy(err) || roleUnknown(err) {
		return waited < patience
	}
	return attempt < failures && retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
}

// busy reports a conflict with another request on the same schedule, which passes. One with a name that is taken does not.
func busy(err error) bool {
	conflict := (*types.ConflictException)(nil)
	return errors.As(err, &conflict) && !strings.Contains(conflict.ErrorMessage(), "already exists")
}

// roleUnknown reports that EventBridge can't assume the role, or not yet. It says so in a ValidationException: "The
// execution role you provide must allow AWS EventBridge Scheduler to assume the role."
func roleUnknown(err error) bool {
	api := smithy.APIError(nil)
	return errors.As(err, &api) && api.ErrorCode() == "ValidationException" && strings.Contains(api.ErrorMessage(), "assume the role")
}

func missing(err error) bool {
	notFound := (*types.ResourceNotFoundException)(nil)
	return errors.As(err, &notFound)
}

func taken(err error) bool {
	conflict := (*types.ConflictException)(nil)
	return errors.As(err, &conflict)
}

// each calls do for each item, a few at once, and returns the first error, after which no further item is begun.
func each[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, item := range items {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := do(ctx, item); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
