package schedules

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/sqsqueue"
)

// MaxLaterBytes is the largest message that a one-time schedule can hold: EventBridge takes a payload of 256 KiB ("Quotas
// for Amazon EventBridge Scheduler"). A larger one travels in hops.
const MaxLaterBytes = 256 << 10

// ahead is how early a one-time schedule fires. EventBridge may be up to a minute late, and counts in minutes.
const ahead = time.Minute

// A Later makes a one-time schedule of each job that is due further away than a queue's own delay, in a group of its own
// (see [LaterGroupName]). The schedule fires one to two minutes before the job is due and deletes itself; a worker then
// waits for the second. It needs scheduler:CreateSchedule, UpdateSchedule, DeleteSchedule and iam:PassRole, and, for the
// first job of all, CreateScheduleGroup.
type Later struct {
	api         API
	group, role string
	cfg         Config
}

var _ sqsqueue.Later = (*Later)(nil)

// NewLater returns the keeper of an application's jobs. It needs a role.
func NewLater(api API, cfg Config) (*Later, error) {
	if _, err := New(api, nil, cfg); err != nil {
		return nil, err
	}
	if err := CheckRole(cfg.RoleARN); err != nil {
		return nil, err
	}
	if cfg.RoleARN == "" {
		return nil, ErrNoRole
	}
	group, err := LaterGroupName(cfg.Prefix, cfg.Application)
	if err != nil {
		return nil, err
	}
	return &Later{api: api, group: group, role: cfg.RoleARN, cfg: cfg}, nil
}

// Keep implements [sqsqueue.Later]. A job that is kept already gets the new time and message.
func (l *Later) Keep(ctx context.Context, job sqsqueue.LaterJob) error {
	// The body is JSON, where "<" stands inside strings only: escaped, EventBridge does not take it for one of its own
	// attributes.
	body := strings.ReplaceAll(job.Body, "<aws.", `\u003caws.`)
	if len(body) > MaxLaterBytes {
		return fmt.Errorf("%w: its message has %d bytes and a schedule takes %d", sqsqueue.ErrNotKept, len(body), MaxLaterBytes)
	}
	in := &scheduler.UpdateScheduleInput{
		Name: aws.String(laterName(job.ID)), GroupName: aws.String(l.group), ClientToken: token(),
		Description:        aws.String(description("Job " + job.ID + ", due " + job.Due.UTC().Format(time.RFC3339))),
		ScheduleExpression: aws.String("at(" + job.Due.UTC().Truncate(time.Minute).Add(-ahead).Format("2006-01-02T15:04:05") + ")"),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{
			Arn: aws.String(job.QueueARN), RoleArn: aws.String(l.role), Input: aws.String(body),
			DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String(sqsqueue.DeadLetterQueue(job.QueueARN))},
		},
		ActionAfterCompletion: types.ActionAfterCompletionDelete, State: types.ScheduleStateEnabled,
	}
	for range rounds { // between the two the schedule can fire, or the group be made
		_, err := call(ctx, func(ctx context.Context) (*scheduler.CreateScheduleOutput, error) {
			return l.api.CreateSchedule(ctx, create(in))
		})
		switch {
		case missing(err):
			if err := makeGroup(ctx, l.api, l.group, l.cfg); err != nil {
				return err
			}
		case taken(err):
			in.ClientToken = token()
			_, err := call(ctx, func(ctx context.Context) (*scheduler.UpdateScheduleOutput, error) {
				return l.api.UpdateSchedule(ctx, in)
			})
			if !missing(err) {
				return wrap("update", "scheduler:UpdateSchedule", l.group, *in.Name, err)
			}
		default:
			return wrap("create", "scheduler:CreateSchedule", l.group, *in.Name, err)
		}
		in.ClientToken = token()
	}
	return &Error{Op: "create", Group: l.group, Schedule: *in.Name, Err: ErrUnstable}
}

// Drop deletes the schedule of a job that was cancelled. A job that has none is no error.
func (l *Later) Drop(ctx context.Context, id string) error {
	name := laterName(id)
	_, err := call(ctx, func(ctx context.Context) (*scheduler.DeleteScheduleOutput, error) {
		return l.api.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: aws.String(name), GroupName: aws.String(l.group)})
	})
	if missing(err) {
		return nil
	}
	return wrap("delete", "scheduler:DeleteSchedule", l.group, name, err)
}

// laterName names a job's schedule by the job's id where that is a name, and otherwise by a hash of it behind a character
// with which the others don't begin.
func laterName(id string) string {
	if len(id) <= maxName && namePattern.MatchString(id) && id[0] != '_' {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "_" + hex.EncodeToString(sum[:16])
}
