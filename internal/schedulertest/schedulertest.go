// Package schedulertest is the conformance suite for EventBridge Scheduler with queues as targets: what AWS's API
// reference and user guide promise, as tests that any backend can be put through.
//
// A backend that only stores schedules lists the firing tests as deviations. They create schedules that are due within
// seconds and wait for at most 90 seconds: the service fires within the minute.
package schedulertest

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/internal/conformance"
)

// API is the part of *scheduler.Client that the suite exercises.
type API interface {
	CreateSchedule(context.Context, *scheduler.CreateScheduleInput, ...func(*scheduler.Options)) (*scheduler.CreateScheduleOutput, error)
	GetSchedule(context.Context, *scheduler.GetScheduleInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error)
	UpdateSchedule(context.Context, *scheduler.UpdateScheduleInput, ...func(*scheduler.Options)) (*scheduler.UpdateScheduleOutput, error)
	DeleteSchedule(context.Context, *scheduler.DeleteScheduleInput, ...func(*scheduler.Options)) (*scheduler.DeleteScheduleOutput, error)
	ListSchedules(context.Context, *scheduler.ListSchedulesInput, ...func(*scheduler.Options)) (*scheduler.ListSchedulesOutput, error)

	CreateScheduleGroup(context.Context, *scheduler.CreateScheduleGroupInput, ...func(*scheduler.Options)) (*scheduler.CreateScheduleGroupOutput, error)
	GetScheduleGroup(context.Context, *scheduler.GetScheduleGroupInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleGroupOutput, error)
	DeleteScheduleGroup(context.Context, *scheduler.DeleteScheduleGroupInput, ...func(*scheduler.Options)) (*scheduler.DeleteScheduleGroupOutput, error)
	ListScheduleGroups(context.Context, *scheduler.ListScheduleGroupsInput, ...func(*scheduler.Options)) (*scheduler.ListScheduleGroupsOutput, error)

	TagResource(context.Context, *scheduler.TagResourceInput, ...func(*scheduler.Options)) (*scheduler.TagResourceOutput, error)
	UntagResource(context.Context, *scheduler.UntagResourceInput, ...func(*scheduler.Options)) (*scheduler.UntagResourceOutput, error)
	ListTagsForResource(context.Context, *scheduler.ListTagsForResourceInput, ...func(*scheduler.Options)) (*scheduler.ListTagsForResourceOutput, error)
}

// Queues is the part of *sqs.Client with which the suite makes and reads the queues that schedules fire into.
type Queues interface {
	CreateQueue(context.Context, *sqs.CreateQueueInput, ...func(*sqs.Options)) (*sqs.CreateQueueOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessage(context.Context, *sqs.DeleteMessageInput, ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error)
	DeleteQueue(context.Context, *sqs.DeleteQueueInput, ...func(*sqs.Options)) (*sqs.DeleteQueueOutput, error)
}

// Harness is one backend.
type Harness struct {
	// API and Queues are shared by all tests of the suite, which run at the same time.
	API    API
	Queues Queues
	// Elsewhere is the same backend for clients of another region; without it what regions have to do with each other is not tried.
	Elsewhere *Harness
	conformance.Known
}

const atOnce = 24

// Run puts a backend through the suite.
func Run(t *testing.T, h Harness) {
	t.Helper()
	var tests []conformance.Test
	for _, part := range [][]func(*check){scheduleTests, groupTests, refusalTests, firingTests, regionTests} {
		for _, test := range part {
			tests = append(tests, conformance.Test{
				Name: conformance.Name(test), Run: func(c *conformance.Case) { test(&check{c, &h}) },
			})
		}
	}
	conformance.Run(t, h.Known, atOnce, tests)
}

// check is one running test.
type check struct {
	*conformance.Case
	*Harness
}

func (c *check) in(name string, test func(*check)) {
	c.In(name, func(one *conformance.Case) { test(&check{one, c.Harness}) })
}

// newName makes a name that nobody else uses.
func newName() string { return "conf-" + rand.Text()[:12] }

// group creates a group that is deleted, with its schedules, when the test ends.
func (c *check) group(tags ...types.Tag) (name, arn string) {
	c.Helper()
	name = newName()
	out, err := c.API.CreateScheduleGroup(c.Ctx, &scheduler.CreateScheduleGroupInput{Name: &name, Tags: tags})
	c.OK(err, "CreateScheduleGroup")
	c.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), conformance.Patience) // the test's own has ended
		defer cancel()
		_, _ = c.API.DeleteScheduleGroup(ctx, &scheduler.DeleteScheduleGroupInput{Name: &name}) // the test may have done so
	})
	return name, aws.ToString(out.ScheduleGroupArn)
}

const (
	role        = "arn:aws:iam::000000000000:role/scheduler"
	nobodyQueue = "arn:aws:sqs:us-east-1:000000000000:nobody"
)

// never is a schedule that is not due for a century.
func never(group string) *scheduler.CreateScheduleInput {
	return &scheduler.CreateScheduleInput{
		Name: aws.String(newName()), GroupName: &group, ScheduleExpression: aws.String("cron(0 0 1 1 ? 2199)"),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target:             &types.Target{Arn: aws.String(nobodyQueue), RoleArn: aws.String(role), Input: aws.String("hello")},
	}
}

func (c *check) create(in *scheduler.CreateScheduleInput) {
	c.Helper()
	_, err := c.API.CreateSchedule(c.Ctx, in)
	c.OK(err, "CreateSchedule")
}

func (c *check) get(in *scheduler.CreateScheduleInput) *scheduler.GetScheduleOutput {
	c.Helper()
	out, err := c.API.GetSchedule(c.Ctx, &scheduler.GetScheduleInput{Name: in.Name, GroupName: in.GroupName})
	c.OK(err, "GetSchedule")
	return out
}

// same checks one member of an answer.
func same[T comparable](c *check, member string, got, want T) {
	c.Helper()
	if got != want {
		c.Errorf("%s is %v, want %v", member, got, want)
	}
}

// soon is a moment that a one-time schedule can be created for in time.
func soon() time.Time { return time.Now().UTC().Add(3 * time.Second).Truncate(time.Second) }
