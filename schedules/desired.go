package schedules

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/google/uuid"

	"github.com/coretasks/core/tasks"
)

// BatchTarget is the universal target that sends up to ten messages with delays.
const BatchTarget = "arn:aws:scheduler:::aws-sdk:sqs:sendMessageBatch"

// desired is a schedule as the code wants it, for one account.
type desired struct {
	Spec
	target types.Target
}

// desire returns the schedules that are still due, by name. It asks where the queues are.
func (m *Manager) desire(ctx context.Context, r *tasks.Registry, now time.Time) (map[string]desired, error) {
	specs, err := Specs(r)
	if err != nil {
		return nil, err
	}
	wanted := map[string]desired{}
	for _, spec := range specs {
		if spec.Over(now) {
			continue
		}
		if m.cfg.RoleARN == "" {
			return nil, ErrNoRole
		}
		target, err := m.target(ctx, spec)
		if err != nil {
			return nil, err
		}
		wanted[spec.Name] = desired{spec, target}
	}
	return wanted, nil
}

func (m *Manager) target(ctx context.Context, spec Spec) (types.Target, error) {
	arn, err := m.queues.ARN(ctx, spec.Queue)
	if err != nil {
		return types.Target{}, err
	}
	url, err := m.queues.URL(ctx, spec.Queue)
	if err != nil {
		return types.Target{}, err
	}
	dead, err := m.queues.ARN(ctx, spec.DeadLetterQueue())
	if err != nil {
		return types.Target{}, err
	}
	input, err := spec.Input(url)
	if err != nil {
		return types.Target{}, err
	}
	if spec.Batch() {
		arn = BatchTarget
	}
	return types.Target{
		Arn: aws.String(arn), RoleArn: aws.String(m.cfg.RoleARN), Input: aws.String(input),
		DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String(dead)},
		RetryPolicy: &types.RetryPolicy{
			MaximumEventAgeInSeconds: aws.Int32(int32(spec.MaxEventAge / time.Second)), MaximumRetryAttempts: aws.Int32(int32(spec.Retries)),
		},
	}, nil
}

// replacement is the request that makes the schedule be as wanted. Its state, and a key of the customer's own, are not
// the code's: they stay as they are.
func (d desired) replacement(group string, have *scheduler.GetScheduleOutput, now time.Time) *scheduler.UpdateScheduleInput {
	in := &scheduler.UpdateScheduleInput{
		Name: aws.String(d.Name), GroupName: aws.String(group), ClientToken: token(), Description: aws.String(d.Description),
		ScheduleExpression: aws.String(d.Expression), ScheduleExpressionTimezone: aws.String(d.Zone),
		StartDate: optional(d.Start(now)), EndDate: optional(d.End()),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target:             &d.target, ActionAfterCompletion: types.ActionAfterCompletionNone, State: types.ScheduleStateEnabled,
	}
	if d.FlexibleWindow > 0 {
		in.FlexibleTimeWindow = &types.FlexibleTimeWindow{
			Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(int32(d.FlexibleWindow / time.Minute)),
		}
	}
	if have != nil {
		in.State, in.KmsKeyArn = have.State, have.KmsKeyArn
	}
	return in
}

// token makes a request that is repeated, because its answer was lost, count once.
func token() *string { return aws.String(uuid.NewString()) }
